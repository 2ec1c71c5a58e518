"""Calls a task function with its inputs.

The rules, in this order:

1. A parameter annotated `Context`, or named `ctx` while no input has that name, receives the context.
2. If exactly one other parameter is left (and neither `*args` nor `**kwargs`), its name is not among the inputs, and its annotation
   is a dict, Mapping, dataclass, TypedDict, NamedTuple or pydantic model, then it receives all inputs at once: unless
   there are no inputs and it has a default.
3. Otherwise each input goes to the parameter of its name; `**kwargs` takes the rest; defaults are honoured.

A parameter without annotation, or annotated str, int, bool, dict, list, object or Any, receives the JSON value untouched.
Any other annotation converts (see `_convert`); one that cannot be resolved leaves the value untouched.
"""

import sys

from ._errors import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from ._context import Context

    class Parameter(NamedTuple):
        """One parameter of a function."""

        name: str
        kind: int
        required: bool
        hint: Any


POSITIONAL_ONLY, POSITIONAL, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
_UNTOUCHED = {
    str,
    int,
    bool,
    dict,
    list,
    object,
    None,
    "str",
    "int",
    "bool",
    "dict",
    "list",
    "object",
    "Any",
    "typing.Any",
}
_FUNCTION = type(lambda: None)
_NOTHING = object()
# *args, **kwargs, generators, coroutines, async generators.
_SPECIAL = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200


def call(function: "Any", inputs: "dict[str, Any]", context: "Context", where: str) -> "Any":
    """Run the function as a task: bind the inputs, await it if it is async, refuse generators."""
    if type(function) is _FUNCTION and not function.__dict__:
        # The common case, in few steps: every page of code not touched here is one less to copy in a new child.
        code = function.__code__
        if not code.co_flags & _SPECIAL and code.co_argcount == len(inputs) and not code.co_kwonlyargcount:
            for name in code.co_varnames[: code.co_argcount]:
                if name not in inputs or name == "ctx":
                    break
            else:
                if not code.co_posonlyargcount and not _annotations(function):
                    return function(**inputs)
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & 0x220:  # CO_GENERATOR | CO_ASYNC_GENERATOR
        raise CallError(f"{describe(function, where)} is a generator: return a list instead of using `yield`")
    args, kwargs = bind(function, inputs, context, where)
    result = function(*args, **kwargs)
    if hasattr(result, "__await__"):
        import asyncio

        return asyncio.run(_awaited(result))
    return result


async def _awaited(result: "Any") -> "Any":
    return await result


def bind(
    function: "Any", inputs: "dict[str, Any]", context: "Context", where: str
) -> "tuple[list[Any], dict[str, Any]]":
    """The arguments to call `function` with; CallError when inputs and parameters do not fit."""
    parameters = parameters_of(function, where)
    context_name = context_parameter(parameters, inputs)
    others = [p for p in parameters if p[0] != context_name]
    whole = _takes_all(function, others, inputs)
    given = inputs if whole is None else {whole: inputs}
    hints = Hints(function)
    args: "list[Any]" = []
    kwargs: "dict[str, Any]" = {}
    missing: "list[str]" = []
    used = 0
    skipped = False
    for name, kind, required, hint in parameters:
        if kind == VAR_POSITIONAL or kind == VAR_KEYWORD:
            continue
        value = _NOTHING
        if name == context_name:
            value = context
        elif name in given:
            used += 1
            label = f"input `{name}`" if whole is None else "inputs"
            value = hints.convert(name, hint, given[name], label)
        if value is _NOTHING:
            if required:
                missing.append(name)
            skipped = True
        elif kind == POSITIONAL_ONLY and not skipped:
            args.append(value)
        else:
            kwargs[name] = value
    unexpected: "list[str]" = []
    if used != len(given):
        names = {p[0] for p in others if p[1] not in (VAR_POSITIONAL, VAR_KEYWORD)}
        rest = {name: value for name, value in given.items() if name not in names}
        if any(p[1] == VAR_KEYWORD for p in parameters):
            kwargs.update(rest)
        else:
            unexpected = list(rest)
    if missing or unexpected:
        raise CallError(_misfit(function, where, others, inputs, missing, unexpected))
    return args, kwargs


def parameters_of(function: "Any", where: str = "") -> "list[Parameter]":
    """The parameters of a callable, as (name, kind, required, annotation); cheap for plain functions."""
    target = function
    while hasattr(target, "__wrapped__") and not hasattr(target, "__signature__"):
        target = target.__wrapped__
    if type(target) is not _FUNCTION or hasattr(target, "__signature__"):
        import inspect

        try:
            signature = inspect.signature(target)
        except (TypeError, ValueError) as error:
            raise CallError(f"{describe(function, where)} cannot be called as a task: {error}") from None
        return [
            (p.name, int(p.kind), p.default is p.empty, None if p.annotation is p.empty else p.annotation)  # type: ignore[misc]
            for p in signature.parameters.values()
        ]
    code = target.__code__
    hints = _annotations(target)
    positional = code.co_argcount
    names = code.co_varnames
    required = positional - len(target.__defaults__ or ())
    found: "list[Any]" = [
        (name, POSITIONAL_ONLY if i < code.co_posonlyargcount else POSITIONAL, i < required, hints.get(name))
        for i, name in enumerate(names[:positional])
    ]
    end = positional + code.co_kwonlyargcount
    keyword_defaults: "dict[str, Any]" = target.__kwdefaults__ or {}
    for name in names[positional:end]:
        found.append((name, KEYWORD_ONLY, name not in keyword_defaults, hints.get(name)))
    if code.co_flags & 0x04:
        found.append((names[end], VAR_POSITIONAL, False, None))
        end += 1
    if code.co_flags & 0x08:
        found.append((names[end], VAR_KEYWORD, False, None))
    return found


