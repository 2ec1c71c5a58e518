"""JSON text to values and back, on the C parts of `json` alone.

Importing `json` brings in `re`, whose pages every forked child would pay for.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional


def _refuse_constant(name: str) -> "Any":
    raise ValueError(f"{name} is not JSON")


class _Rules:
    """The attributes that the C scanner asks for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)
    memo: "dict[str, str]" = {}


def loads(text: str) -> "Any":
    """The value that JSON text stands for; ValueError when it is not JSON."""
    start = 0
    while start < len(text) and text[start] in " \t\n\r":
        start += 1
    try:
        value, end = _scan(text, start)
    except StopIteration as stop:
        raise ValueError(f"not JSON at character {stop.value}") from None
    if text[end:].strip(" \t\n\r"):
        raise ValueError(f"not JSON: text after the value at character {end}")
    return value


def dumps(value: "Any", default: "Optional[Callable[[Any], Any]]" = None) -> str:
    """JSON text without spaces; ValueError or TypeError when the value is not JSON."""
    return "".join(_encoder({}, default or _refuse)(value, 0))


def _refuse(value: "Any") -> "Any":
    raise TypeError(f"{type(value).__name__} is not JSON")


try:
    from _json import encode_basestring as _text
    from _json import make_encoder as _make_encoder
    from _json import make_scanner as _make_scanner

    _scan: "Any" = _make_scanner(_Rules())  # type: ignore[arg-type]

    def _encoder(markers: "dict[int, Any]", default: "Callable[[Any], Any]") -> "Callable[[Any, int], Any]":
        encode: "Callable[[Any, int], Any]" = _make_encoder(
            markers, default, _text, None, ":", ",", False, False, False
        )
        return encode

except ImportError:  # an interpreter without the C parts
    import json as _json_module

    _scan = _json_module.JSONDecoder(parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]

    def _encoder(markers: "dict[int, Any]", default: "Callable[[Any], Any]") -> "Callable[[Any, int], Any]":
        encoder = _json_module.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default
        )
        return lambda value, _level: encoder.encode(value)
