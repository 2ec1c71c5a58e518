"""The rules of deny.toml about bans, licences and sources, held against what cargo says of Cargo.lock.

    python3 shared/release/deny.py

cargo-deny reads the same file and knows more (advisories, the texts of licences), but takes minutes to install; this one is among the tests.
Keys of deny.toml that are not understood here are errors, so that the two cannot drift apart.
"""

import re
import sys

import crates
from project import Trouble, path

# What stands in deny.toml, and the values that this program plays by (None: any).
KEYS = {
    "graph": {"all-features": [True], "targets": None},
    "bans": {"multiple-versions": ["deny"], "wildcards": ["deny"], "allow-wildcard-paths": [True], "deny": None, "skip": None},
    "licenses": {"allow": None, "confidence-threshold": None, "include-dev": [True], "exceptions": None, "private": [{"ignore": False}]},
    "sources": {"unknown-registry": ["deny"], "unknown-git": ["deny"], "allow-registry": None},
    # Only for cargo-deny.
    "advisories": {"unmaintained": None, "yanked": None},
}


def rules():
    """deny.toml, and that all of it is understood."""
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    with open(path("deny.toml"), "rb") as file:
        found = tomllib.load(file)
    for table, keys in found.items():
        for key, value in keys.items():
            known = KEYS.get(table, {}).get(key, [])
            if known is not None and value not in known:
                raise Trouble(f"deny.toml: [{table}] {key} = {value!r} is not understood by shared/release/deny.py: teach it, or leave it out")
    return found


def offences(rule, data, built):
    """What breaks the rules: a sentence each. `data` is from `cargo metadata`, `built` names and versions of what is not for tests only."""
    return banned(rule["bans"], data) + duplicates(rule["bans"], built) + wildcards(data) + licences(rule["licenses"], data) + sources(rule["sources"], data)


def banned(rule, data):
    """Crates that must not be there, not even for tests."""
    reasons = {entry["crate"]: entry["reason"] for entry in rule["deny"]}
    return [f"{named(one)} is banned: {reasons[one['name']]}" for one in data["packages"] if one["name"] in reasons]


def duplicates(rule, built):
    """Crates of which there are several versions, those that are let pass apart; and what is let pass without need."""
    here, wrong, used = {}, [], set()
    for name, version in built:
        here.setdefault(name, []).append(version)
    passed = [entry["crate"] for entry in rule["skip"]]
    for name, versions in sorted(here.items()):
        if len(versions) > 1:
            matched = {entry for entry in passed for version in versions if is_meant(entry, name, version)}
            used |= matched
            left = [version for version in versions if not any(is_meant(entry, name, version) for entry in passed)]
            if len(left) > 1:
                wrong.append(f"there are {len(left)} versions of {name}, {' and '.join(sorted(left))}: agree on one, or give one a line and a reason in deny.toml")
    wrong += [f"deny.toml lets {entry} pass, and it is no second version of anything: take the line out" for entry in passed if entry not in used]
    return wrong


def is_meant(entry, name, version):
    """Whether `name@0.8` means this version: the parts that are given are the same."""
    wanted, _, number = entry.partition("@")
    return wanted == name and f"{version}.".startswith(f"{number}.")


def wildcards(data):
    """Dependencies of ours that any version would do for. Paths may have none where nothing is published, or in tests."""
    wrong = []
    for one in ours(data):
        for dependency in one["dependencies"]:
            is_path = "path" in dependency and (one["publish"] == [] or dependency["kind"] == "dev")
            if dependency["req"] == "*" and not is_path:
                wrong.append(f"{one['name']} depends on any version of {dependency['name']}: name one")
    return wrong


def licences(rule, data):
    """Packages whose licence is not among those that are allowed, and exceptions for what is not there."""
    extra = {entry["crate"]: entry["allow"] for entry in rule["exceptions"]}
    wrong = []
    for one in data["packages"]:
        allowed = rule["allow"] + extra.get(one["name"], [])
        if not one["license"]:
            wrong.append(f"{named(one)} names no licence")
        elif not permits(one["license"], allowed):
            wrong.append(f"{named(one)} is licensed as {one['license']}, which deny.toml does not allow")
    there = {one["name"] for one in data["packages"]}
    return wrong + [f"deny.toml makes an exception for {name}, which is not there: take it out" for name in sorted(set(extra) - there)]


def permits(expression, allowed):
    """Whether an SPDX expression can be met by licences that are allowed. `/` is how `OR` was once written."""
    words = re.findall(r"[()]|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))
    at = 0

    def word():
        return words[at] if at < len(words) else None

    def one():
        nonlocal at
        if word() in (None, ")", "OR", "AND", "WITH"):
            raise Trouble(f"`{expression}` is no SPDX expression")
        at += 1
        if words[at - 1] == "(":
            met = either()
            if word() != ")":
                raise Trouble(f"`{expression}` is no SPDX expression: a bracket is not closed")
            at += 1
            return met
        name = words[at - 1]
        if word() == "WITH":
            name, at = f"{name} WITH {' '.join(words[at + 1 : at + 2])}", at + 2
        if at > len(words):
            raise Trouble(f"`{expression}` is no SPDX expression")
        return name in allowed

    def both():
        nonlocal at
        met = one()
        while word() == "AND":
            at += 1
            met = one() and met
        return met

    def either():
        nonlocal at
        met = both()
        while word() == "OR":
            at += 1
            met = both() or met
        return met

    met = either()
    if at != len(words):
        raise Trouble(f"`{expression}` is no SPDX expression")
    return met


def sources(rule, data):
    """Packages that come from elsewhere than the registries that are allowed."""
    allowed = {f"registry+{address}" for address in rule["allow-registry"]}
    return [f"{named(one)} comes from {one['source']}" for one in data["packages"] if one["source"] is not None and one["source"] not in allowed]


def ours(data):
    """The packages of the workspace."""
    return [one for one in data["packages"] if one["id"] in set(data["workspace_members"])]


def named(package):
    """A package as people name it."""
    return f"{package['name']} {package['version']}"


def main():
    """The command."""
    rule = rules()
    data = crates.metadata(*rule["graph"]["targets"], all_features=True)
    built = set()
    for target in rule["graph"]["targets"]:
        built |= crates.built(target, "--workspace", "--all-features", "--edges", "normal,build")
    wrong = offences(rule, data, built)
    print("\n".join(wrong) or f"{len(data['packages'])} packages keep the rules of deny.toml about bans, licences and sources")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
