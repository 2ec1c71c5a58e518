"""The licences of what is linked into a program, as a text that lies beside it."""

import glob
import os
import re

import crates
from project import Trouble, path, read

# Names of files with licences, in a package and in the folders of the C code that it carries.
NAMES = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$")

# Packages without such a file in them. Each says its licence in its manifest; where it is one of these, its standard text is taken.
STANDARD = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE"}

HEAD = """Programs of others in {name} {version}

{name} is licensed under MIT or Apache-2.0, as LICENSE-MIT and LICENSE-APACHE say. Linked into it are the packages below, each under the licence beside it,
and the standard library of Rust (MIT OR Apache-2.0, https://www.rust-lang.org). The texts follow the list; a number names those of a package.
"""


def third_party(crate, target, version):
    """The text for the program that `crate` builds for `target`."""
    packages = crates.linked(crate, target)
    texts, lines = [], []
    for package in packages:
        found = texts_of(package)
        if not found:
            found = [standard(package)]
        places = []
        for text in found:
            if text not in texts:
                texts.append(text)
            places.append(texts.index(text) + 1)
        named = f"{package['name']} {package['version']}"
        lines.append(f"{named:44} {package['license'] or 'see its text':50} {', '.join(map(str, sorted(set(places))))}")
    for file in sorted(glob.glob(path("shared", "api", "assets", "*.LICENSE"))):
        with open(file, encoding="utf-8") as opened:
            texts.append(clean(opened.read()))
        lines.append(f"{os.path.basename(file)[:-8] + ' (in the pages)':44} {'see its text':50} {len(texts)}")
    body = "".join(f"\n{'-' * 20} {number} {'-' * 20}\n\n{text}\n" for number, text in enumerate(texts, 1))
    return HEAD.format(name=crate, version=version) + "\n" + "\n".join(lines) + "\n" + body


def texts_of(package):
    """The texts of a package's own files, those of C code that it carries included."""
    folder = os.path.dirname(package["manifest_path"])
    named = [os.path.join(folder, package["license_file"])] if package["license_file"] else []
    for at, folders, files in os.walk(folder):
        depth = os.path.relpath(at, folder).count(os.sep) + (at != folder)
        folders[:] = sorted(name for name in folders if depth < 2 and name not in ("tests", "benches", "examples"))
        here = [name for name in sorted(files) if NAMES.match(name) and not name.endswith((".rs", ".py", ".h", ".c"))]
        # Beside a LICENSE, COPYING is another one to choose from: zstd's is the GPL.
        named += [os.path.join(at, name) for name in here if name != "COPYING" or "LICENSE" not in here]
    found = []
    for name in named:
        with open(name, encoding="utf-8", errors="replace") as file:
            text = clean(file.read())
        if text and text not in found:
            found.append(text)
    return found


def standard(package):
    """The text for a package that carries none: who wrote it, and the licence that it names."""
    words = re.findall(r"[A-Za-z0-9.+-]+", package["license"] or "")
    for name, file in STANDARD.items():
        if name in words:
            text = read(file)
            if name == "MIT":
                text = re.sub(r"(?m)^Copyright .*$", "Copyright of its authors: " + (", ".join(package["authors"]) or "not named"), text)
            return clean(text)
    raise Trouble(
        f"{package['name']} {package['version']} ({package['license']}) carries no text of its licence, and it is neither of {', '.join(STANDARD)}: "
        "add the text of it to STANDARD in shared/release/licences.py"
    )


def clean(text):
    """A text without what differs from copy to copy and says nothing."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().splitlines())
