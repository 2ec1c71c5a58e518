"""A workflow as `ork.testing` understands it: the graph, what is retried, what fans out, where inputs come from.

Only what decides the course of a run is read here; what an executor makes of its own keys is faked anyway. Whether the file is right in
every detail, `ork validate` says.
"""

import difflib
import os
import re
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple, Union

from . import _duration, _flow_read
from ._flow_errors import Unsupported, WorkflowError
from ._flow_types import Aliases, Type, names, short
from ._flow_values import Binding, Path, read_binding, read_free, read_path, whole_template
from ._plain import is_list, is_mapping, is_object

CATEGORIES = ("transient", "recoverable", "timeout", "oom", "lost", "unknown")
TRIGGERS = ("all_success", "all_done", "one_success", "one_failed", "none_failed", "always")
MOST_INSTANCES = 100_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_TOP = frozenset(
    "name tasks description schedule on params types import defaults deadline max_active_runs max_recovery_attempts".split()
)
_CONTROL = frozenset(
    "description worker config_file depends_on trigger on_failure when parallel foreach batch tolerate concurrency inputs input"
    " input_type output_type retries timeout start_timeout heartbeat_timeout pool priority topic env secrets resources"
    " estimated_duration".split()
)
_EXECUTORS_KEYS = frozenset(
    "executor file module function isolation preload command image job url method headers body project models run_as".split()
)
_DEFAULTS = frozenset(
    "trigger on_failure tolerate concurrency retries timeout start_timeout heartbeat_timeout pool priority topic env secrets"
    " resources worker config_file".split()
)


class Retries:
    """What happens after a failed attempt; spans in milliseconds."""

    def __init__(self, spelled: Any, label: str) -> None:
        self.max = 0
        self.delay = 1000
        self.fixed = False
        self.max_delay = 600_000
        self.on: FrozenSet[str] = frozenset()
        if not is_object(spelled):
            self.max = whole(spelled, label, 0, 1000)
            return
        given = spelled
        only(given, ("max", "delay", "backoff", "max_delay", "jitter", "on"), label)
        if "max" not in given:
            raise WorkflowError(f"{label}: `max` is missing")
        self.max = whole(given["max"], f"{label}: `max`", 0, 1000)
        self.delay = span(given.get("delay", 1), f"{label}: `delay`")
        backoff = given.get("backoff", "exponential")
        if backoff not in ("fixed", "exponential"):
            raise WorkflowError(f"{label}: `backoff` is `fixed` or `exponential`, not {short(backoff)}")
        self.fixed = backoff == "fixed"
        self.max_delay = (
            span(given["max_delay"], f"{label}: `max_delay`") if "max_delay" in given else 600_000
        )
        self.max_delay = max(self.max_delay, self.delay)
        self.on = frozenset(words(given.get("on", []), f"{label}: `on`"))
        if not self.on <= set(CATEGORIES):
            raise WorkflowError(f"{label}: `on` takes {names(CATEGORIES)}")

    def pause(self, used: int) -> int:
        """Milliseconds before retry number `used`. A pause with jitter is taken as long as it can be."""
        return self.delay if self.fixed else min(self.delay << (used - 1), self.max_delay)


