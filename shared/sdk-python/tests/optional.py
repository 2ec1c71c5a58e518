"""Says loudly that a part of the tests was left out; with ORK_REQUIRE_ALL=1 that is a failure."""

import os
import sys


def skipped(what, missing):
    """A reason for `unittest.skipIf`: `what` cannot be tested without what is `missing`."""
    if os.environ.get("ORK_REQUIRE_ALL") == "1":
        raise RuntimeError(f"{what} may not be skipped (ORK_REQUIRE_ALL=1): {missing}")
    sys.stderr.write(f"SKIPPED: {what}: {missing} (ORK_REQUIRE_ALL=1 makes this an error)\n")
    return missing
