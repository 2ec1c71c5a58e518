"""What importing Ork costs, beside the start of an interpreter that does nothing. Run it to see a table."""

import os
import subprocess
import sys
import time

SRC = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")
ROUNDS = 15


def seconds(statement):
    """How long an interpreter takes that runs one statement."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {SRC!r}); {statement}"], check=True
    )
    return time.perf_counter() - began


def measure(statements, rounds=ROUNDS):
    """The best of some rounds for each statement; taken in turns, so that a busy machine is busy for all."""
    best = dict.fromkeys(statements, float("inf"))
    for _ in range(rounds):
        for statement in statements:
            best[statement] = min(best[statement], seconds(statement))
    return best


if __name__ == "__main__":
    found = measure(
        [
            "pass",
            "import ork",
            "from ork import Context, task, TransientError",
            "from ork import BigQueryJob",
            "from ork import testing",
            "import json",
        ]
    )
    for statement, best in found.items():
        more = (best - found["pass"]) * 1000
        print(f"{best * 1000:7.1f} ms  {best / found['pass']:5.2f} x  {more:+6.1f} ms  {statement}")
