"""JSON values to what an annotation asks for: dataclasses, dates, enums, models, and containers of them."""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# Values and types of users go through here: what they are is asked at run time.

import collections.abc
import dataclasses
import datetime
import enum
import sys
import types
import typing
from typing import Any

from ._errors import CallError

UNION_KINDS = (typing.Union, getattr(types, "UnionType", typing.Union))
LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
SETS = {set: set, frozenset: frozenset, collections.abc.Set: set, collections.abc.MutableSet: set}
MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_JSON_NAMES = {
    str: "text",
    bool: "bool",
    int: "int",
    float: "float",
    list: "list",
    dict: "object",
    type(None): "null",
}


class Mismatch(CallError):
    """A value does not fit its annotation."""


def convert(value: Any, hint: Any, path: str) -> Any:
    """`value`, as JSON gave it, as `hint` asks for it. Types that Ork does not know leave it untouched."""
    if hint is Any or hint is object:
        return value
    if hint is None or hint is type(None):
        return value if value is None else _fail(value, "null", path)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _generic(value, hint, origin, typing.get_args(hint), path)
    if not isinstance(hint, type):
        supertype = getattr(hint, "__supertype__", None)  # NewType
        if supertype is None:
            supertype = getattr(hint, "__value__", None)  # type X = …
        return value if supertype is None else convert(value, supertype, path)
    return _plain_class(value, hint, path)


def takes_all(hint: Any) -> bool:
    """Whether one parameter with this annotation may stand for all inputs."""
    base = typing.get_origin(hint) or hint
    return base in MAPS or is_record(base)


def is_record(hint: Any) -> bool:
    """Whether the annotation is a class with named fields that Ork can build from a JSON object."""
    return isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or is_typed_dict(hint) or is_model(hint) or is_named_tuple(hint)
    )


def is_typed_dict(hint: Any) -> bool:
    """Whether it is a TypedDict, of `typing` or of `typing_extensions`."""
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__total__")


def is_named_tuple(hint: Any) -> bool:
    """Whether it is a NamedTuple class."""
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def is_model(hint: Any) -> bool:
    """Whether it is a pydantic model, of version 1 or 2."""
    if not isinstance(hint, type):
        return False
    return hasattr(hint, "model_validate") or (hasattr(hint, "parse_obj") and hasattr(hint, "__fields__"))


def hints_of(cls: Any) -> "dict[str, Any]":
    """Resolved annotations of a class; a name that cannot be resolved is an error that says which class."""
    try:
        return typing.get_type_hints(cls)
    except Exception as error:  # anything may go wrong in an annotation
        raise CallError(f"cannot read the annotations of `{cls.__name__}`: {error}") from None


