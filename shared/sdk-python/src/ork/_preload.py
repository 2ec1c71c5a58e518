"""`preload: true`: a task module imported once in the template, inherited by its children."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Optional

    from ._modules import Source


class Preloads:
    """The preloaded files, each with the modules that came with it."""

    def __init__(self) -> None:
        self._loaded: "dict[str, tuple[Source, ModuleType, dict[str, ModuleType]]]" = {}
        self._failed: "dict[str, Source]" = {}

    def load(self, source: "Source", frame: "dict[str, Any]", fds: "list[int]") -> None:
        """Import the file here, with its output going to the run that asked. A failure is left for the child to meet again."""
        known = self._loaded.get(source.path)
        if (
            source.code is None
            or (known is not None and known[0] is source)
            or self._failed.get(source.path) is source
        ):
            return
        before_modules = dict(sys.modules)
        before_path = list(sys.path)
        streams = os.dup(1), os.dup(2)
        self._loaded.pop(source.path, None)
        try:
            os.dup2(fds[0], 1)
            os.dup2(fds[1], 2)
            sys.path[:0] = [source.path.rpartition("/")[0], *(frame.get("path") or ())]
            module = source.load()
        except BaseException:  # SystemExit too: importing a task must not end the template
            self._failed[source.path] = source
        else:
            threading = sys.modules.get("threading")
            if threading is not None and threading.active_count() > 1:
                sys.stderr.write(
                    f"ork: preload: {source.path} started {threading.active_count() - 1} threads; "
                    "they do not exist in the tasks\n"
                )
            fresh = {n: m for n, m in sys.modules.items() if before_modules.get(n) is not m}
            self._loaded[source.path] = (source, module, fresh)
        finally:
            _flush()
            for target, saved in enumerate(streams, 1):
                os.dup2(saved, target)
                os.close(saved)
            sys.path[:] = before_path
            # Other files must not find these; a child of this file gets them back.
            for name in list(sys.modules):
                if before_modules.get(name) is not sys.modules[name]:
                    if name in before_modules:
                        sys.modules[name] = before_modules[name]
                    else:
                        del sys.modules[name]

    def enter_child(self, source: "Source") -> "Optional[ModuleType]":
        """In a child: the preloaded module with all that came with it, or None."""
        known = self._loaded.get(source.path)
        if known is None or known[0] is not source:
            return None
        sys.modules.update(known[2])
        return known[1]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
