"""A forked child: one task in `process` isolation, or one after the other in `reuse`."""

import os
import sys

from . import _outcome
from ._codec import dumps, loads
from ._context import Context
from ._errors import CallError
from ._frames import Buffer, answer, pack, write_all
from ._modules import Source, function_of, load_module, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, NoReturn, Optional

_RESULT = 3
_INPUT_IN_ENV = 32 * 1024
_REHEARSAL = "ork_rehearsal"
_FS = ("utf-8", "surrogateescape")
_FUNCTION = type(lambda: None)


class Child:
    """The process a task lives in. Made in the template, so that a new child finds it ready; `live` does not return."""

    def __init__(self, template: "Any") -> None:
        self._template = template
        self._frame: "dict[str, Any]" = {}
        self._pid = 0
        self._result_file = (0, 0)
        self._result = _RESULT
        self._rehearsed: "Optional[Source]" = None
        self._before: "Any" = None
        self._entered = False
        self._folder: "Optional[str]" = None
        self._modules: "dict[str, tuple[Any, ModuleType]]" = {}
        self._shadowed: "dict[str, Optional[bytes]]" = {}
        self._main = type(sys)("__main__")
        # A terminal's settings of the template's own stdout must not reach the tasks.
        if sys.stdout is None or sys.stdout.line_buffering:
            sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
        if sys.stderr is None:
            sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)

    def live(self, frame: "dict[str, Any]", source: "Optional[Source]") -> "NoReturn":
        """Run the task or tasks, and end the process."""
        self.arrive()
        if frame["op"] == "serve":
            self._frame = frame
            if frame.get("memory_limit"):
                _limit_memory(frame["memory_limit"])
            self._serve()
        outcome = self.perform(frame, source)
        self._end(outcome, answer(outcome.output, outcome.category, outcome.message))

    def arrive(self, result: int = _RESULT) -> None:
        """Become a process of its own, whose result goes to this descriptor."""
        self._pid = os.getpid()
        self._result = result
        status = os.fstat(result)
        self._result_file = (status.st_dev, status.st_ino)
        sys.modules["__main__"] = self._main

    def perform(self, frame: "dict[str, Any]", source: "Optional[Source]" = None) -> "_outcome.Outcome":
        """The one task of this process. A copy of the process that the task forked does not return from here."""
        self._frame = frame
        limit = frame.get("memory_limit")
        if limit:
            _limit_memory(limit)
        outcome = self._run(frame, source)
        if os.getpid() != self._pid:
            self._leave_fork(outcome)
        return outcome

    def foresee(self, frame: "dict[str, Any]") -> None:
        """In the template: set the variables that tasks like this one get, so that its children find most of them set."""
        self._set_environment(frame, _context_of(frame), {})
        path = frame.get("file")
        if path:
            # Read here, the folder need not be read in each of them.
            self._template.sources.shadowed_names([path.rpartition("/")[0]])

    def rehearsal(self, round_: int) -> bytes:
        """The frame of an empty task, to be gone through in the template (see `_spare.rehearse`)."""
        if self._rehearsed is None:
            self._rehearsed = Source(f"/{_REHEARSAL}.py", (0, 0, 1))
            self._rehearsed.code = compile("def main(value): return value", self._rehearsed.path, "exec")
            self._before = list(sys.path), list(sys.argv), sys.modules["__main__"]
            self._template.site.rehearsing = True
        self._entered = False
        self._modules.clear()
        context = f'{{"task_id":"r","attempt":{round_},"parallel_index":0,"parallel_count":1}}'
        return pack(
            f'{{"cwd":".","file":"{self._rehearsed.path}","input":{{"value":{round_}}},"context":{context}}}'
        )

    def after_rehearsal(self) -> None:
        """Forget it."""
        self._template.site.rehearsing = False
        sys.path[:], sys.argv[:], sys.modules["__main__"] = self._before
        environ: "Any" = os.environ
        for variable, before in self._shadowed.items():
            if before is None:
                del environ[variable]
            else:
                environ[variable] = before.decode(*_FS)
        sys.modules.pop(_REHEARSAL, None)
        self._rehearsed = None
        self._shadowed.clear()
        self._modules.clear()
        self._entered = False
        self._folder = None
        self._frame = {}

    def _run(self, frame: "dict[str, Any]", source: "Optional[Source]") -> "_outcome.Outcome":
        """One task, from its frame to its outcome."""
        context = _context_of(frame)
        if frame.get("script") is not None:
            where = frame.get("script_name") or "the script"
            return _outcome.run(lambda: self._prepare_script(frame, context), context, where, _show_script)
        where = frame.get("file") or frame.get("module") or ""
        return _outcome.run(lambda: self._prepare(frame, source, context, where), context, where)

    def _prepare(
        self, frame: "dict[str, Any]", source: "Optional[Source]", context: Context, where: str
    ) -> "tuple[Any, dict[str, Any]]":
        """The function and its inputs."""
        if not self._entered or frame is not self._frame:
            self._enter(frame)
        inputs = _inputs(frame)
        self._set_environment(frame, context, inputs)
        module = self._module(frame, source)
        name = frame.get("function") or "main"
        function = module.__dict__.get(name)
        if type(function) is not _FUNCTION:
            function = function_of(module, name, where)
        return function, inputs

    def _prepare_script(self, frame: "dict[str, Any]", context: Context) -> "tuple[Any, dict[str, Any]]":
        self._enter(frame)
        self._set_environment(frame, context, _inputs(frame))
        return lambda: _run_script(frame), {}

    def _enter(self, frame: "dict[str, Any]") -> None:
        """Working directory and sys.path; once in the life of a child."""
        path = frame.get("file")
        folder = path.rpartition("/")[0] or "/" if path else None
        if self._entered:
            if folder != self._folder:
                raise RuntimeError(f"this reused process serves {self._folder}, not {path}")
            return
        self._entered = True
        self._folder = folder
        head = self._frame
        cwd = head.get("cwd") or folder
        if cwd:
            os.chdir(cwd)
        first = folder if folder is not None else (cwd or "")
        extra = head.get("path") or ()
        sys.path[:] = [first, *extra, *self._template.site.base_path]
        sys.argv[:] = [path or frame.get("module") or frame.get("script_name") or ""]
        self._template.sources.forget_shadowed([first, *extra])
        self._template.site.enter_child()

    def _module(self, frame: "dict[str, Any]", source: "Optional[Source]") -> "ModuleType":
        """The task's module, executed once in the life of a child unless its file changed."""
        path = frame.get("file")
        if not path:
            name = frame.get("module")
            if not name:
                raise CallError("the task names neither a file nor a module")
            return find_module(name)
        known = self._modules.get(path)
        if known is not None and known[0] == stamp_of(path):
            return known[1]
        source = source or self._read(path)
        if source.stamp == (0, 0, 0):
            raise CallError(f"cannot read the task file {path}: {_why_unreadable(path)}")
        module = None
        if frame.get("preload") and self._template.preloads is not None:
            module = self._template.preloads.enter_child(source)
        if module is None:
            module = load_file(source)
        self._modules[path] = (source.stamp, module)
        return module

    def _read(self, path: str) -> Source:
        if self._rehearsed is not None:
            return self._rehearsed
        source: Source = self._template.sources.get(path)
        return source

    def _set_environment(self, frame: "dict[str, Any]", context: Context, inputs: "dict[str, Any]") -> None:
        """The task's variables. Written below `os.environ`'s own methods, which would touch fifty more pages."""
        wanted: "dict[str, Optional[str]]" = {
            "ORK_TASK_ID": context.task_id,
            "ORK_RUN_ID": context.run_id,
            "ORK_TASK_NAME": context.task_name,
            "ORK_WORKFLOW_NAME": context.workflow_name,
            "ORK_ATTEMPT": str(context.attempt),
            "ORK_PARALLEL_INDEX": str(context.parallel_index),
            "ORK_PARALLEL_COUNT": str(context.parallel_count),
        }
        if frame.get("file"):
            wanted["ORK_TASK_FILE"] = frame["file"]
        elif frame.get("module"):
            wanted["ORK_TASK_MODULE"] = frame["module"]
        if frame.get("script") is None:
            wanted["ORK_TASK_FUNCTION"] = frame.get("function") or "main"
        if frame.get("input_file"):
            wanted["ORK_INPUT_JSON_FILE"] = frame["input_file"]
        else:
            text = dumps(inputs) if inputs else "{}"
            if len(text) <= _INPUT_IN_ENV:
                wanted["ORK_INPUT_JSON"] = text
        if self._frame is not frame and self._frame.get("env"):
            wanted.update(self._frame["env"])
        if frame.get("env"):
            wanted.update(frame["env"])
        environ: "Any" = os.environ
        data = environ._data
        shadowed = self._shadowed
        keep = frame.get("keep") or ()
        for name in shadowed:
            if name not in wanted and name not in keep:
                # The task before had it, this one has not: as the template had it.
                wanted[name] = None if shadowed[name] is None else shadowed[name].decode(*_FS)  # type: ignore[union-attr]
        for name, value in wanted.items():
            key = name.encode("utf-8", "surrogateescape")
            new = None if value is None else value.encode("utf-8", "surrogateescape")
            old = data.get(key)
            if old == new:
                continue
            if name not in shadowed:
                shadowed[name] = old
            if new is None:
                os.unsetenv(key)
                del data[key]
            else:
                os.putenv(key, new)
                data[key] = new

    def _serve(self) -> "NoReturn":
        """Tasks from the channel until it closes, or a task leaves the process unfit for more."""
        frames = Buffer()
        while True:
            frame = frames.take()
            if frame is None:
                data = os.read(_RESULT, 1 << 16)
                if not data:
                    self._end(_outcome.Outcome("null"), b"")
                frames.feed(data)
                continue
            outcome = self._run(frame, None)
            if os.getpid() != self._pid:
                self._leave_fork(outcome)
            unfit = outcome.ended_process or _has_threads()
            reply = answer(outcome.output, outcome.category, outcome.message, int(frame["id"]), retire=unfit)
            if unfit:
                self._end(outcome, reply)
            outcome.error = None
            _flush()
            self.reply(reply)

    def _end(self, outcome: "_outcome.Outcome", frame: bytes) -> "NoReturn":
        """What an interpreter does at its end, then the result, then the exit."""
        if os.getpid() != self._pid:
            self._leave_fork(outcome)
        shut_down()
        if frame:
            self.reply(frame)
        os._exit(outcome.code)

    def _leave_fork(self, outcome: "_outcome.Outcome") -> "NoReturn":
        """The task forked and its child came back here: it has no result to give."""
        shut_down()
        os._exit(outcome.code)

    def reply(self, frame: bytes) -> None:
        """Send the result, unless the task put something else in the place of descriptor 3."""
        try:
            status = os.fstat(self._result)
            same = (status.st_dev, status.st_ino) == self._result_file
        except OSError:
            same = False
        if not same:
            os.write(
                2, b"ork: the task closed the descriptor its result is sent by (3): the result is lost\n"
            )
            os._exit(70)
        try:
            write_all(self._result, frame)
        except BrokenPipeError:
            os._exit(70)  # the engine no longer wants it


