"""Task files: compiled once in the template, executed in each child.

The template also imports the parts of the standard library that a file names, when they are known to be
harmless before a fork: a child that finds `dataclasses` loaded is ten milliseconds faster.
"""

import os
import sys

import _frozen_importlib_external as _external

from ._errors import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Optional

# Modules that start no threads, open nothing, and keep no state that children should not share.
_HARMLESS = frozenset(
    "_strptime abc argparse array ast base64 binascii bisect calendar cmath codecs collections collections.abc"
    " concurrent.futures configparser contextlib copy csv dataclasses datetime decimal difflib email enum"
    " fnmatch fractions functools glob graphlib gzip hashlib heapq hmac html http.client importlib inspect io"
    " ipaddress itertools json linecache locale logging math mimetypes numbers operator os.path pathlib pickle"
    " platform pprint queue random re secrets select shlex shutil signal socket sqlite3 ssl stat statistics string"
    " struct subprocess tempfile textwrap threading time tomllib traceback types typing unicodedata urllib.error"
    " urllib.parse urllib.request uuid warnings weakref xml.etree.ElementTree zipfile zlib zoneinfo asyncio".split()
)
_DEFERRING = frozenset("BigQueryJob CloudRunJob CustomHttp DataprocJob Secret defer deferrables job_id secret".split())


class Source:
    """One task file as it is on disk now."""

    __slots__ = ("attributes", "code", "name", "package_root", "path", "spec", "stamp", "warm")

    def __init__(self, path: str, stamp: "tuple[int, int, int]") -> None:
        self.path = path
        self.stamp = stamp
        self.warm = False
        self.code: "Optional[CodeType]" = None
        self.name, self.package_root = module_name(path)
        self.spec: "Any" = None
        self.attributes: "tuple[Any, str, str]" = (None, "", "")

    def compile(self) -> None:
        """Read and compile; OSError, SyntaxError or ValueError as Python raises them."""
        with open(self.path, "rb") as file:
            text = file.read()
        self.code = compile(text, self.path, "exec", dont_inherit=True)
        loader = _external.SourceFileLoader(self.name, self.path)
        self.spec = _external.spec_from_file_location(self.name, self.path, loader=loader)
        self.attributes = (loader, self.spec.parent, self.spec.cached)

    def load(self) -> "ModuleType":
        """Execute the file as a module of its own; a failed one is not left in sys.modules."""
        if self.code is None:
            self.compile()
        code: "Any" = self.code
        if self.package_root is not None:
            if self.package_root not in sys.path:
                sys.path.insert(1, self.package_root)
            __import__(self.name.rpartition(".")[0])
        # What importlib's module_from_spec would set, without touching the pages of its code in each child.
        loader, package, cached = self.attributes
        module: "ModuleType" = type(sys)(self.name)
        space = module.__dict__
        space["__loader__"] = loader
        space["__package__"] = package
        space["__spec__"] = self.spec
        space["__file__"] = self.path
        space["__cached__"] = cached
        sys.modules[self.name] = module
        try:
            exec(code, space)
        except BaseException:
            sys.modules.pop(self.name, None)
            raise
        return sys.modules.get(self.name, module)


