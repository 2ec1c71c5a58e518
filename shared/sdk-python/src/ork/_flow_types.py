"""The types of a workflow file: read from their spellings, and compared with values."""

import datetime
import re
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple, Union

from ._flow_errors import WorkflowError
from ._plain import is_list, is_object

Step = Union[str, int]
_BUILTINS = ("str", "int", "float", "bool", "date", "datetime_notz", "datetime_tz", "datetime_utc", "any")
_NAME = re.compile(r"[\w.-]*")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(.*)", re.ASCII)
_OFFSET = re.compile(r"[+-]([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class Type:
    """One type: a builtin, or `list`, `map`, `object`, `enum`, `optional` of others."""

    __slots__ = ("fields", "inner", "kind", "words")

    def __init__(
        self,
        kind: str,
        inner: "Optional[Type]" = None,
        fields: "Optional[Dict[str, Type]]" = None,
        words: "Sequence[str]" = (),
    ) -> None:
        self.kind = kind
        self.inner = inner
        self.fields = fields or {}
        self.words = words

    def __str__(self) -> str:
        if self.kind == "list":
            return f"[{self.inner}]"
        if self.kind == "map":
            return f"map[{self.inner}]"
        if self.kind == "optional":
            return f"{self.inner}?"
        if self.kind == "enum":
            return f"enum[{', '.join(self.words)}]"
        if self.kind == "object":
            return "{" + ", ".join(f"{name}: {kind}" for name, kind in self.fields.items()) + "}"
        return self.kind

    def problem(self, value: Any, path: str = "") -> "Optional[str]":
        """Where and how `value` is not of this type; None when it is."""
        where = f"at `{path.lstrip('.')}`: " if path else ""
        if self.kind == "optional" and self.inner is not None:
            return None if value is None else self.inner.problem(value, path)
        if self.kind == "list" and is_list(value) and self.inner is not None:
            inner = self.inner
            return _first(inner.problem(part, f"{path}[{at}]") for at, part in enumerate(value))
        if self.kind == "map" and is_object(value) and self.inner is not None:
            inner = self.inner
            return _first(inner.problem(part, f"{path}.{name}") for name, part in value.items())
        if self.kind == "object" and is_object(value):
            return self._fields_problem(value, path, where)
        return None if self._holds(value) else f"{where}`{self}` is asked for, found {short(value)}"

    def _fields_problem(self, value: "Dict[str, Any]", path: str, where: str) -> "Optional[str]":
        for name, kind in self.fields.items():
            if name in value:
                found = kind.problem(value[name], f"{path}.{name}")
                if found:
                    return found
            elif kind.kind != "optional":
                return f"at `{(path + '.' + name).lstrip('.')}`: `{kind}` is asked for, found no such field"
        extra = [name for name in value if name not in self.fields]
        if extra:
            return (
                f"{where}an object with {names(self.fields)} is asked for, found the extra field `{extra[0]}`"
            )
        return None

    def _holds(self, value: Any) -> bool:
        if self.kind == "any":
            return True
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind in ("int", "float"):
            number = isinstance(value, int) and not isinstance(value, bool)
            return (
                (number and -(2**63) <= value < 2**64)
                if self.kind == "int"
                else number or isinstance(value, float)
            )
        if not isinstance(value, str):
            return False
        if self.kind == "str":
            return True
        if self.kind == "enum":
            return value in self.words
        if self.kind == "date":
            value += "T00:00:00"
        moment = _MOMENT.fullmatch(value)
        if moment is None or not _exists(moment[1]):
            return False
        rest = moment[3]
        return {
            "date": rest == "",
            "datetime_notz": rest == "",
            "datetime_utc": rest == "Z",
            "datetime_tz": rest == "Z" or _OFFSET.fullmatch(rest) is not None,
        }.get(self.kind, False)

    def without(self, fields: "Sequence[str]") -> "Type":
        """The same object without some fields, which are not looked at."""
        if self.kind != "object" or not fields:
            return self
        return Type("object", fields={name: kind for name, kind in self.fields.items() if name not in fields})

    def or_null(self) -> "Type":
        """The same, or null."""
        return self if self.kind in ("optional", "any") else Type("optional", self)

    def at(self, path: "Sequence[Step]") -> "Optional[Type]":
        """The type of the part at `path`; None when there is no such part."""
        if not path or self.kind == "any":
            return self
        if self.kind == "optional" and self.inner is not None:
            found = self.inner.at(path)
            return found.or_null() if found is not None else None
        below: Optional[Type] = None
        if self.kind == "object":
            # A number behind a dot may be a key.
            below = self.fields.get(str(path[0]))
        elif self.kind == "map" or (self.kind == "list" and isinstance(path[0], int)):
            below = self.inner
        return below.at(path[1:]) if below is not None else None


class Aliases:
    """The names under `types`, each read when it is first needed."""

    def __init__(self, spelled: "Mapping[str, Any]") -> None:
        self._spelled = spelled
        self._known: Dict[str, Type] = {}
        self._open: List[str] = []

    def check_all(self) -> None:
        """Read every alias, also those nobody uses."""
        for name in self._spelled:
            if name in _BUILTINS:
                raise WorkflowError(f"type `{name}`: a builtin type has this name")
            self.named(name)

    def named(self, name: str) -> Type:
        """What `types.<name>` stands for."""
        if name in self._open:
            raise WorkflowError(f"type `{name}` contains itself: " + " → ".join([*self._open, name]))
        if name not in self._spelled:
            raise WorkflowError(f"there is no type `types.{name}`; declared are {names(self._spelled)}")
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self.read(self._spelled[name], f"type `{name}`")
            self._open.pop()
        return self._known[name]

    def read(self, spelled: Any, label: str) -> Type:
        """The type that a value of the file states."""
        if isinstance(spelled, str):
            return _Reader(spelled, self.named, label).whole()
        if is_list(spelled):
            if len(spelled) != 1:
                raise WorkflowError(f"{label}: a list type has exactly one element type, not {len(spelled)}")
            return Type("list", self.read(spelled[0], label))
        if is_object(spelled):
            return Type("object", fields={name: self.read(part, label) for name, part in spelled.items()})
        raise WorkflowError(f"{label}: a type is a name, [T] or a map of fields, not {short(spelled)}")


class _Reader:
    """The one-line spelling: `str?`, `[types.Row]`, `map[int]`, `enum[a, b]`, `{id: int}`."""

    def __init__(self, text: str, alias: "Callable[[str], Type]", label: str) -> None:
        self._text = text
        self._at = 0
        self._alias = alias
        self._label = label

    def whole(self) -> Type:
        found = self._kind()
        if self._text[self._at :].strip():
            self._fail(f"it goes on after `{found}`")
        return found

    def _fail(self, why: str) -> "NoReturn":
        raise WorkflowError(f"{self._label}: `{self._text}` is no type: {why}")

    def _take(self, mark: str) -> bool:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            self._fail(f"`{mark}` is missing at character {self._at}")

    def _kind(self) -> Type:
        if self._take("["):
            found = Type("list", self._kind())
            self._expect("]")
        elif self._take("{"):
            fields: Dict[str, Type] = {}
            while not self._take("}"):
                if fields:
                    self._expect(",")
                name = self._word(":,}")
                self._expect(":")
                fields[name] = self._kind()
            found = Type("object", fields=fields)
        else:
            found = self._named()
        while self._take("?"):
            found = found.or_null()
        return found

    def _named(self) -> Type:
        self._take("")
        match = _NAME.match(self._text, self._at)
        name = match[0] if match else ""
        self._at += len(name)
        if name == "map" and self._take("["):
            found = Type("map", self._kind())
            self._expect("]")
            return found
        if name == "enum" and self._take("["):
            words = [self._word(",]")]
            while not self._take("]"):
                self._expect(",")
                words.append(self._word(",]"))
            return Type("enum", words=words)
        if name in _BUILTINS:
            return Type(name)
        if name.startswith("types."):
            return self._alias(name[6:])
        self._fail(f"`{name}` is none of {names(_BUILTINS)}; your own are written types.<Name>")

    def _word(self, ends: str) -> str:
        self._take("")
        start = self._at
        if self._text.startswith('"', start):
            end = self._text.find('"', start + 1)
            if end < 0:
                self._fail("a quoted word does not end")
            self._at = end + 1
            return self._text[start + 1 : end]
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        word = self._text[start : self._at].rstrip()
        if not word:
            self._fail("a word is missing")
        return word


def short(value: Any) -> str:
    """A value for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else f'the text "{value[:40]}"…'
    if is_list(value):
        return f"a list of {len(value)}"
    if is_object(value):
        return f"an object with {names(value)}" if value else "an empty object"
    return f"a {type(value).__name__}"


def names(words: "Union[Sequence[str], Mapping[str, Any]]") -> str:
    """Some names for a message."""
    shown: Tuple[str, ...] = tuple(words)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return (", ".join(f"`{word}`" for word in shown[:8]) or "none") + more


def _first(found: "Any") -> "Optional[str]":
    return next((one for one in found if one), None)


def _exists(moment: str) -> bool:
    try:
        # A leap second exists.
        datetime.datetime.fromisoformat(moment[:-3] + moment[-3:].replace(":60", ":59"))
    except ValueError:
        return False
    return True