class Task:
    """One task of a workflow."""

    def __init__(self, name: str, own: "Dict[str, Any]", workflow: "_Reader") -> None:
        label = f"task `{name}`"
        settings = {**{key: value for key, value in workflow.defaults.items() if key not in own}, **own}
        self.name = name
        self.is_marker = _is_marker(own, workflow.defaults)
        self.depends_on: List[str] = workflow.upstreams[name]
        self.trigger = _trigger(own, workflow.defaults, label)
        self.when = own.get("when")
        tasks = workflow.names
        self.foreach: Optional[Path] = None
        if own.get("foreach") is not None:
            self.foreach = _reference(own["foreach"], tasks, f"{label}: `foreach`")
        parallel = own.get("parallel")
        self.parallel: Union[None, int, Path] = None
        if isinstance(parallel, (str, dict)):
            self.parallel = _reference(parallel, tasks, f"{label}: `parallel`")
        elif parallel is not None:
            self.parallel = whole(parallel, f"{label}: `parallel`", 1, MOST_INSTANCES)
        self.batch = whole(own["batch"], f"{label}: `batch`", 1, MOST_INSTANCES) if "batch" in own else None
        if self.batch and self.foreach is None:
            raise WorkflowError(
                f"{label}: `batch` puts items of `foreach` together, and there is no `foreach`"
            )
        for key in ("tolerate", "concurrency"):
            if key in own and not self.fans_out:
                raise WorkflowError(f"{label}: `{key}` means something only with several instances")
        self.tolerate = settings.get("tolerate", 0) if self.fans_out else 0
        self.allowed(1)
        self.concurrency: Optional[int] = None
        if self.fans_out and "concurrency" in settings:
            self.concurrency = whole(settings["concurrency"], f"{label}: `concurrency`", 1, MOST_INSTANCES)
        self.retries = Retries(settings.get("retries", 0), f"{label}: `retries`")
        self.timeout = span(
            settings.get("timeout", 300 if workflow.is_strict else 3600), f"{label}: `timeout`"
        )
        self.pool: Optional[str] = settings.get("pool")
        self.priority = whole(settings.get("priority", 0), f"{label}: `priority`", -1_000_000, 1_000_000)
        if "inputs" in own and "input" in own:
            raise WorkflowError(f"{label} has `inputs` and `input`; keep one")
        read = read_binding if "inputs" in own else read_free
        given = mapping(own.get("inputs", own.get("input")) or {}, f"{label}: its inputs")
        self.inputs = {key: read(value, tasks, f"input `{key}` of {label}") for key, value in given.items()}
        kind = own.get("input_type")
        self.input_type = None if kind is None else workflow.aliases.read(kind, f"{label}: `input_type`")
        kind = own.get("output_type")
        self.output_type = None if kind is None else workflow.aliases.read(kind, f"{label}: `output_type`")

    @property
    def fans_out(self) -> bool:
        """Whether it may have other than one instance."""
        return self.foreach is not None or self.parallel is not None

    def allowed(self, instances: int) -> int:
        """How many of so many instances may fail."""
        share = self.tolerate
        if isinstance(share, str):
            match = re.fullmatch(r"(\d+)(?:\.(\d{1,2}))?\s*%", share.strip())
            points = int(match[1] + (match[2] or "").ljust(2, "0")) if match else 10_001
            if points > 10_000:
                raise WorkflowError(
                    f"task `{self.name}`: `tolerate: {share}`: write a number of instances or a share such as 5%"
                )
            return instances * points // 10_000
        return whole(share, f"task `{self.name}`: `tolerate`", 0, MOST_INSTANCES)

    def paths(self) -> "List[Path]":
        """Everything it refers to."""
        found = [path for binding in self.inputs.values() for path in binding.paths]
        found += [path for path in (self.foreach, self.parallel) if isinstance(path, Path)]
        return found


class Param:
    """An input of a run."""

    def __init__(self, name: str, spelled: Any, aliases: Aliases) -> None:
        label = f"param `{name}`"
        given = spelled if is_object(spelled) else {"type": spelled}
        only(given, ("type", "default", "description"), label)
        if "type" not in given:
            raise WorkflowError(f"{label}: `type` is missing")
        self.name = name
        self.type: Type = aliases.read(given["type"], label)
        self.has_default = "default" in given
        self.default: Binding = read_free(given.get("default"), set(), label)