class Sources:
    """The files the template has seen, by path; a changed file is compiled anew."""

    def __init__(self) -> None:
        self._by_path: "dict[str, Source]" = {}
        self._folders: "dict[str, tuple[int, frozenset[str]]]" = {}
        self.warmed: "set[str]" = set()
        # Loaded here, but not in an interpreter that has just started: a neighbour may take the name in a child.
        self._ahead = {"select"}

    def get(self, path: str) -> Source:
        """The compiled file. One that cannot be read or compiled comes without code: the child will meet the error itself."""
        try:
            stamp = stamp_of(path)
        except OSError:
            return Source(path, (0, 0, 0))
        known = self._by_path.get(path)
        if known is not None and known.stamp == stamp:
            return known
        source = Source(path, stamp)
        try:
            source.compile()
        except Exception:  # unreadable, not Python, too deep: reported by the child, on the task's stderr
            return source
        self._by_path[path] = source
        return source

    def warm(self, source: Source, folders: "list[str]") -> None:
        """Import the harmless standard modules that the file names, unless a neighbour has such a name."""
        if source.code is None or source.warm:
            return
        source.warm = True
        before = set(sys.modules)
        names = _names_in(source.code)
        wanted = (names & _HARMLESS) - self.warmed
        if "ork" in names:
            for part in ("_context", "_errors", "_task"):
                __import__(f"{__package__}.{part}")
        if any(
            hint in names
            for hint in ("date", "datetime", "dataclass", "TypedDict", "NamedTuple", "Enum", "UUID", "Path")
        ):
            __import__(f"{__package__}._convert")
        if "ork" in names and not names.isdisjoint(_DEFERRING):
            __import__(f"{__package__}.deferrables")
        taken: "set[str]" = self.shadowed_names(folders) if wanted else set()
        for name in sorted(wanted):
            if name.partition(".")[0] in taken:
                continue
            try:
                __import__(name)
            except ImportError:  # absent in this interpreter; the task will say so if it needs it
                continue
            self.warmed.add(name)
        self._ahead |= {name for name in set(sys.modules) - before if not name.startswith("ork.")}

    def shadowed_names(self, folders: "list[str]") -> "set[str]":
        """Names of Python files and packages in the folders."""
        found: "set[str]" = set()
        for folder in folders:
            found |= self._names_in_folder(folder)
        return found

    def forget_shadowed(self, folders: "list[str]") -> None:
        """In a child: modules the template imported for others give way to neighbours of the same name."""
        taken = self.shadowed_names(folders)
        if not taken:
            return
        for name in self._ahead:
            if name.partition(".")[0] in taken:
                sys.modules.pop(name, None)

    def _names_in_folder(self, folder: str) -> "frozenset[str]":
        try:
            changed = os.stat(folder).st_mtime_ns
            known = self._folders.get(folder)
            if known is not None and known[0] == changed:
                return known[1]
            names = frozenset(_importable(folder, os.listdir(folder)))
        except OSError:
            return frozenset()
        self._folders[folder] = (changed, names)
        return names


def _importable(folder: str, entries: "list[str]") -> "list[str]":
    """The names under which the entries of a folder can be imported."""
    names: "list[str]" = []
    for entry in entries:
        stem, _, ending = entry.partition(".")
        if ending.endswith(("py", "so")) or (not ending and os.path.exists(f"{folder}/{stem}/__init__.py")):
            names.append(stem)
    return names


def stamp_of(path: str) -> "tuple[int, int, int]":
    """Changes when the file does."""
    status = os.stat(path)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def module_name(path: str) -> "tuple[str, Optional[str]]":
    """The name a file is imported under, and the folder of its outermost package if it lies in one.

    A plain file is called by its stem, unless that would hide a standard module or is no identifier.
    """
    folder, _, file = path.rpartition("/")
    stem = file[:-3] if file.endswith(".py") else file
    if not stem.isidentifier():
        stem = "task_" + "".join(c if c.isalnum() or c == "_" else "_" for c in stem)
    parts = [stem]
    while folder and os.path.exists(folder + "/__init__.py"):
        folder, _, package = folder.rpartition("/")
        if not package.isidentifier():
            parts = [stem]
            break
        parts.insert(0, package)
    if len(parts) > 1 and stem != "__init__":
        return ".".join(parts), folder or "/"
    if stem in _standard_names() or stem in ("ork", "__main__", "__init__"):
        stem = f"task_{stem}"
    return stem, None


def load_module(name: str) -> "ModuleType":
    """Import a task module by its dotted name."""
    __import__(name)
    return sys.modules[name]


def function_of(module: "Any", name: str, where: str) -> "Any":
    """The function of that name (dots reach into classes); CallError when it is missing."""
    value = module
    for part in name.split("."):
        value = getattr(value, part, None)
    if value is None:
        import difflib

        held: "dict[str, Any]" = module.__dict__
        names = [n for n, v in held.items() if callable(v) and not n.startswith("_")]
        close = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise CallError(f"{where} has no function `{name}`{hint}")
    if not callable(value):
        raise CallError(f"`{name}` in {where} is a {type(value).__name__}, not a function")
    return value


def _standard_names() -> "frozenset[str]":
    global _standard
    if _standard is None:
        names = getattr(sys, "stdlib_module_names", None)
        if names is None:  # Python 3.9
            names = {entry.partition(".")[0] for entry in os.listdir(os.path.dirname(os.__file__))}
            names |= set(sys.builtin_module_names)
        _standard = frozenset(names)
    return _standard


_standard: "Optional[frozenset[str]]" = None


def _names_in(code: "CodeType") -> "set[str]":
    """Every name that a code object and the functions in it use; imported modules are among them."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is type(code):
            names |= _names_in(constant)
    return names