def describe(function: "Any", where: str) -> str:
    """How an error names the function: with its file."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return f"function `{name}`" + (f" in {where}" if where else "")


def _annotations(function: "Any") -> "dict[str, Any]":
    try:
        hints: "dict[str, Any]" = function.__annotations__
        return hints
    except Exception:  # annotations evaluated late may fail in any way; then there are none
        return {}


def context_parameter(parameters: "list[Parameter]", inputs: "dict[str, Any]") -> "str | None":
    for name, kind, _, hint in parameters:
        if kind in (VAR_POSITIONAL, VAR_KEYWORD):
            continue
        if _is_context(hint) or (name == "ctx" and hint is None and name not in inputs):
            return name
    return None


def _is_context(hint: "Any") -> bool:
    if hint is None or hint in (str, int, dict, list):
        return False
    if isinstance(hint, str):
        bare = hint.replace(" ", "").replace("|None", "").replace("'", "").replace('"', "")
        if bare.endswith("]"):
            bare = bare.rpartition("Optional[")[2][:-1]
        return bare in ("Context", "ork.Context")
    from ._context import Context

    return hint is Context or Context in getattr(hint, "__args__", ())


def _takes_all(function: "Any", others: "list[Parameter]", inputs: "dict[str, Any]") -> "str | None":
    """The name of the one parameter that takes all inputs, if there is one."""
    if len(others) != 1:
        return None
    name, kind, required, hint = others[0]
    if (
        kind in (VAR_POSITIONAL, VAR_KEYWORD)
        or name in inputs
        or hint is None
        or (not inputs and not required)
    ):
        return None
    if hint is dict or hint == "dict":
        return name
    if hint in _UNTOUCHED if hint.__hash__ else False:
        return None
    resolved = Hints(function).resolve(name, hint)
    from ._convert import takes_all

    return name if takes_all(resolved) else None


class Hints:
    """Annotations of one function, resolved when the first one needs it."""

    def __init__(self, function: "Any") -> None:
        self._function = function
        self._resolved: "dict[str, Any] | None" = None

    def convert(self, name: str, hint: "Any", value: "Any", label: str) -> "Any":
        try:
            if hint in _UNTOUCHED:
                return value
        except TypeError:  # an annotation that cannot be hashed is not one of them
            pass
        if hint is float or hint == "float":
            return float(value) if type(value) is int else value
        resolved = self.resolve(name, hint)
        if resolved is None or isinstance(resolved, str):
            return value
        from ._convert import convert

        return convert(value, resolved, label)

    def resolve(self, name: str, hint: "Any") -> "Any":
        if self._resolved is None:
            self._resolved = self.resolve_all()
        return self._resolved.get(name, hint)

    def resolve_all(self) -> "dict[str, Any]":
        import types
        import typing

        target: "Any" = self._function
        while hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        if not isinstance(target, _FUNCTION):
            kind: "Any" = type(target)  # pyright: ignore[reportUnknownVariableType]
            target = getattr(target, "__func__", None) or getattr(kind, "__call__", target)
        space: "dict[str, Any]" = getattr(target, "__globals__", {})
        try:
            return typing.get_type_hints(target)
        except Exception:  # one bad annotation must not spoil the others
            pass
        found: "dict[str, Any]" = {}
        for name, hint in _annotations(target).items():
            lone = types.SimpleNamespace(__annotations__={name: hint})
            try:
                found.update(typing.get_type_hints(lone, globalns=space))
            except Exception:  # this one stays as it is written
                pass
        return found


def _misfit(
    function: "Any",
    where: str,
    others: "list[Parameter]",
    inputs: "dict[str, Any]",
    missing: "list[str]",
    unexpected: "list[str]",
) -> str:
    problems: "list[str]" = []
    if missing:
        problems.append(f"no input for {_names(missing)}")
    if unexpected:
        problems.append(
            f"no parameter for the input{'s' if len(unexpected) > 1 else ''} {_names(unexpected)}"
        )
    text = (
        f"{describe(function, where)}: {' and '.join(problems)} "
        f"(parameters: {_names([_star(p[1]) + p[0] for p in others])}; inputs: {_names(list(inputs))})"
    )
    if len(others) == 1 and missing == [others[0][0]] and others[0][3] is None and inputs:
        text += f"; to receive all inputs at once, annotate it: `{missing[0]}: dict`"
    return text


def _star(kind: int) -> str:
    return {VAR_POSITIONAL: "*", VAR_KEYWORD: "**"}.get(kind, "")


def _names(names: "list[str]") -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


if sys.version_info < (3, 9):
    raise ImportError("Ork needs Python 3.9 or newer")
