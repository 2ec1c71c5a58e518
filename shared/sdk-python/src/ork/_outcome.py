"""What became of a task: its result as JSON text, or the category and message of its failure."""

import sys

from ._call import call
from ._context import swap_context
from ._errors import CallError, Error
from ._result import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Optional

    from ._context import Context

EXIT_CODES = {"permanent": 64, "transient": 75, "oom": 137}
_MESSAGE_LIMIT = 16_384
_PASSING_STATUS = (429, 502, 503, 504)


class Outcome:
    """Either `output` is JSON text, or `category` and `message` say how the task failed."""

    __slots__ = ("category", "code", "ended_process", "error", "message", "output")

    def __init__(self, output: "Optional[str]", category: str = "", message: str = "", code: int = 0) -> None:
        self.output = output
        self.category = category
        self.message = message
        self.code = code
        self.ended_process = False
        self.error: "Optional[BaseException]" = None

    @property
    def ok(self) -> bool:
        """Whether the task succeeded."""
        return self.output is not None


def run(
    prepare: "Callable[[], tuple[Any, dict[str, Any]]]",
    context: "Context",
    where: str,
    show: "Optional[Callable[[BaseException], None]]" = None,
) -> Outcome:
    """Have a function and its inputs prepared, and call it; never raises. A traceback goes to standard error (or to `show`)."""
    before = swap_context(context)
    try:
        function, inputs = prepare()
        return Outcome(to_json(call(function, inputs, context, where)))
    except SystemExit as error:
        return of_exit(error)
    except BaseException as error:  # whatever a task raises is its failure, not ours
        if not getattr(error, "shown", False):
            (show or print_error)(error)
        return of_error(error)
    finally:
        swap_context(before)


def of_error(error: BaseException) -> Outcome:
    """The failure that an exception stands for."""
    category = category_of(error)
    code = error.exit_code if isinstance(error, Error) else EXIT_CODES.get(category, 1)
    outcome = Outcome(None, category, message_of(error), code)
    outcome.error = error
    return outcome


def of_exit(error: SystemExit) -> Outcome:
    """`sys.exit` in a task: 0 or nothing succeeds without output, 64 and 75 choose the category."""
    code = error.code
    if code is None or code == 0:
        outcome = Outcome("null")
    elif isinstance(code, int):
        category = {64: "permanent", 75: "transient"}.get(code, "unknown")
        outcome = Outcome(None, category, f"SystemExit: {code}", code & 255)
    else:
        sys.stderr.write(f"{code}\n")
        outcome = Outcome(None, "unknown", f"SystemExit: {code}", 1)
    outcome.ended_process = True
    outcome.error = error
    return outcome


def category_of(error: BaseException) -> str:
    """The category of an exception; `unknown` unless the case is plain.

    Plain cases: Ork's own errors say it; MemoryError is `oom`; a connection that was refused, reset or aborted, a
    TimeoutError, and an HTTP error that carries status 429, 502, 503 or 504 are `transient`.
    """
    if isinstance(error, Error):
        return error.category
    if isinstance(error, MemoryError):
        return "oom"
    passing: "tuple[Any, ...]" = (
        ConnectionRefusedError,
        ConnectionResetError,
        ConnectionAbortedError,
        TimeoutError,
    )
    socket = sys.modules.get("_socket")
    if socket is not None:
        passing += (socket.timeout,)  # before 3.10 not a TimeoutError
    futures = sys.modules.get("asyncio.exceptions")
    if futures is not None:
        passing += (futures.TimeoutError,)  # before 3.11 not a TimeoutError
    if isinstance(error, passing):
        return "transient"
    try:
        status = _http_status(error)
    except Exception:  # a property of a foreign exception failed: then it tells nothing
        status = None
    return "transient" if status in _PASSING_STATUS else "unknown"


def _http_status(error: BaseException) -> "Any":
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if type(value) is int:
                return value
            number = getattr(value, "value", None)  # http.HTTPStatus and the like
            if type(number) is int:
                return number
    return None


def message_of(error: BaseException) -> str:
    """`TypeName: text`, as the last line of a traceback has it; only the text of what Ork itself found."""
    name = type(error).__name__
    if isinstance(error, CallError):
        return str(error)
    try:
        text = str(error)
    except Exception as problem:  # a broken __str__ must not hide the failure
        text = f"(its text cannot be shown: {type(problem).__name__})"
    message = f"{name}: {text}" if text else name
    message = message.encode("utf-8", "replace").decode("utf-8")
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT] + "…"


def print_error(error: BaseException) -> None:
    """The traceback on standard error, beginning with the task's own code."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        pass
    try:
        if isinstance(error, CallError):
            sys.stderr.write(f"ork: {error}\n")
        else:
            error.__traceback__ = own_frames_removed(error.__traceback__)
            sys.__excepthook__(type(error), error, error.__traceback__)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # the task closed or replaced its stderr: nobody is left to read this


def own_frames_removed(traceback: "Optional[TracebackType]") -> "Optional[TracebackType]":
    """The part of a traceback that starts with the first frame outside Ork and the import machinery."""
    home = __file__.rpartition("_outcome")[0]
    first = traceback
    while first is not None:
        file = first.tb_frame.f_code.co_filename
        if not file.startswith((home, "<frozen importlib")) and not _is_asyncio(file):
            return first
        first = first.tb_next
    return None


def _is_asyncio(file: str) -> bool:
    return file.replace("\\", "/").rpartition("/")[0].endswith("/asyncio")
