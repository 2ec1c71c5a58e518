"""`make release`: the programs, their archives, Python's packages, checksums.

    python3 shared/release/release.py --target-dir target --out target/release-dist [--glibc 2.17 | --here]
    … --built FOLDER --only ork     of a program that is there already, whatever it was built for

Everything is made in a folder beside `--out`, which it replaces when all is well.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import archive
import binary
import licences
import versions
import wheels
from project import ROOT, Trouble, path, run, skip

SHELLS = [("bash", "completions/ork.bash"), ("zsh", "completions/_ork"), ("fish", "completions/ork.fish")]

# What is beside each program in its archive: the name there, and the file.
BESIDE = {
    "ork": [("README.md", "README.md"), ("CHANGELOG.md", "CHANGELOG.md")],
    "ork-service": [("README.md", "functions/README.md"), ("CHANGELOG.md", "CHANGELOG.md")],
}
LICENCES = [("LICENSE-MIT", "LICENSE-MIT"), ("LICENSE-APACHE", "LICENSE-APACHE")]


def say(text):
    """A line about how it goes."""
    print(text, flush=True)


def epoch():
    """The instant that archives give their files: `SOURCE_DATE_EPOCH`, or that of the last commit."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said:
        if not said.isdigit():
            raise Trouble(f"SOURCE_DATE_EPOCH is `{said}`, and not a number of seconds")
        return int(said)
    try:
        return int(run(["git", "log", "-1", "--format=%ct"], cwd=ROOT))
    except Trouble as trouble:
        raise Trouble(f"the date of the files in the archives is that of the last commit; set SOURCE_DATE_EPOCH where there is none ({trouble})") from None


def documents(program, scratch):
    """The manual and the completions, from the program itself: the name in the archive, and the content."""
    pages = os.path.join(scratch, "man")
    run([program, "man", "--dir", pages])
    found = []
    for name in sorted(os.listdir(pages)):
        with open(os.path.join(pages, name), "rb") as file:
            found.append((f"man/man1/{name}", file.read(), False))
    for shell, name in SHELLS:
        found.append((name, run([program, "completions", shell]).encode(), False))
    return found


def pack(name, program, target, third_party, out, scratch, when):
    """Writes the archive of one program, named by version and target."""
    folder = f"{name}-{versions.version()}-{target}"
    entries = [(name, program, True), ("THIRD-PARTY-LICENSES.txt", third_party.encode(), False)]
    entries += [(there, path(*here.split("/")), False) for there, here in BESIDE[name] + LICENCES]
    if name == "ork":
        entries += documents(program, scratch)
    archive.tar_gz(os.path.join(out, f"{folder}.tar.gz"), folder, entries, when)


def make(options, out, scratch):
    """Makes everything in `out`."""
    when, target = epoch(), binary.host()
    if not options.built and "linux-gnu" in target and not options.here and not binary.portable():
        skip(f"building for version {options.glibc} of the GNU C library and newer", "pip install ziglang cargo-zigbuild; what is built now needs this machine's")
        options.here = True
    # Zig brings a C library of Linux; elsewhere the system's own is built for.
    glibc = None if options.here or options.built or "linux-gnu" not in target else options.glibc
    built = options.built or binary.build(target, options.target_dir, glibc)
    python = wheels.possible()
    if not python:
        skip("Python's packages", "pip install hatchling")
    if python:
        wheels.sdk(out, scratch, when)
    for name, crate in binary.PROGRAMS:
        if options.only and name != options.only:
            continue
        program = os.path.join(built, name)
        if not os.path.isfile(program):
            raise Trouble(f"there is no program {program}")
        needed = binary.check(program, glibc) if "linux" in target else None
        libraries = ", ".join(binary.needs(program)[0]) if "linux" in target else "not looked at on this system"
        say(f"{name}: links {libraries or 'nothing'}; needs version {needed} of the GNU C library")
        places = binary.names_of_this_machine(program)
        if places and not options.built:
            raise Trouble(f"{program} names {', '.join(places)}, folders of this machine: mend RUSTFLAGS or CFLAGS in shared/release/binary.py")
        third_party = licences.third_party(crate, target, versions.version())
        pack(name, program, target, third_party, out, scratch, when)
        if python and name == "ork" and "linux-gnu" not in target:
            skip("the wheel of ork-cli", f"its platform is known for Linux with the GNU C library only, and this is {target}")
        elif python and name == "ork":
            (made,) = wheels.cli(out, scratch, when, program, binary.wheel_platform(target, needed), third_party)
            audit(os.path.join(out, made))
    archive.checksums(out)


def audit(wheel):
    """Asks auditwheel, where it is installed, whether the platform in a wheel's name is true: the question of binary.check, put to the field's own tool."""
    probe = [sys.executable, "-c", "import auditwheel"]
    if subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        say("auditwheel is not installed: the platform in the wheel's name is that of what its program links and needs")
        return
    said = " ".join(run([sys.executable, "-m", "auditwheel", "show", wheel]).split())
    found = re.search(r"is consistent with the following platform tag: \"(\w+)\"", said)
    name = os.path.basename(wheel)
    if not found or found.group(1) not in name:
        raise Trouble(f"auditwheel does not find in {name} what its name says: {said}")
    say(f"auditwheel: {name} is consistent with {found.group(1)}")


def replace(out, made):
    """Puts what was made where it belongs, in place of what was there."""
    old = f"{out}.old"
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(out):
        if not os.path.isfile(os.path.join(out, "SHA256SUMS")) and os.listdir(out):
            raise Trouble(f"{out} holds something that is no release: name another folder, or remove it")
        os.rename(out, old)
    os.rename(made, out)
    shutil.rmtree(old, ignore_errors=True)


def main(arguments):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target-dir", default=path("target"), help="cargo's folder")
    parser.add_argument("--out", required=True, help="the folder to fill")
    parser.add_argument("--glibc", default=binary.OLDEST_GLIBC, help="the oldest GNU C library to build for (%(default)s), with cargo-zigbuild")
    parser.add_argument("--here", action="store_true", help="build with this machine's own compiler, for its C library")
    parser.add_argument("--built", help="take the programs from this folder, and build nothing")
    parser.add_argument("--only", choices=[name for name, _ in binary.PROGRAMS], help="only this program")
    options = parser.parse_args(arguments)
    wrong = versions.disagreements()
    if wrong:
        raise Trouble("the version does not agree everywhere:\n" + "\n".join(wrong))
    out = os.path.abspath(options.out)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-", dir=os.path.dirname(out)) as scratch:
        made = os.path.join(scratch, "made")
        os.mkdir(made)
        make(options, made, scratch)
        replace(out, made)
    for name in sorted(os.listdir(out)):
        say(f"{os.path.getsize(os.path.join(out, name)) / 1e6:8.2f} MB  {name}")
    say(f"in {out}")
    if not versions.is_described():
        say(f"CHANGELOG.md has no heading for {versions.version()}: what was made is for trying, not for publishing (docs/release.md)")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
