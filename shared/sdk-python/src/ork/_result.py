"""The value a task returned, as JSON text.

The C encoder walks plain data; `simplify` turns what it does not know into something simpler, one level
at a time. Only when that fails is the value walked again, slowly, to say where the trouble lies.
"""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# Values and types of users go through here: what they are is asked at run time.

import sys

from ._codec import dumps
from ._errors import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 200


def to_json(value: "Any") -> str:
    """JSON text of a task's result; CallError says which part of it is not JSON."""
    if value is None:
        return "null"
    if type(value) is int:
        return str(value)
    kind = type(value)
    if kind is dict:
        if "deferred" in value:
            value = {**value, "deferred": _jobs(value["deferred"])}
    elif is_job(value) or ((kind is list or kind is tuple) and value and is_job(value[0])):
        value = {"deferred": _only_jobs([value] if is_job(value) else value)}
    try:
        text = dumps(value, simplify)
        # A lone surrogate is a str in Python and nothing in UTF-8.
        text.encode()
        return text
    except (TypeError, ValueError, RecursionError, CallError) as error:
        plain = _walk(value, "", [])
        problem = error
    # The walk also mends what the C encoder refuses: keys such as dates.
    try:
        return dumps(plain)
    except (TypeError, ValueError, RecursionError):
        raise CallError(f"the result is not JSON: {problem}") from None


def is_job(value: "Any") -> bool:
    """Whether it describes a deferred job (see `deferrables`)."""
    return hasattr(type(value), "__ork_job__")


def _only_jobs(values: "Any") -> "list[Any]":
    for at, value in enumerate(values):
        if not is_job(value):
            raise CallError(
                f"the result is not JSON: item {at} of a list of deferred jobs is a {type(value).__name__}, not a job"
            )
    return [job.to_dict() for job in values]


def _jobs(deferred: "Any") -> "Any":
    """Deferred jobs may be objects that know how to become a dict."""
    if is_job(deferred):
        return [deferred.to_dict()]
    if not isinstance(deferred, (list, tuple)):
        return deferred
    return [job.to_dict() if hasattr(job, "to_dict") else job for job in deferred]


def simplify(value: "Any") -> "Any":
    """One step from an object towards plain data; TypeError when there is none."""
    kind = type(value)
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            return list(value)
    if is_job(value):
        raise TypeError(
            "a deferred job hides in the result: return the job, a list of jobs or ork.defer(…); to pass it on as data, its .to_dict()"
        )
    if hasattr(kind, "__dataclass_fields__"):
        return {
            name: getattr(value, name)
            for name, field in kind.__dataclass_fields__.items()
            if _is_field(field)
        }
    if hasattr(kind, "model_dump") and hasattr(kind, "model_fields"):
        return value.model_dump(mode="json")
    if hasattr(kind, "__fields__") and hasattr(kind, "parse_obj"):
        return value.dict()
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(value, enum.Enum):
        return value.value
    text = _as_text(value)
    if text is not None:
        return text
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("bytes are not JSON: decode them, or write them to a file and return its path")
    if getattr(value, "shape", None) == () and hasattr(kind, "item"):
        return value.item()
    if hasattr(kind, "tolist"):
        raise TypeError(f"{kind.__name__} is not JSON: return its .tolist()")
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        raise TypeError(f"a {kind.__name__} is not JSON: return a list")
    if isinstance(value, sys.modules["collections.abc"].Mapping if "collections.abc" in sys.modules else ()):
        return dict(value)
    raise TypeError(f"{kind.__name__} is not JSON: return plain data, a dataclass or a pydantic model")


def _is_field(field: "Any") -> bool:
    # ClassVar and InitVar pseudo-fields are in the same table.
    return getattr(field._field_type, "name", "") == "_FIELD"


def _as_text(value: "Any") -> "Any":
    """Dates, times, UUIDs, decimals and paths; their modules are loaded if such a value exists."""
    datetime = sys.modules.get("datetime")
    if datetime is not None:
        if isinstance(value, datetime.datetime):
            text = value.isoformat()
            return text[:-6] + "Z" if text.endswith("+00:00") else text
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
    for module, name in (("uuid", "UUID"), ("decimal", "Decimal"), ("pathlib", "PurePath")):
        home = sys.modules.get(module)
        if home is not None and isinstance(value, getattr(home, name)):
            return str(value)
    return None


def _walk(value: "Any", path: str, open_ids: "list[int]") -> "Any":
    """`value` as plain data; CallError with the path of the first part that cannot be."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        text = str.__str__(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _not_json(path, "the text holds a lone surrogate, which is not Unicode") from None
        return text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise _not_json(path, f"{float(value)} is not JSON")
        return float(value)
    if id(value) in open_ids:
        raise _not_json(path, "it contains itself")
    if len(open_ids) >= _DEEPEST:
        raise _not_json(path, f"it is nested deeper than {_DEEPEST} levels")
    open_ids.append(id(value))
    try:
        if isinstance(value, dict):
            return {_key(key, path): _walk(part, f"{path}.{key}", open_ids) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [_walk(part, f"{path}[{index}]", open_ids) for index, part in enumerate(value)]
        try:
            simple = simplify(value)
        except TypeError as error:
            raise _not_json(path, str(error)) from None
        return _walk(simple, path, open_ids)
    finally:
        open_ids.pop()


def _key(key: "Any", path: str) -> str:
    if isinstance(key, str):
        return str(_walk(key, f"{path}.{key!r}", []))
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int):
        return str(int(key))
    if isinstance(key, float):
        return repr(_walk(key, f"{path}.{key}", []))
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(key, enum.Enum):
        return _key(key.value, path)
    text = _as_text(key)
    if isinstance(text, str):
        return text
    raise _not_json(path, f"a key is a {type(key).__name__} ({key!r}), expected a text")


def _not_json(path: str, why: str) -> CallError:
    return CallError(f"the result is not JSON: at `result{path}`: {why}")
