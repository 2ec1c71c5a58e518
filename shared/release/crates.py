"""What cargo knows of the crates: what is in Cargo.lock, and what of it is built."""

import json
import re

from project import ROOT, Trouble, cargo, run


def metadata(*targets, all_features=False):
    """What Cargo.lock holds for some targets, as cargo describes it. Cargo downloads what has never been built here, and nothing else."""
    command = [*cargo(), "metadata", "--locked", "--format-version", "1"]
    for target in targets:
        command += ["--filter-platform", target]
    return json.loads(run(command + ["--all-features"] * all_features, cwd=ROOT))


def built(target, *options):
    """Names and versions of what is really built for a target; `options` are those of `cargo tree`.

    Not all that Cargo.lock holds: a feature that nobody asks for may bring a crate into it.
    """
    command = [*cargo(), "tree", "--locked", "--target", target, "--prefix", "none", "--format", "{p}", *options]
    found = set(re.findall(r"(?m)^(\S+) v(\S+)", run(command, cwd=ROOT)))
    if len(found) < 20:
        raise Trouble(f"{' '.join(command)} names {len(found)} packages only: what it says was misread")
    return found


def linked(crate, target):
    """The packages of others that are linked into what `crate` builds: no build scripts, no macros, no tests."""
    names = built(target, "--package", crate, "--edges", "normal,no-proc-macro")
    others = [one for one in metadata(target)["packages"] if one["source"] is not None and (one["name"], one["version"]) in names]
    return sorted(others, key=lambda one: (one["name"], one["version"]))