def _context_of(frame: "dict[str, Any]") -> Context:
    said: "dict[str, Any]" = frame.get("context") or {}
    get: "Any" = said.get
    return Context(
        get("task_id") or "",
        get("run_id") or "",
        get("task_name") or "",
        get("workflow_name") or "",
        1 if get("attempt") is None else get("attempt"),
        get("parallel_index") or 0,
        1 if get("parallel_count") is None else get("parallel_count"),
    )


class _Broken(CallError):
    """A task file that cannot work, however often it is tried; its traceback is printed already."""

    shown = True


def load_file(source: Source) -> "ModuleType":
    """Execute a task file. Python that does not compile, or imports what is not installed, is a permanent failure."""
    try:
        if source.code is None:
            source.compile()
    except (SyntaxError, ValueError, RecursionError) as error:
        _outcome.print_error(error)
        raise _Broken(_outcome.message_of(error)) from None
    try:
        return source.load()
    except ModuleNotFoundError as error:
        _outcome.print_error(error)
        raise _Broken(_outcome.message_of(error)) from None


def find_module(name: str) -> "ModuleType":
    """Import a task module by its dotted name; one that does not exist is a permanent failure."""
    try:
        return load_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise CallError(
                f"cannot find the module `{name}` (looked in {', '.join(sys.path[:2])} and the installed packages)"
            ) from None
        raise


