"""What a test says about a run: fakes, params, inputs, conditions, secrets; checked against the workflow."""

from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple, Union

from ._attempt import Result, attempt, plain
from ._context import Context
from ._flow import Task, Workflow, near, whole
from ._flow_errors import Unsupported, WorkflowError
from ._flow_result import RunResult
from ._flow_types import short
from ._flow_values import Missing, Values
from ._result import to_json

_PARAMS_BYTES = 64 * 1024
When = Union[bool, Callable[[Dict[str, Any]], bool]]


class Turns:
    """A fake for each attempt."""

    def __init__(self, outcomes: "Tuple[Any, ...]") -> None:
        if not outcomes:
            raise TypeError("in_turn() takes at least one outcome")
        self.outcomes = outcomes

    def of(self, number: int) -> Any:
        """The one for this attempt."""
        return self.outcomes[min(number, len(self.outcomes)) - 1]


class Said:
    """All of it. Names that the workflow does not have are errors."""

    def __init__(
        self,
        workflow: Workflow,
        fakes: "Optional[Mapping[str, Any]]" = None,
        inputs: "Optional[Mapping[str, Mapping[str, Any]]]" = None,
        when: "Optional[Mapping[str, When]]" = None,
        secrets: "Optional[Mapping[str, str]]" = None,
        pools: "Optional[Mapping[str, int]]" = None,
    ) -> None:
        self._workflow = workflow
        self._fakes = dict(fakes or {})
        self._inputs: Dict[str, Dict[str, Any]] = {
            name: plain(dict(given)) for name, given in (inputs or {}).items()
        }
        self._when = dict(when or {})
        self._secrets = dict(secrets or {})
        self._pools = dict(workflow.pools if pools is None else pools)
        self._names: Set[str] = set(workflow.tasks)
        for what, given in (("fakes", self._fakes), ("inputs", self._inputs), ("when", self._when)):
            for name in given:
                self._check_name(what, name)
        for name, places in self._pools.items():
            whole(places, f"pool `{name}`", 1, 1_000_000)

    def _check_name(self, what: str, name: str) -> None:
        task = self._workflow.tasks.get(name)
        if task is None:
            raise WorkflowError(f"{what}: there is no task `{name}`{near(name, self._names)}")
        if what == "fakes" and task.is_marker:
            raise WorkflowError(
                f"fakes: task `{name}` has no executor: it is a marker and succeeds by itself"
            )
        if what == "when" and task.when is None:
            raise WorkflowError(f"when: task `{name}` has no `when`")
        for key in self._inputs.get(name, {}) if what == "inputs" else ():
            if key not in task.inputs:
                raise WorkflowError(f"inputs: task `{name}` has no input `{key}`{near(key, task.inputs)}")

    def places(self, pool: str) -> int:
        """Places of a pool; one when nobody says how many."""
        return self._pools.get(pool, 1)

    def params(self, given: "Mapping[str, Any]", run: "Mapping[str, Any]") -> "Dict[str, Any]":
        """The params of the run: what was given, checked, and defaults."""
        left: Dict[str, Any] = plain(dict(given))
        bound: Dict[str, Any] = {}
        values = Values(lambda name: (None, "pending", None), {}, run, set())
        for param in self._workflow.params:
            label = f"param `{param.name}`"
            if param.name in left:
                value = left.pop(param.name)
            elif param.has_default:
                try:
                    value = values.resolve(param.default, f"{label}: its default", {})
                except (Unsupported, Missing):
                    raise Unsupported(
                        f"{label}: ork.testing cannot compute its default `{param.default.value}`:"
                        f" give params={{{param.name!r}: …}}"
                    ) from None
            elif param.type.kind == "optional":
                value = None
            else:
                raise WorkflowError(f"{label}: it is required (`{param.type}`) and was not given")
            problem = param.type.problem(value)
            if problem:
                raise WorkflowError(f"{label}: {problem}")
            bound[param.name] = value
        size = len(to_json(bound).encode())
        if size > _PARAMS_BYTES:
            raise WorkflowError(f"params: they have {size} bytes together, {_PARAMS_BYTES} are allowed")
        for name in left:
            raise WorkflowError(
                f"params: workflow `{self._workflow.name}` has no param `{name}`{near(name, bound)}"
            )
        return bound

    def when(self, task: Task, result: RunResult, params: "Mapping[str, Any]") -> bool:
        """How a task's `when` turns out."""
        if task.when is None or isinstance(task.when, bool):
            return task.when is not False
        if task.name not in self._when:
            raise Unsupported(
                f"task `{task.name}`: ork.testing does not evaluate expressions (`when: {task.when}`):"
                f" say how it turns out, when={{{task.name!r}: True}}"
            )
        said: Any = self._when[task.name]
        if callable(said):
            tasks = {
                name: {"output": found.value, "status": found.status} for name, found in result.tasks.items()
            }
            said = said({"tasks": tasks, "params": dict(params)})
        if not isinstance(said, bool):
            raise WorkflowError(f"when: for task `{task.name}` expected True or False, found {short(said)}")
        return said

    def attempt(self, task: Task, values: Values, ctx: Context) -> Result:
        """One attempt by the task's fake; Missing when its inputs cannot be had."""
        if task.name not in self._fakes:
            raise WorkflowError(
                f"task `{task.name}` is run and has no fake: give fakes={{{task.name!r}: a function, a value or an exception}}"
            )
        fake: Any = self._fakes[task.name]
        if isinstance(fake, Turns):
            fake = fake.of(ctx.attempt)
        if _is_error(fake):
            return attempt(_raising(fake), {}, ctx)
        if not callable(fake):
            return attempt(lambda: fake, {}, ctx)
        return attempt(fake, self._bind(task, values), ctx)

    def _bind(self, task: Task, values: Values) -> "Dict[str, Any]":
        bound: Dict[str, Any] = {}
        unchecked: List[str] = []
        said = self._inputs.get(task.name, {})
        for name, binding in task.inputs.items():
            label = f"input `{name}` of task `{task.name}`"
            try:
                bound[name] = said[name] if name in said else values.resolve(binding, label, self._secrets)
            except Missing as error:
                raise Missing(f"{label}: {error}") from None
            absent = binding.kind == "ref" and values.is_absent(binding.paths[0])
            if absent or binding.kind == "secret":
                unchecked.append(name)
        if task.input_type is not None:
            checked = {name: value for name, value in bound.items() if name not in unchecked}
            problem = task.input_type.without(unchecked).problem(checked)
            if problem:
                raise Missing(f"the input of task `{task.name}`: {problem}")
        # As it is after its way to the task: a copy that the task may change.
        found: Dict[str, Any] = plain(bound)
        return found


def _is_error(fake: Any) -> bool:
    return isinstance(fake, BaseException) or (isinstance(fake, type) and issubclass(fake, BaseException))


def _raising(error: Any) -> "Callable[[], Any]":
    def task() -> Any:
        raise error

    return task
