"""`python -m ork executor FILE.py[:NAME]`: runs an executor of the project's own (see `ork.executor`)."""

import sys

USAGE = "usage: python -m ork executor FILE.py[:NAME]\n"


def main(arguments: "list[str]") -> int:
    """Do what the first argument says."""
    if arguments[:1] == ["executor"]:
        from ._executor import main as run

        return run(arguments[1:])
    sys.stderr.write(USAGE)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