def strip_required(hint: Any) -> Any:
    """`Required[X]`, `NotRequired[X]` and `ReadOnly[X]` are X."""
    while getattr(typing.get_origin(hint), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        hint = typing.get_args(hint)[0]
    return hint


def _generic(value: Any, hint: Any, origin: Any, args: "tuple[Any, ...]", path: str) -> Any:
    if origin in UNION_KINDS:
        return _union(value, hint, args, path)
    if origin is typing.Literal:
        for allowed in args:
            if allowed == value and type(allowed) is type(value):
                return value
        return _fail(value, "one of " + ", ".join(repr(arg) for arg in args), path)
    if getattr(hint, "__metadata__", None) is not None:  # Annotated
        return convert(value, args[0], path)
    if origin in LISTS:
        return [convert(part, args[0], f"{path}[{i}]") for i, part in enumerate(_list(value, path))]
    if origin in SETS:
        return SETS[origin](
            convert(part, args[0], f"{path}[{i}]") for i, part in enumerate(_list(value, path))
        )
    if origin is tuple:
        return _tuple(value, args, path)
    if origin in MAPS or (isinstance(origin, type) and issubclass(origin, dict)):
        if not isinstance(value, dict):
            _fail(value, "an object", path)
        pairs = {
            _map_key(key, args[0], path): convert(part, args[1], f"{path}.{key}")
            for key, part in value.items()
        }
        if origin in MAPS or origin is collections.defaultdict:
            return pairs
        build: Any = origin  # OrderedDict, Counter and the like
        return build(pairs)
    if is_model(origin) or dataclasses.is_dataclass(origin):
        return _plain_class(value, hint if is_model(origin) else origin, path)
    return value


def _union(value: Any, hint: Any, args: "tuple[Any, ...]", path: str) -> Any:
    if value is None and type(None) in args:
        return None
    choices = [arg for arg in args if arg is not type(None)]
    if len(choices) == 1:
        return convert(value, choices[0], path)
    reasons = []
    for choice in choices:
        try:
            return convert(value, choice, path)
        except CallError as error:
            reasons.append(str(error))
    raise Mismatch(f"{path}: {_show(value)} fits none of {_name(hint)}: " + "; ".join(reasons))


def _tuple(value: Any, args: "tuple[Any, ...]", path: str) -> "tuple[Any, ...]":
    parts = _list(value, path)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(convert(part, args[0], f"{path}[{i}]") for i, part in enumerate(parts))
    if args == ((),):
        args = ()
    if len(parts) != len(args):
        raise Mismatch(f"{path}: expected {len(args)} items, found {len(parts)}")
    return tuple(convert(part, arg, f"{path}[{i}]") for i, (part, arg) in enumerate(zip(parts, args)))


def _plain_class(value: Any, hint: Any, path: str) -> Any:
    if hint in (str, bool):
        return value if isinstance(value, hint) else _fail(value, _JSON_NAMES[hint], path)
    if hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
        return value if fits else _fail(value, "int", path)
    if hint is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if fits else _fail(value, "float", path)
    if hint in (list, collections.abc.Sequence, collections.abc.Iterable):
        return _list(value, path)
    if hint is tuple or hint in SETS:
        if hint is tuple:
            return tuple(_list(value, path))
        return SETS[hint](_list(value, path))  # pyright: ignore[reportArgumentType]
    if hint in MAPS:
        return value if isinstance(value, dict) else _fail(value, "an object", path)
    if not is_typed_dict(hint) and isinstance(value, hint):
        return value
    origin = getattr(hint, "__origin__", hint)
    if is_model(origin):
        return _model(value, hint, path)
    if is_typed_dict(hint) or dataclasses.is_dataclass(hint) or is_named_tuple(hint):
        return _record(value, hint, path)
    if issubclass(hint, enum.Enum):
        return _enum(value, hint, path)
    return _from_text(value, hint, path)


def _record(value: Any, cls: Any, path: str) -> Any:
    if not isinstance(value, dict):
        _fail(value, f"an object for `{cls.__name__}`", path)
    hints = hints_of(cls)
    if is_typed_dict(cls):
        names = {name: name in cls.__required_keys__ for name in cls.__annotations__}
    elif is_named_tuple(cls):
        names = {name: name not in cls._field_defaults for name in cls._fields}
    else:
        names = {
            field.name: field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            for field in dataclasses.fields(cls)
            if field.init
        }
    missing = [name for name, needed in names.items() if needed and name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        parts = [f"missing {_names(missing)}"] if missing else []
        parts += [f"unexpected {_names(unknown)}"] if unknown else []
        raise Mismatch(f"{path}: `{cls.__name__}` has {_names(list(names))}: {', '.join(parts)}")
    if hasattr(cls, "__pydantic_validator__") or hasattr(cls, "__pydantic_model__"):
        built = value  # a pydantic dataclass converts by itself
    else:
        built = {
            name: convert(part, strip_required(hints.get(name, Any)), f"{path}.{name}")
            for name, part in value.items()
        }
    if is_typed_dict(cls):
        return built
    try:
        return cls(**built)
    except CallError:
        raise
    except (TypeError, ValueError) as error:
        raise Mismatch(f"{path}: cannot build `{cls.__name__}`: {error}") from error


def _model(value: Any, cls: Any, path: str) -> Any:
    validate = getattr(cls, "model_validate", None) or cls.parse_obj
    try:
        return validate(value)
    except ValueError as error:  # pydantic's ValidationError is one
        raise Mismatch(f"{path}: {error}") from error


def _enum(value: Any, cls: Any, path: str) -> Any:
    try:
        return cls(value)
    except ValueError:
        if isinstance(value, str) and value in cls.__members__:
            return cls[value]
    return _fail(value, "one of " + ", ".join(repr(member.value) for member in cls), path)


def _from_text(value: Any, hint: Any, path: str) -> Any:
    """Dates and the like; a class that is not among them leaves the value as it is."""
    maker = _maker(hint)
    if maker is None:
        return value
    if not isinstance(value, str):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and hint.__name__ in ("Decimal", "timedelta")):
            _fail(value, f"a text for {hint.__name__}", path)
    try:
        return maker(value)
    except (ValueError, ArithmeticError, TypeError):
        return _fail(value, _EXAMPLES.get(hint.__name__, hint.__name__), path)


_EXAMPLES = {
    "date": "a date such as 2026-01-31",
    "datetime": "a date and time such as 2026-01-31T08:30:00Z",
    "time": "a time such as 08:30:00",
    "Decimal": "a decimal number",
    "UUID": "a UUID",
}


def _maker(hint: Any) -> Any:
    if hint is datetime.datetime:
        return parse_datetime
    if hint is datetime.date:
        return _parse_date
    if hint is datetime.time:
        return datetime.time.fromisoformat
    if hint is datetime.timedelta:
        return _parse_span
    decimal = sys.modules.get("decimal")
    if decimal is not None and hint is decimal.Decimal:
        return lambda value: decimal.Decimal(str(value))  # pyright: ignore[reportUnknownLambdaType]
    uuid = sys.modules.get("uuid")
    if uuid is not None and hint is uuid.UUID:
        return hint
    pathlib = sys.modules.get("pathlib")
    if pathlib is not None and issubclass(hint, pathlib.PurePath):
        return hint
    return None


def _parse_span(seconds: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=seconds)


def _parse_date(text: str) -> datetime.date:
    if len(text) != 10:
        raise ValueError(text)
    return datetime.date.fromisoformat(text)


def parse_datetime(text: str) -> datetime.datetime:
    """RFC 3339, also on interpreters whose `fromisoformat` knows neither `Z` nor nine digits."""
    if text[-1:] in "Zz":
        text = text[:-1] + "+00:00"
    head, dot, tail = text.partition(".")
    if dot:
        digits = 0
        while digits < len(tail) and tail[digits].isdigit():
            digits += 1
        text = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    if len(text) < 16:
        raise ValueError(text)
    return datetime.datetime.fromisoformat(text)


def _map_key(key: str, hint: Any, path: str) -> Any:
    if hint is int:
        try:
            return int(key)
        except ValueError:
            return _fail(key, "an int as key", path)
    return convert(key, hint, f"{path} key {key!r}")


def _list(value: Any, path: str) -> "list[Any]":
    return value if isinstance(value, list) else _fail(value, "a list", path)


def _fail(value: Any, expected: str, path: str) -> Any:
    raise Mismatch(f"{path}: expected {expected}, found {_show(value)}")


def _show(value: Any) -> str:
    text = repr(value)
    return (
        f"{_JSON_NAMES.get(type(value), type(value).__name__)} {text if len(text) <= 60 else text[:57] + '…'}"
    )


def _name(hint: Any) -> str:
    return str(hint).replace("typing.", "")


def _names(names: "list[str]") -> str:
    return ", ".join(f"`{name}`" for name in names) or "no fields"
