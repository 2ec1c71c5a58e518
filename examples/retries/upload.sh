#!/bin/sh
# Fails with exit code 75 (transient) the first time. ORK_ATTEMPT counts from 1.
if [ "$ORK_ATTEMPT" -lt 2 ]; then
    echo "the connection was reset" >&2
    exit 75
fi
echo "uploaded at attempt $ORK_ATTEMPT"
echo 'ORK_OUTPUT:{"uploaded": true}'