class Workflow:
    """A workflow to be run in memory. `load` reads a file."""

    def __init__(self, document: "Mapping[str, Any]", pools: "Optional[Mapping[str, int]]" = None) -> None:
        reader = _Reader(document)
        self.name = reader.name
        self.tasks: Dict[str, Task] = {name: Task(name, own, reader) for name, own in reader.tasks.items()}
        self.params = [Param(*entry, reader.aliases) for entry in reader.params.items()]
        self.pools: Mapping[str, int] = dict(pools or {})
        deadline = reader.document.get("deadline")
        self.deadline = None if deadline is None else span(deadline, "`deadline`")
        self._check_references()

    @classmethod
    def load(cls, path: "Union[str, os.PathLike[str]]") -> "Workflow":
        """The workflow of a YAML or JSON file, with the pools of the `ork.yaml` it belongs to."""
        file = os.fspath(path)
        document = _flow_read.read_file(file)
        project = _flow_read.project_of(file)
        pools: Mapping[str, int] = {}
        if project is not None:
            settings = mapping(_flow_read.read_file(project) or {}, project)
            pools = mapping(settings.get("pools") or {}, f"{project}: `pools`")
        try:
            return cls(mapping(document, "a workflow"), pools)
        except WorkflowError as error:
            raise type(error)(f"{file}: {error}") from None

    def _check_references(self) -> None:
        for task in self.tasks.values():
            paths = task.paths()
            above = (
                self._above(task) if any(path.root in ("output", "status") for path in paths) else set[str]()
            )
            for path in paths:
                if path.root in ("output", "status") and path.name not in above:
                    raise WorkflowError(
                        f"task `{task.name}` refers to `{path.name}` and does not wait for it: add it to its `depends_on`"
                    )
                if path.root == "param" and all(param.name != path.name for param in self.params):
                    raise WorkflowError(f"task `{task.name}` refers to the unknown param `{path.name}`")

    def _above(self, task: Task) -> "Set[str]":
        """Everything it waits for, directly or not."""
        found: Set[str] = set()
        left = list(task.depends_on)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.tasks[name].depends_on
        return found


class _Reader:
    """The document while it is read."""

    def __init__(self, document: "Mapping[str, Any]") -> None:
        self.document = mapping(document, "a workflow")
        only(self.document, _TOP, "the workflow")
        name = self.document.get("name")
        self.name = name if isinstance(name, str) else ""
        if not _NAME.fullmatch(self.name):
            raise WorkflowError(
                f"`name` is {short(self.document.get('name'))}: a letter, then up to 62 letters, digits, `_`, `-`"
            )
        if self.document.get("import"):
            raise Unsupported("ork.testing does not read dbt projects (`import`)")
        found = mapping(self.document.get("tasks") or {}, "`tasks`")
        if not found:
            raise WorkflowError("the workflow has no tasks")
        self.tasks: Dict[str, Dict[str, Any]] = {}
        for name, own in found.items():
            if not _NAME.fullmatch(name):
                raise WorkflowError(
                    f"`{name}` is no task's name: a letter, then up to 62 letters, digits, `_`, `-`"
                )
            self.tasks[name] = mapping(own or {}, f"task `{name}`")
            _no_typo(self.tasks[name], f"task `{name}`")
        self.names: Set[str] = set(self.tasks)
        self.defaults = mapping(self.document.get("defaults") or {}, "`defaults`")
        only(self.defaults, _DEFAULTS | _EXECUTORS_KEYS, "`defaults`")
        self.aliases = Aliases(mapping(self.document.get("types") or {}, "`types`"))
        self.aliases.check_all()
        self.params = mapping(self.document.get("params") or {}, "`params`")
        typed = any(
            key in own for own in self.tasks.values() for key in ("inputs", "input_type", "output_type")
        )
        free = any("input" in own for own in self.tasks.values())
        self.is_strict = ("types" in self.document or typed) and not free
        self.upstreams = {name: self._upstreams(name, own) for name, own in self.tasks.items()}
        self._check_cycles()

    def _upstreams(self, name: str, own: "Dict[str, Any]") -> "List[str]":
        found = words(own.get("depends_on") or [], f"task `{name}`: `depends_on`")
        for upstream in found:
            if upstream == name:
                raise WorkflowError(f"task `{name}` depends on itself")
            if upstream not in self.tasks:
                raise WorkflowError(
                    f"task `{name}` refers to the unknown task `{upstream}`{near(upstream, self.tasks)}"
                )
            if found.count(upstream) > 1:
                raise WorkflowError(f"task `{name}` depends on `{upstream}` twice")
        return found

    def _check_cycles(self) -> None:
        ordered = sorted_by_edges(self.upstreams)
        if len(ordered) < len(self.upstreams):
            left = set(self.upstreams) - set(ordered)
            # Everything left waits for something left: walking up ends in a cycle.
            walked = [next(name for name in self.upstreams if name in left)]
            while walked[-1] not in walked[:-1]:
                walked.append(next(upstream for upstream in self.upstreams[walked[-1]] if upstream in left))
            raise WorkflowError(
                "the tasks wait for each other: " + " → ".join(walked[walked.index(walked[-1]) :])
            )


