"""Paths, bindings and templates of a workflow, and what they stand for in a run."""

import re
from typing import Any, Callable, List, Mapping, Optional, Sequence, Set, Tuple

from ._flow_errors import Unsupported, WorkflowError
from ._flow_types import Step, Type, names, short
from ._plain import is_list, is_object

RUN_FIELDS = ("id", "slot", "workflow", "version", "attempt", "recovery_attempts", "index", "count")
_ROOTS = ("tasks", "params", "run", "item", "slot", "parallel_index", "parallel_count")
_PART = re.compile(r"""([\w-]+)|\[\s*(\d+)\s*\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_PLAIN = re.compile(r"""[A-Za-z_]\w*(\.\w+|\[\d+\]|\[(?:'[^']*'|"[^"]*")\])*""")
_TEMPLATE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_WORDS = frozenset("true false none True False None and or not in is if else".split())


class Missing(Exception):
    """A path leads to nothing: the attempt fails."""


class Path:
    """A path such as `tasks.extract.output.rows[0]`: where it starts, and the steps below."""

    __slots__ = ("name", "root", "steps", "text")

    def __init__(self, text: str, root: str, name: str, steps: "Sequence[Step]") -> None:
        self.text = text
        self.root = root
        """`output` or `status` of a task, `param`, `run`, `item` or `item_index`."""
        self.name = name
        self.steps = tuple(steps)


class Binding:
    """Where a value comes from: `const`, `ref`, `expr`, `template` or `secret`."""

    __slots__ = ("kind", "paths", "value")

    def __init__(self, kind: str, value: Any, paths: "Sequence[Path]" = ()) -> None:
        self.kind = kind
        self.value = value
        self.paths = paths


def read_path(text: str, tasks: "Set[str]", label: str) -> Path:
    """The path, resolved; WorkflowError when it names nothing."""
    steps = _steps(text.strip(), label)
    root, rest = str(steps[0]), steps[1:]
    if root == "tasks":
        if len(rest) < 2 or rest[0] not in tasks or rest[1] not in ("output", "status"):
            known = names(sorted(tasks))
            raise WorkflowError(
                f"{label}: `{text}`: write tasks.<name>.output or tasks.<name>.status; tasks are {known}"
            )
        return Path(text, str(rest[1]), str(rest[0]), rest[2:])
    if root == "params" and rest:
        return Path(text, "param", str(rest[0]), rest[1:])
    if root == "run" and len(rest) == 1 and rest[0] in RUN_FIELDS:
        return Path(text, "run", str(rest[0]), ())
    if root == "item":
        return Path(text, "item_index", "", ()) if rest == ["index"] else Path(text, "item", "", rest)
    if root in ("slot", "parallel_index", "parallel_count") and not rest:
        return Path(text, "run", root.replace("parallel_", ""), ())
    if root in tasks:
        return Path(text, "output", root, rest)
    raise WorkflowError(
        f"{label}: `{text}` refers to nothing; paths start with a task or one of {names(_ROOTS)}"
    )


def whole_template(text: str) -> "Optional[str]":
    """What is inside of a text that is one `{{ … }}` and nothing else."""
    match = _TEMPLATE.fullmatch(text.strip())
    return match[1].strip() if match and "{{" not in match[1] and "}}" not in match[1] else None


def read_binding(spelled: Any, tasks: "Set[str]", label: str) -> Binding:
    """One value under `inputs`: exactly one of const, ref, expr, secret."""
    given = spelled if is_object(spelled) else {}
    if len(given) != 1 or next(iter(given)) not in ("const", "ref", "expr", "secret"):
        raise WorkflowError(
            f"{label}: write exactly one of {{const: …}}, {{ref: …}}, {{expr: …}}, {{secret: …}}, not {short(spelled)}"
        )
    kind, value = next(iter(given.items()))
    if kind == "const":
        return Binding(kind, value)
    if not isinstance(value, str):
        raise WorkflowError(f"{label}: `{kind}` takes a text, not {short(value)}")
    return Binding(
        kind, value, [read_path(whole_template(value) or value, tasks, label)] if kind == "ref" else ()
    )


def read_free(data: Any, tasks: "Set[str]", label: str) -> Binding:
    """One value under `input`: data, with templates where it has any."""
    paths: List[Path] = []
    found = _walk(data, lambda text: _note_paths(text, tasks, label, paths))
    return Binding("template", data, paths) if found else Binding("const", data)


class Values:
    """What paths stand for: made for one task, and `of` one of its instances."""

    def __init__(
        self,
        output: "Callable[[str], Tuple[Any, str, Optional[Type]]]",
        params: "Mapping[str, Any]",
        run: "Mapping[str, Any]",
        tasks: "Set[str]",
        item: "Optional[Tuple[Any, int]]" = None,
    ) -> None:
        self._output = output
        self._params = params
        self._run = run
        self._tasks = tasks
        self._item = item

    def of(self, item: "Optional[Tuple[Any, int]]", **run: Any) -> "Values":
        """The same as one instance sees it."""
        return Values(self._output, self._params, {**self._run, **run}, self._tasks, item)

    def is_absent(self, path: Path) -> bool:
        """Whether it lies below a task that gave no output because it did not succeed."""
        if path.root != "output":
            return False
        value, status, _ = self._output(path.name)
        return value is None and status != "success"

    def lookup(self, path: Path) -> Any:
        """The value; Missing when there is none."""
        kind: Optional[Type] = None
        value: Any = None
        if path.root == "output":
            value, _, kind = self._output(path.name)
            if self.is_absent(path):
                return None
        elif path.root == "status":
            value = self._output(path.name)[1]
        elif path.root == "param":
            if path.name not in self._params:
                raise Missing(f"`{path.text}` has no value: the run has no param `{path.name}`")
            value = self._params[path.name]
        elif path.root == "run":
            if path.name not in self._run:
                raise Unsupported(f"`{path.text}`: a run in memory has no `{path.name}`")
            value = self._run[path.name]
        elif self._item is None:
            raise Missing(f"`{path.text}` has no value: the task has no `foreach`")
        else:
            value = self._item[1] if path.root == "item_index" else self._item[0]
        for at, step in enumerate(path.steps):
            found, below = _below(value, step)
            if found:
                value = below
                continue
            part = kind.at(path.steps[: at + 1]) if kind is not None else None
            if part is not None and part.kind == "optional":
                return None
            raise Missing(f"`{path.text}` has no value: {_absence(value, step)}")
        return value

    def resolve(self, binding: Binding, label: str, secrets: "Mapping[str, Any]") -> Any:
        """The value of a binding."""
        if binding.kind == "const":
            return binding.value
        if binding.kind == "ref":
            return self.lookup(binding.paths[0])
        if binding.kind == "secret":
            if binding.value not in secrets:
                raise Unsupported(
                    f"{label}: the secret `{binding.value}` is not known: give secrets={{{binding.value!r}: …}}"
                )
            return secrets[binding.value]
        if binding.kind == "expr":
            return self._plain((whole_template(binding.value) or binding.value).strip(), binding.value, label)
        return _rendered(binding.value, lambda text: self._render(text, label))

    def _render(self, text: str, label: str) -> Any:
        if "{%" in text or "{#" in text:
            raise Unsupported(_no_expressions(label, text))
        whole = whole_template(text)
        if whole is not None:
            return self._plain(whole, text, label)
        parts: List[str] = []
        end = 0
        for match in _TEMPLATE.finditer(text):
            value = self._plain(match[1].strip(), text, label)
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise Unsupported(
                    f"{label}: ork.testing puts texts and whole numbers into texts, not {short(value)} (`{text}`)"
                )
            if "{{-" in match[0] or "-}}" in match[0]:
                raise Unsupported(_no_expressions(label, text))
            parts += [text[end : match.start()], str(value)]
            end = match.end()
        return "".join(parts) + text[end:]

    def _plain(self, source: str, text: str, label: str) -> Any:
        if not _PLAIN.fullmatch(source) or source in _WORDS:
            raise Unsupported(_no_expressions(label, text))
        try:
            return self.lookup(read_path(source, self._tasks, label))
        except Missing as error:
            # In an expression something missing is undefined, which filters and tests may mend.
            raise Unsupported(f"{label}: {error}") from None


def _no_expressions(label: str, text: str) -> str:
    return (
        f"{label}: ork.testing evaluates paths, not expressions (`{text}`):"
        " give the task's inputs=…, or a fake that is a value or an exception"
    )


def _steps(text: str, label: str) -> "List[Step]":
    steps: List[Step] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None or (match[1] is None) != (text[at : at + 1] == "["):
            raise WorkflowError(f"{label}: `{text}` is no path, such as tasks.extract.output.rows[0].id")
        name: Optional[str] = next(
            (part for part in (match[1], match[3], match[4]) if part is not None), None
        )
        if name is None:
            steps.append(int(match[2]))
        elif match[1] is not None and steps and name.isascii() and name.isdigit() and str(int(name)) == name:
            steps.append(int(name))
        else:
            steps.append(name)
        at = match.end()
        if at == len(text):
            return steps
        if text[at] == ".":
            at += 1
        elif text[at] != "[":
            raise WorkflowError(f"{label}: `{text}` is no path: `{text[at:]}` follows")


def _below(value: Any, step: Step) -> "Tuple[bool, Any]":
    if is_object(value):
        return (True, value[str(step)]) if str(step) in value else (False, None)
    if is_list(value) and isinstance(step, int):
        return (True, value[step]) if step < len(value) else (False, None)
    return False, None


def _absence(value: Any, step: Step) -> str:
    if is_object(value):
        return f"there is no field `{step}`, only {names(value)}"
    if is_list(value) and isinstance(step, int):
        return f"there is no item [{step}], the list has {len(value)}"
    return f"{short(value)} has no {f'item [{step}]' if isinstance(step, int) else f'field `{step}`'}"


def _walk(data: Any, see: "Callable[[str], bool]") -> bool:
    """Whether `see` says yes to any text in the data; all are looked at."""
    if isinstance(data, str):
        return see(data)
    parts: List[Any] = list(data.values()) if is_object(data) else data if is_list(data) else []
    return any([_walk(part, see) for part in parts])


def _rendered(data: Any, render: "Callable[[str], Any]") -> Any:
    if isinstance(data, str):
        return render(data) if "{{" in data or "{%" in data else data
    if is_object(data):
        return {name: _rendered(part, render) for name, part in data.items()}
    if is_list(data):
        return [_rendered(part, render) for part in data]
    return data


def _note_paths(text: str, tasks: "Set[str]", label: str, into: "List[Path]") -> bool:
    """Whether the text holds a template; the plain paths in it are read, so that a wrong one is found early."""
    for match in _TEMPLATE.finditer(text):
        source = match[1].strip()
        if _PLAIN.fullmatch(source) and source not in _WORDS:
            into.append(read_path(source, tasks, label))
    return "{{" in text or "{%" in text