def _inputs(frame: "dict[str, Any]") -> "dict[str, Any]":
    path = frame.get("input_file")
    if path:
        with open(path, encoding="utf-8") as file:
            inputs: "Any" = loads(file.read())
    else:
        inputs = frame.get("input") or {}
    kind: "Any" = type(inputs)  # pyright: ignore[reportUnknownVariableType]
    if kind is not dict:
        raise CallError(f"the input is a {kind.__name__}, expected an object")
    found: "dict[str, Any]" = inputs
    return found


def _run_script(frame: "dict[str, Any]") -> None:
    """The body of a `fun` task, as the main module, with the line numbers of its workflow file."""
    name = frame.get("script_name") or "<script>"
    line = int(frame.get("line") or 1)
    text = "\n" * (line - 1) + frame["script"]
    module = sys.modules["__main__"]
    module.__dict__.update(__file__=name, __builtins__=__builtins__)
    module.__dict__["__ork_script__"] = text
    try:
        code = compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        _outcome.print_error(error)
        raise _Broken(_outcome.message_of(error)) from None
    exec(code, module.__dict__)


def _show_script(error: BaseException) -> None:
    """A traceback of a script: its lines come from memory, for they are not Python's idea of that file."""
    module = sys.modules["__main__"]
    text = module.__dict__.get("__ork_script__")
    if text is None or isinstance(error, (SyntaxError, CallError)):
        _outcome.print_error(error)
        return
    import linecache
    import traceback

    name = module.__dict__["__file__"]
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        pass
    error.__traceback__ = _outcome.own_frames_removed(error.__traceback__)
    traceback.print_exception(type(error), error, error.__traceback__)


def _why_unreadable(path: str) -> str:
    try:
        os.stat(path)
    except OSError as error:
        return error.strerror or str(error)
    return "it changed while it was read"


def _limit_memory(limit: int) -> None:
    import resource

    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, limit))


def _has_threads() -> bool:
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def shut_down() -> None:
    """Wait for threads that are no daemons, run what was registered for the exit, flush."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()
        atexit = sys.modules.get("atexit")
        if atexit is not None:
            atexit._run_exitfuncs()
    except BaseException as error:  # an exit handler that fails does not undo the task
        _outcome.print_error(error)
    _flush()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed by the task, or nobody reads it any more
