"""`@task`: marks a function as a task and keeps what its author says about it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        return function


class Task:
    """What `@task` knows about a function, found in its `__ork_task__`."""

    __slots__ = ("metadata", "name")

    def __init__(self, name: str, metadata: "dict[str, Any]") -> None:
        self.name: str = name
        self.metadata: "dict[str, Any]" = metadata

    def __repr__(self) -> str:
        extra = "".join(f", {key}={value!r}" for key, value in self.metadata.items())
        return f"Task({self.name!r}{extra})"


@overload
def task(function: "F") -> "F": ...
@overload
def task(*, name: "Optional[str]" = None, **metadata: "Any") -> "Callable[[F], F]": ...
def task(function: "Any" = None, *, name: "Optional[str]" = None, **metadata: "Any") -> "Any":
    """Mark a function as a task. It stays the function it was, callable as before.

    With arguments (`@task(name="load", retries=3)`) they are kept as metadata in `__ork_task__`; the
    workflow file, not the metadata, decides how a task runs.
    """

    def mark(target: "Any") -> "Any":
        if not callable(target):
            raise TypeError(f"@task marks functions, not {target!r}")
        label: str = name or getattr(target, "__name__", None) or type(target).__name__
        setattr(target, "__ork_task__", Task(label, dict(metadata)))
        return target

    if function is None:
        return mark
    if metadata or name is not None:
        raise TypeError("@task takes its arguments by name: @task(name=…)")
    return mark(function)
