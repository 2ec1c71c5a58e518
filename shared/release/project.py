"""What the parts of a release share: where things are, running programs, errors that end a release."""

import os
import shlex
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


class Trouble(Exception):
    """Why there is no release: what, where, and what to do."""


def path(*parts):
    """A path below the project's root."""
    return os.path.join(ROOT, *parts)


def read(*parts):
    """The text of a file of the project."""
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def run(command, **options):
    """Runs a program and gives what it printed; that it fails, or is not there, is a Trouble with its last words."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    except OSError as error:
        raise Trouble(f"{command[0]} cannot be started: {error.strerror or error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip() or done.stdout.decode("utf-8", "replace").strip()
        last = "\n".join(said.splitlines()[-20:])
        raise Trouble(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{last}")
    return done.stdout.decode("utf-8")


def cargo():
    """The words that start cargo: `CARGO`, or the one on PATH."""
    return shlex.split(os.environ.get("CARGO") or "cargo")


def skip(what, needed):
    """Something optional is left out: loudly, and with ORK_REQUIRE_ALL=1 not at all."""
    if os.environ.get("ORK_REQUIRE_ALL") == "1":
        raise Trouble(f"{what}: {needed}")
    print(f"\nSKIPPED {what}: {needed}\n", file=sys.stderr, flush=True)
