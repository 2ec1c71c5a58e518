"""`@executor`: a function as an executor of the project's own, and the command that runs it.

`ork.yaml` declares it, the command being run in the folder of the workflow file:

    executors:
      spark: {command: [python3, -m, ork, executor, spark.py]}

Without a name behind the file (`spark.py:submit`) there must be one such function in it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, NoReturn, Optional, TypeVar

    from ._context import Context

    F = TypeVar("F", bound=Callable[..., Any])

MARK = "__ork_executor__"
OFFERED = ("options", "input", "upstream")


def executor(name: str) -> "Callable[[F], F]":
    """Mark a function as the executor `name` of `ork.yaml`. It stays the function it was.

    It is called once per attempt with those of these that it has as parameters: `options` (the keys of the task that are the executor's
    own, such as `file`, `command` or `image`), `input` (the task's inputs), `upstream` (outputs of the tasks in `depends_on` by name), and
    a context (annotated `Context`, or named `ctx`). Annotations convert as in tasks. What it returns is the task's output, deferred jobs
    too; when it returns None, what the process wrote itself (see ORK_OUTPUT_FILE) is. Failures are those of tasks, except that a
    RecoverableError counts as unknown, because a process has no exit code for it.
    """
    given: "Any" = name
    if not isinstance(given, str) or not given:
        raise TypeError('@executor takes the name from ork.yaml: @executor("spark")')

    def mark(target: "F") -> "F":
        from . import _call

        function: "Any" = target
        if not callable(function):
            raise TypeError(f"@executor marks functions, not {function!r}")
        for parameter in _call.parameters_of(function):
            known = parameter[0] in OFFERED or parameter[0] == _call.context_parameter([parameter], {})
            if parameter[1] not in (_call.VAR_POSITIONAL, _call.VAR_KEYWORD) and parameter[2] and not known:
                raise TypeError(
                    f"executor `{name}`: parameter `{parameter[0]}` is none of {', '.join(OFFERED)} and no context"
                )
        setattr(function, MARK, name)
        return target

    return mark


def main(arguments: "list[str]") -> int:
    """Run the executor that the one argument names, as the process of one attempt; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ork executor FILE.py[:NAME]  (or MODULE[:NAME])\n")
        return 64
    import signal

    from . import _outcome

    where, _, name = arguments[0].partition(":")
    # So that `finally` and `with` have their say when the attempt is cancelled or out of time.
    signal.signal(signal.SIGTERM, _terminated)
    context = context_of(os.environ)
    outcome = _outcome.run(lambda: _prepare(where, name), context, where)
    if outcome.output is not None and outcome.output != "null":
        _hand_over(outcome.output)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        pass  # whoever read it is gone
    return outcome.code


def context_of(variables: "Any") -> "Context":
    """What the variables of a process tell about its attempt."""
    from ._context import Context

    return Context(
        task_id=variables.get("ORK_TASK_ID", ""),
        run_id=variables.get("ORK_RUN_ID", ""),
        task_name=variables.get("ORK_TASK_NAME", ""),
        workflow_name=variables.get("ORK_WORKFLOW_NAME", ""),
        attempt=int(variables.get("ORK_ATTEMPT", "1")),
        parallel_index=int(variables.get("ORK_PARALLEL_INDEX", "0")),
        parallel_count=int(variables.get("ORK_PARALLEL_COUNT", "1")),
    )


def _prepare(where: str, name: str) -> "tuple[Any, dict[str, Any]]":
    """The function, and what it asks for."""
    from . import _call

    function = _find(where, name)
    offered = {"options": _json("OPTIONS"), "input": _json("INPUT"), "upstream": _json("UPSTREAM")}
    parameters = _call.parameters_of(function)
    if any(parameter[1] == _call.VAR_KEYWORD for parameter in parameters):
        return function, offered
    asked = {parameter[0] for parameter in parameters}
    return function, {key: value for key, value in offered.items() if key in asked}


def _find(where: str, name: str) -> "Any":
    from ._child import find_module, load_file
    from ._errors import CallError
    from ._modules import Source, stamp_of

    if where.endswith(".py") or "/" in where:
        path = os.path.abspath(where)
        folder = os.path.dirname(path)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            module = load_file(Source(path, stamp_of(path)))
        except OSError as error:
            raise CallError(
                f"{path}: {error.strerror} (looked for in the folder of the workflow file)"
            ) from None
    else:
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        module = find_module(where)
    found = [value for value in vars(module).values() if isinstance(getattr(value, MARK, None), str)]
    by_name = [value for value in found if name in (getattr(value, MARK), getattr(value, "__name__", None))]
    chosen = by_name if name else found
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(f"`{getattr(value, MARK)}`" for value in found) or "none"
    wanted = f"the executor `{name}`" if name else "one executor"
    raise CallError(f"{where}: expected {wanted} (a function marked @ork.executor), found {names}")


def _json(name: str) -> "Any":
    """ORK_<name>_JSON, or the file that ORK_<name>_JSON_FILE names; nothing is an empty object."""
    from ._codec import loads

    text = os.environ.get(f"ORK_{name}_JSON")
    path = os.environ.get(f"ORK_{name}_JSON_FILE")
    if text is None and path:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    return loads(text) if text else {}


def _hand_over(output: str) -> None:
    """Where the engine looks for it; without a file named, the line that counts."""
    path = os.environ.get("ORK_OUTPUT_FILE")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(output)
    else:
        # A line of its own, whatever was printed before without an end.
        sys.stdout.write(f"\nORK_OUTPUT:{output}\n")


def _terminated(number: int, frame: "Optional[FrameType]") -> "NoReturn":
    sys.exit(128 + number)
