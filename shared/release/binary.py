"""Building the programs, and what a program needs of the system that it runs on."""

import os
import re
import shutil
import subprocess
import sys

from project import ROOT, Trouble, cargo, run

# Archive, crate, program. The roles of a deployment, workers included, are one program.
PROGRAMS = [("ork", "ork-cli"), ("ork-service", "ork-service")]

# What every Linux with a GNU C library has: the list of the manylinux policies, as far as it concerns us.
# https://peps.python.org/pep-0600/
EVERYWHERE = {"libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libgcc_s.so.1"}
LOADER = re.compile(r"ld-linux.*\.so\.\d+")

# The oldest GNU C library that Rust's own library for Linux works on.
OLDEST_GLIBC = "2.17"


def host():
    """The target triple of this machine, as rustc says."""
    said = run([os.environ.get("RUSTC") or "rustc", "-vV"], cwd=ROOT)
    return re.search(r"(?m)^host: (\S+)$", said).group(1)


def portable():
    """Whether there is what builds for an older C library than this machine's: cargo-zigbuild and Zig."""
    if not shutil.which("cargo-zigbuild"):
        return False
    asked = [[sys.executable, "-m", "ziglang", "version"], ["python3", "-m", "ziglang", "version"], ["zig", "version"]]
    return any(
        shutil.which(command[0])
        and subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        for command in asked
    )


def build(target, target_dir, glibc):
    """Builds the programs, optimised and stripped, and gives the folder that they are in.

    `glibc` is the oldest GNU C library they shall run on; None builds for the one of this machine.
    """
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    registry = os.path.join(home, "registry", "src")
    environment = dict(os.environ)
    for name in ("RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"):
        environment.pop(name, None)
    # What is shipped names no folder of the machine that built it.
    environment["RUSTFLAGS"] = f"--remap-path-prefix={registry}=/registry --remap-path-prefix={ROOT}=/ork"
    environment["CFLAGS"] = f"-ffile-prefix-map={registry}=/registry"
    environment["CARGO_TARGET_DIR"] = target_dir
    command = [*cargo(), "build"] if glibc is None else ["cargo-zigbuild", "zigbuild"]
    command += ["--locked", "--profile", "dist", "--target", target if glibc is None else f"{target}.{glibc}"]
    for _, crate in PROGRAMS:
        command += ["-p", crate]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        raise Trouble(f"{' '.join(command)} failed: see above")
    return os.path.join(target_dir, target, "dist")


def needs(program):
    """The shared libraries that a program names, and the newest version of the GNU C library whose symbols it uses (None: none)."""
    said = run(["objdump", "-p", program])
    libraries = re.findall(r"(?m)^\s+NEEDED\s+(\S+)$", said)
    versions = re.findall(r"(?m)^\s+0x[0-9a-f]+ 0x\w+ \d+ GLIBC_([\d.]+)$", said)
    return libraries, max(versions, key=numbers, default=None)


def numbers(version):
    """Orders versions of the C library."""
    return [int(part) for part in version.split(".")]


def check(program, glibc):
    """That a program runs wherever it is said to run. Gives the version of the C library that it needs."""
    libraries, needed = needs(program)
    foreign = [name for name in libraries if name not in EVERYWHERE and not LOADER.fullmatch(name)]
    if foreign:
        raise Trouble(f"{program} needs {', '.join(foreign)}, which is not on every Linux: build it in, or leave it out")
    if glibc and needed and numbers(needed) > numbers(glibc):
        raise Trouble(f"{program} needs version {needed} of the GNU C library, and {glibc} was asked for")
    return needed


def wheel_platform(target, glibc):
    """The platform in the name of a wheel for a target (https://peps.python.org/pep-0600/)."""
    machine, _, system = target.partition("-")
    if system != "unknown-linux-gnu":
        raise Trouble(f"wheels for {target} have not been tried: only those of Linux with the GNU C library are made")
    # Older ones than Rust's own library works on are not promised, whatever the program happens to use.
    oldest = max(glibc or OLDEST_GLIBC, OLDEST_GLIBC, key=numbers)
    return f"manylinux_{oldest.replace('.', '_')}_{machine}"


def names_of_this_machine(program):
    """Folders of this machine that a program names, which are nobody's business."""
    with open(program, "rb") as file:
        content = file.read()
    return sorted(place for place in {os.path.expanduser("~"), ROOT} if place.encode() + b"/" in content)
