"""Annotations as JSON Schema, and in the spelling of a workflow file's types."""

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import pathlib
import typing
import uuid
from typing import Any

from . import _convert

_SCALARS = {
    str: ({"type": "string"}, "str"),
    int: ({"type": "integer"}, "int"),
    float: ({"type": "number"}, "float"),
    bool: ({"type": "boolean"}, "bool"),
    datetime.date: ({"type": "string", "format": "date"}, "date"),
    datetime.datetime: ({"type": "string", "format": "date-time"}, "datetime_tz"),
    datetime.time: ({"type": "string", "format": "time"}, "str"),
    datetime.timedelta: ({"type": "number"}, "float"),
    decimal.Decimal: ({"type": "string"}, "str"),
    uuid.UUID: ({"type": "string", "format": "uuid"}, "str"),
}
_SEQUENCES = (list, set, frozenset, tuple, *_convert.LISTS, *_convert.SETS)


class Describer:
    """Describes annotations; records that occur go to `$defs` of the schema, by name."""

    def __init__(self) -> None:
        self.defs: "dict[str, Any]" = {}
        self._open: "list[Any]" = []

    def schema(self, hint: Any) -> "dict[str, Any]":
        """JSON Schema of one annotation; `{}` (anything) for types Ork does not know."""
        hint = _bare(hint)
        if hint is None or hint is type(None):
            return {"type": "null"}
        if hint in _SCALARS if isinstance(hint, type) else False:
            return dict(_SCALARS[hint][0])
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in _convert.UNION_KINDS:
            return {"anyOf": [self.schema(arg) for arg in args]}
        if origin is typing.Literal:
            return {"enum": list(args)}
        if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            items = [self.schema(arg) for arg in args if arg != ()]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if (origin or hint) in _SEQUENCES:
            array: "dict[str, Any]" = {"type": "array"}
            if args:
                array["items"] = self.schema(args[0])
            if (origin or hint) in _convert.SETS:
                array["uniqueItems"] = True
            return array
        if (origin or hint) in _convert.MAPS:
            return {"type": "object", **({"additionalProperties": self.schema(args[1])} if args else {})}
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return {"enum": [member.value for member in hint]}
        if isinstance(hint, type) and issubclass(hint, pathlib.PurePath):
            return {"type": "string"}
        if origin is not None and _convert.is_record(origin):
            return self._record(origin)
        return self._record(hint) if _convert.is_record(hint) else {}

    def _record(self, cls: Any) -> "dict[str, Any]":
        name = cls.__name__
        if name not in self.defs:
            self.defs[name] = {}
            self.defs[name] = self._model(cls) if _convert.is_model(cls) else self._fields(cls)
        return {"$ref": f"#/$defs/{name}"}

    def _model(self, cls: Any) -> "dict[str, Any]":
        """pydantic describes its models itself; its definitions join ours."""
        if hasattr(cls, "model_json_schema"):
            schema: "dict[str, Any]" = cls.model_json_schema(ref_template="#/$defs/{model}")
        else:
            schema = cls.schema(ref_template="#/$defs/{model}")
        for key in ("$defs", "definitions"):
            self.defs.update(schema.pop(key, {}))
        return schema

    def _fields(self, cls: Any) -> "dict[str, Any]":
        fields = fields_of(cls)
        schema: "dict[str, Any]" = {
            "title": cls.__name__,
            "type": "object",
            "properties": {name: self.schema(hint) for name, (hint, _) in fields.items()},
            "required": [name for name, (_, required) in fields.items() if required],
            "additionalProperties": False,
        }
        return schema

    def ork(self, hint: Any) -> str:
        """The same annotation as a workflow file spells it; `any` where it has no word."""
        hint = _bare(hint)
        if isinstance(hint, type) and hint in _SCALARS:
            return _SCALARS[hint][1]
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in _convert.UNION_KINDS:
            choices = [arg for arg in args if arg is not type(None)]
            if len(choices) != 1:
                return "any"
            inner = self.ork(choices[0])
            return (
                inner if len(choices) == len(args) or inner.endswith("?") or inner == "any" else f"{inner}?"
            )
        if origin is typing.Literal:
            return _enum_text(args)
        if (origin or hint) in _SEQUENCES:
            kinds = {self.ork(arg) for arg in args if arg is not Ellipsis and arg != ()}
            return f"[{kinds.pop()}]" if len(kinds) == 1 else "[any]"
        if (origin or hint) in _convert.MAPS:
            return f"map[{self.ork(args[1])}]" if args else "map[any]"
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return _enum_text([member.value for member in hint])
        if isinstance(hint, type) and issubclass(hint, pathlib.PurePath):
            return "str"
        if _convert.is_record(hint) and hint not in self._open:
            # A record that contains itself has no spelling: the format knows no recursion.
            self._open.append(hint)
            try:
                return ork_object({name: self.ork_field(*field) for name, field in fields_of(hint).items()})
            finally:
                self._open.pop()
        return "any"

    def ork_field(self, hint: Any, required: bool) -> str:
        """A field's type; one that may be left out is optional."""
        text = self.ork(hint)
        return text if required or text.endswith("?") or text == "any" else f"{text}?"


def ork_object(fields: "dict[str, str]") -> str:
    """`{name: type, …}` as one line of YAML."""
    return "{" + ", ".join(f"{name}: {text}" for name, text in fields.items()) + "}"


def fields_of(cls: Any) -> "dict[str, tuple[Any, bool]]":
    """Annotation of each field of a record, and whether it is required."""
    if _convert.is_model(cls):
        return _model_fields(cls)
    hints = _convert.hints_of(cls)
    if _convert.is_typed_dict(cls):
        return {name: (_convert.strip_required(hints[name]), name in cls.__required_keys__) for name in hints}
    if _convert.is_named_tuple(cls):
        return {name: (hints.get(name, Any), name not in cls._field_defaults) for name in cls._fields}
    missing = dataclasses.MISSING
    return {
        field.name: (
            hints.get(field.name, Any),
            field.default is missing and field.default_factory is missing,
        )
        for field in dataclasses.fields(cls)
        if field.init
    }


def _model_fields(cls: Any) -> "dict[str, tuple[Any, bool]]":
    if hasattr(cls, "model_fields"):
        return {name: (field.annotation, field.is_required()) for name, field in cls.model_fields.items()}
    return {name: (field.outer_type_, bool(field.required)) for name, field in cls.__fields__.items()}


def _bare(hint: Any) -> Any:
    hint = _convert.strip_required(hint)
    while getattr(hint, "__metadata__", None) is not None:
        hint = typing.get_args(hint)[0]
    supertype = getattr(hint, "__supertype__", None)
    if supertype is not None:
        return _bare(supertype)
    return hint


def _enum_text(values: "collections.abc.Iterable[Any]") -> str:
    texts = list(values)
    if all(isinstance(value, str) for value in texts):
        return "enum[" + ", ".join(texts) + "]"
    for kind, word in ((bool, "bool"), (int, "int"), (float, "float")):
        if all(type(value) is kind for value in texts):
            return word
    return "any"