def sorted_by_edges(upstreams: "Mapping[str, Sequence[str]]") -> "List[str]":
    """The names, upstreams first; what waits in a circle is not among them."""
    waits = {name: len(above) for name, above in upstreams.items()}
    below: Dict[str, List[str]] = {name: [] for name in upstreams}
    for name, above in upstreams.items():
        for upstream in above:
            below[upstream].append(name)
    found = [name for name, count in waits.items() if count == 0]
    for name in found:
        for dependent in below[name]:
            waits[dependent] -= 1
            if waits[dependent] == 0:
                found.append(dependent)
    return found


def mapping(value: Any, label: str) -> "Dict[str, Any]":
    """A map with texts as keys."""
    keys: List[Any] = list(value) if is_mapping(value) else [None]
    if not is_mapping(value) or not all(isinstance(key, str) for key in keys):
        raise WorkflowError(f"{label}: expected a map of names, found {short(value)}")
    return dict(value)


def words(value: Any, label: str) -> "List[str]":
    """A list of texts, or one text."""
    given: List[Any] = [value] if isinstance(value, str) else value if is_list(value) else [None]
    if not all(isinstance(word, str) for word in given):
        raise WorkflowError(f"{label}: expected a list of names, found {short(value)}")
    return given


def whole(value: Any, label: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise WorkflowError(f"{label}: expected a whole number from {least} to {most}, found {short(value)}")
    return value


def span(value: Any, label: str) -> int:
    """A duration in milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value * 1000
    millis = _duration.parse(value) if isinstance(value, str) else None
    if millis is None:
        raise WorkflowError(f"{label}: expected a duration such as 90 or 1h30m, found {short(value)}")
    return millis


def only(given: "Mapping[str, Any]", known: "Union[Sequence[str], FrozenSet[str]]", label: str) -> None:
    """Refuses keys that nobody knows."""
    for key in given:
        if key not in known:
            raise WorkflowError(f"{label} has the unknown key `{key}`{near(key, known)}")


def near(word: str, known: "Any") -> str:
    """A hint at what may have been meant."""
    close = difflib.get_close_matches(word, list(known), 1, 0.75)
    return f"; did you mean `{close[0]}`?" if close else ""


def _no_typo(own: "Mapping[str, Any]", label: str) -> None:
    # Executors have keys of their own, of which new ones may come; a key that is nearly one that matters here is a slip.
    for key in own:
        if key not in _CONTROL and key not in _EXECUTORS_KEYS and near(key, _CONTROL):
            raise WorkflowError(f"{label} has the unknown key `{key}`{near(key, _CONTROL)}")


def _is_marker(own: "Mapping[str, Any]", defaults: "Mapping[str, Any]") -> bool:
    stated = own.get("executor", None if "run_as" in own else defaults.get("executor"))
    return stated == "marker" if stated is not None else not any(key not in _CONTROL for key in own)


def _trigger(own: "Mapping[str, Any]", defaults: "Mapping[str, Any]", label: str) -> str:
    if "trigger" in own and "on_failure" in own:
        raise WorkflowError(f"{label} has `trigger` and its older spelling `on_failure`; keep `trigger`")
    for source in (own, defaults):
        if "trigger" in source:
            rule: Any = source["trigger"]
            if not isinstance(rule, str) or rule not in TRIGGERS:
                raise WorkflowError(f"{label}: `trigger` is one of {names(TRIGGERS)}, not {short(rule)}")
            return rule
        if "on_failure" in source:
            older = {"run": "all_done", "skip": "all_success"}
            if source["on_failure"] not in older:
                raise WorkflowError(
                    f"{label}: `on_failure` is `run` or `skip`, not {short(source['on_failure'])}"
                )
            return older[source["on_failure"]]
    return "all_success"


def _reference(value: Any, tasks: "Set[str]", label: str) -> Path:
    given: Tuple[Any, ...] = (value,)
    if is_object(value):
        given = tuple(value.values()) if list(value) == ["ref"] else ()
    if len(given) != 1 or not isinstance(given[0], str):
        raise WorkflowError(f"{label}: write a path, such as tasks.name.output, not {short(value)}")
    path = read_path(whole_template(given[0]) or given[0], tasks, label)
    if path.root in ("item", "item_index") or (
        path.root == "run" and path.name in ("index", "count", "attempt")
    ):
        raise WorkflowError(f"{label}: `{given[0]}` is not known before the task has its instances")
    return path
