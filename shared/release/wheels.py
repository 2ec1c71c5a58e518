"""Python's packages: ork-cli, which carries the program, and ork-sdk, which is plain Python."""

import os
import shutil
import subprocess
import sys

from project import Trouble, path, run

NEEDED = "hatchling"
HERE = os.path.dirname(os.path.abspath(__file__))


def possible():
    """Whether this interpreter has what builds wheels."""
    probe = [sys.executable, "-c", f"import {NEEDED}"]
    return subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def sdk(out, scratch, epoch):
    """Builds the wheel of the SDK and its source package into `out`."""
    stage = os.path.join(scratch, "ork-sdk")
    # Links become what they lead to: a source package has nothing beside it.
    shutil.copytree(path("shared", "sdk-python"), stage, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return hatch(stage, out, epoch, ["-t", "sdist", "-t", "wheel"])


def cli(out, scratch, epoch, program, platform, third_party):
    """Builds the wheel that carries `program` for `platform` into `out`."""
    stage = os.path.join(scratch, "ork-cli")
    shutil.copytree(os.path.join(HERE, "wheel"), stage, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        shutil.copyfile(path(name), os.path.join(stage, name))
    with open(os.path.join(stage, "THIRD-PARTY-LICENSES.txt"), "w", encoding="utf-8") as file:
        file.write(third_party)
    shutil.copyfile(program, os.path.join(stage, "ork"))
    os.chmod(os.path.join(stage, "ork"), 0o755)
    return hatch(stage, out, epoch, ["-t", "wheel"], ORK_WHEEL_PLATFORM=platform)


def hatch(stage, out, epoch, targets, **more):
    """Has hatchling build what lies in `stage`; gives the names of what it built."""
    before = set(os.listdir(out))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), **more}
    run([sys.executable, "-m", "hatchling", "build", *targets, "-d", out], cwd=stage, env=environment)
    made = sorted(set(os.listdir(out)) - before)
    if len(made) != targets.count("-t"):
        raise Trouble(f"hatchling built {made or 'nothing'} of {stage}")
    return made
