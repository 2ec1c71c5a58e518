"""What `site` would have done, split: the paths once in the template, the effects in the children.

`site` at start-up may execute code of installed packages (`import` lines of .pth files, sitecustomize). In the template that
could load anything, threads included, so there only the paths are computed.
"""

import os
import sys

import _frozen_importlib as _bootstrap
import _frozen_importlib_external as _external

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Site:
    """The environment of an interpreter that was started with -I -S."""

    def __init__(self) -> None:
        self.rehearsing = False
        self.pth_lines: "list[str]" = []
        self.customize: "list[str]" = []
        own = sys.path[0]
        del sys.path[0]
        self.stdlib = list(sys.path)
        self._add_site_packages()
        self.packages = [path for path in sys.path if path not in self.stdlib]
        extra = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        # `ork` itself comes first: a task gets the SDK that belongs to its engine.
        sys.path[:0] = [own, *extra]
        self.base_path = list(sys.path)
        self._deferred = _Deferred(self)
        if self.pth_lines:
            sys.meta_path.insert(_index_of_path_finder(), self._deferred)

    def _add_site_packages(self) -> None:
        import site

        pth_lines = self.pth_lines
        seen: "set[str]" = set()

        def read_pth(folder: str, name: str, known: "set[str] | None") -> "set[str] | None":
            """Like site.addpackage, except that `import` lines are kept for the children."""
            file_name = os.path.join(folder, name)
            if file_name in seen:  # site itself reads those of a virtual environment twice
                return known
            seen.add(file_name)
            try:
                with open(file_name, encoding="utf-8-sig", errors="surrogateescape") as file:
                    lines = file.read().splitlines()
            except OSError:
                return known
            for line in lines:
                if not line.strip() or line.startswith("#"):
                    continue
                if line.startswith(("import ", "import\t")):
                    pth_lines.append(line)
                    continue
                path = os.path.abspath(os.path.join(folder, line.rstrip()))
                if path not in sys.path and os.path.exists(path):
                    sys.path.append(path)
            return known

        machinery: "Any" = site
        machinery.addpackage = read_pth
        known = machinery.venv(machinery.removeduppaths())
        if machinery.ENABLE_USER_SITE is None:
            same_user = os.geteuid() == os.getuid() and os.getegid() == os.getgid()
            machinery.ENABLE_USER_SITE = same_user and not os.environ.get("PYTHONNOUSERSITE")
        known = machinery.addusersitepackages(known)
        machinery.addsitepackages(known)
        machinery.setquit()
        machinery.sethelper()
        names = ["sitecustomize"] + (["usercustomize"] if machinery.ENABLE_USER_SITE else [])
        self.customize = [name for name in names if _does_something(name)]

    def enter_child(self) -> None:
        """Let the effects of installed packages happen, as late as can be."""
        if self.rehearsing:
            return
        if self.pth_lines:
            self._deferred.active = True
        for name in self.customize:
            try:
                __import__(name)
            except Exception as error:  # as `site` does: say it and go on
                sys.stderr.write(f"error in {name}: {type(error).__name__}: {error}\n")


class _Deferred:
    """Executes the `import` lines of .pth files when the first installed (or unknown) module is asked for."""

    def __init__(self, site: "Site") -> None:
        self._lines = site.pth_lines
        self._packages = tuple(site.packages)
        self.active = False

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if not self.active or path is not None:
            return None
        spec = _external.PathFinder.find_spec(name, path, target)
        origin = None if spec is None else spec.origin
        if origin and not origin.startswith(self._packages):
            return spec
        self.active = False
        for line in self._lines:
            try:
                exec(line, {})
            except Exception as error:  # as `site` does: say it and go on
                sys.stderr.write(f"error in a .pth file: {line[:80]!r}: {type(error).__name__}: {error}\n")
        # The lines may have added finders, before or after this one.
        return _bootstrap._find_spec(name, path, target)  # type: ignore[attr-defined]


def _index_of_path_finder() -> int:
    for index, finder in enumerate(sys.meta_path):
        if finder is _external.PathFinder:
            return index
    return len(sys.meta_path)


def _does_something(name: str) -> bool:
    """Whether a customize module exists and is more than comments (Debian ships an empty one)."""
    spec = _external.PathFinder.find_spec(name)
    if spec is None or spec.loader is None:
        return False
    try:
        code: "Any" = spec.loader.get_code(name)  # type: ignore[attr-defined]
    except Exception:  # broken: let the child report it
        return True
    names: "tuple[str, ...]" = getattr(code, "co_names", ())  # pyright: ignore[reportUnknownArgumentType]
    if "apport_python_hook" in names and len(names) <= 3:
        # Ubuntu's and Debian's, which only looks for its crash reporter.
        return _external.PathFinder.find_spec("apport_python_hook") is not None
    return code is None or bool(names)
