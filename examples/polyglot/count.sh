#!/bin/sh
# How often each sum from 2 to 12 was thrown. The input is {"rolls": "7 4 11 …"}.
set -eu
printf '%s\n' "$ORK_INPUT_JSON" | tr -c '0-9' '\n' | awk '
    /^[0-9]+$/ { seen[$1]++ }
    END {
        line = ""
        for (sum = 2; sum <= 12; sum++) line = line (sum > 2 ? "," : "") (seen[sum] + 0)
        print "ORK_OUTPUT:[" line "]"
    }'
