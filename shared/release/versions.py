"""The version, which is written once for each tool that reads it. Cargo.toml is the one that counts.

    python3 shared/release/versions.py              do all places agree?
    python3 shared/release/versions.py --set 0.2.0  writes it into all of them; CHANGELOG.md is for people to write
"""

import re
import sys

from project import Trouble, path, read

NUMBER = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?"

# File, and what stands before the version in each of its places.
PLACES = [
    ("Cargo.toml", r'^\[workspace\.package\]\nversion = "'),
    ("Cargo.toml", r'^ork-[a-z-]+ = \{ path = "[a-z/-]+", version = "='),
    ("Cargo.lock", r'^\[\[package\]\]\nname = "ork-[a-z-]+"\nversion = "'),
    ("shared/sdk-python/pyproject.toml", r'^\[project\]\nname = "ork-sdk"\nversion = "'),
    ("shared/sdk-python/src/ork/__init__.py", r'^__version__ = "'),
    ("shared/release/wheel/pyproject.toml", r'^\[project\]\nname = "ork-cli"\nversion = "'),
    ("shared/release/wheel/pyproject.toml", r'^dependencies = \["ork-sdk=='),
    ("terraform/README.md", r"//terraform\?ref=v"),
]


def version():
    """The workspace's version."""
    found = re.search(PLACES[0][1] + f"({NUMBER})", read("Cargo.toml"), re.M)
    if not found:
        raise Trouble("Cargo.toml has no version below [workspace.package]")
    return found.group(1)


def disagreements(read_file=read):
    """What is not as it should be, a sentence each."""
    wanted, wrong = version(), []
    for name, before in PLACES:
        text = read_file(name)
        found = list(re.finditer(before + f"({NUMBER})", text, re.M))
        if not found:
            wrong.append(f"{name}: no version was found where `{before}` stands; mend PLACES in shared/release/versions.py")
        for one in found:
            if one.group(1) != wanted:
                line = text.count("\n", 0, one.start(1)) + 1
                wrong.append(f"{name}:{line}: {one.group(1)} stands here, and {wanted} in Cargo.toml")
    headings = re.findall(r"(?m)^## \[(.+?)\](.*)$", read_file("CHANGELOG.md"))
    if not headings or headings[0] != ("Unreleased", ""):
        wrong.append("CHANGELOG.md: its first heading must be `## [Unreleased]`")
    for name, rest in headings[1:]:
        if not re.fullmatch(NUMBER, name) or not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", rest):
            wrong.append(f"CHANGELOG.md: `## [{name}]{rest}` is not `## [x.y.z] - YYYY-MM-DD`")
    released = [key(name) for name, _ in headings[1:] if re.fullmatch(NUMBER, name)]
    if any(above <= below for above, below in zip(released, released[1:])):
        wrong.append("CHANGELOG.md: its versions must go down, each once")
    if released and released[0] > key(wanted):
        wrong.append(f"CHANGELOG.md: its newest version is above {wanted}, the one in Cargo.toml")
    return wrong


def is_described():
    """Whether the changelog has a heading for the version, as it has once the version is released."""
    return f"\n## [{version()}] - " in read("CHANGELOG.md")


def key(text):
    """Orders versions; one with a suffix, such as 1.0.0-rc.1, lies before the one without."""
    numbers, _, suffix = text.partition("-")
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in suffix.split(".")] if suffix else []
    return [int(part) for part in numbers.split(".")], not suffix, parts


def put(new):
    """Writes the version into every place."""
    if not re.fullmatch(NUMBER, new):
        raise Trouble(f"`{new}` is no version such as 0.2.0 or 0.2.0-rc.1")
    texts = {}
    for name, before in PLACES:
        text, changed = re.subn(f"({before}){NUMBER}", rf"\g<1>{new}", texts.get(name) or read(name), flags=re.M)
        if not changed:
            raise Trouble(f"{name}: no version was found where `{before}` stands; nothing was written")
        texts[name] = text
    for name, text in texts.items():
        with open(path(name), "w", encoding="utf-8") as file:
            file.write(text)
    return sorted(texts)


def main(arguments):
    """The command."""
    if len(arguments) == 2 and arguments[0] == "--set":
        print(f"wrote {arguments[1]} into {', '.join(put(arguments[1]))}")
        print(f"now make `## [{arguments[1]}] - YYYY-MM-DD` of `## [Unreleased]` in CHANGELOG.md, with an empty one above it")
        return 0
    if arguments:
        print("usage: versions.py [--set VERSION]", file=sys.stderr)
        return 2
    wrong = disagreements()
    print("\n".join(wrong) or f"{version()}, in every place")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
