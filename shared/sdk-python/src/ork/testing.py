"""Task functions and whole workflows in a test, as Ork would run them.

    assert testing.call(clean, day="2026-01-31") == {"rows": 3}

    result = testing.run(clean, {"day": "2026-01-31"}, attempt=2)        # one task, and how it ended
    assert result.output == {"rows": 3}

    run = testing.run(Workflow.load("nightly.yaml"), fakes={"extract": [1, 2], "load": load})
    assert run.status == "success" and run["load"].attempts == 1         # a whole workflow, in memory

Inputs go through JSON and are bound and converted as in a real run; the result becomes JSON and comes back.
"""

from typing import Any, Callable, Mapping, Optional, Union, overload

from ._attempt import Result, attempt as _attempt, plain as _plain
from ._context import Context
from ._flow import Workflow
from ._flow_errors import Unsupported, WorkflowError
from ._flow_jobs import Fates
from ._flow_result import FakeClock, Instance, RunResult, TaskFailed, TaskResult
from ._flow_run import Play
from ._flow_said import Turns, When
from ._plain import is_mapping, is_object

__all__ = [
    "FakeClock",
    "Instance",
    "Result",
    "RunResult",
    "TaskFailed",
    "TaskResult",
    "Unsupported",
    "Workflow",
    "WorkflowError",
    "call",
    "context",
    "in_turn",
    "run",
]


def context(
    task_name: str = "task",
    workflow_name: str = "workflow",
    run_id: str = "test-run",
    task_id: Optional[str] = None,
    attempt: int = 1,
    parallel_index: int = 0,
    parallel_count: int = 1,
) -> Context:
    """A context for calling a task function directly."""
    suffix = f".{parallel_index}" if parallel_index or parallel_count != 1 else ""
    return Context(
        task_id=f"{run_id}/{task_name}{suffix}" if task_id is None else task_id,
        run_id=run_id,
        task_name=task_name,
        workflow_name=workflow_name,
        attempt=attempt,
        parallel_index=parallel_index,
        parallel_count=parallel_count,
    )


def call(function: "Callable[..., Any]", /, **inputs: Any) -> Any:
    """Call a task function with these inputs, and give what the next task would see. What the function raises is raised."""
    result = run(function, inputs)
    if result.error is not None and not result.ok:
        raise result.error
    return result.output


def in_turn(*outcomes: Any) -> Turns:
    """A fake that behaves otherwise in each attempt: as the first of these, the second, …, and then always as the last.

    Each is what a fake may be: a function, a value, an exception.
    """
    return Turns(outcomes)


@overload
def run(
    what: "Union[Workflow, Mapping[str, Any]]",
    inputs: "Optional[Mapping[str, Mapping[str, Any]]]" = None,
    *,
    fakes: "Optional[Mapping[str, Any]]" = None,
    params: "Optional[Mapping[str, Any]]" = None,
    when: "Optional[Mapping[str, When]]" = None,
    jobs: Optional[Fates] = None,
    secrets: "Optional[Mapping[str, str]]" = None,
    pools: "Optional[Mapping[str, int]]" = None,
    clock: Optional[FakeClock] = None,
    run_id: str = "test-run",
) -> RunResult: ...
@overload
def run(
    what: "Callable[..., Any]",
    inputs: "Optional[Mapping[str, Any]]" = None,
    *,
    attempt: int = 1,
    parallel_index: int = 0,
    parallel_count: int = 1,
    ctx: Optional[Context] = None,
) -> Result: ...
def run(what: Any, inputs: Any = None, **settings: Any) -> Any:
    """Run one task function, or a whole workflow.

    **A function** is called with `inputs` as Ork would; an exception it raises is in the Result. Standard output and error of the task are
    captured. `attempt`, `parallel_index` and `parallel_count` are told to it; with `ctx` they are taken from there.

    **A workflow** (a `Workflow`, or a dict as a file would hold it) is played in memory: order, trigger rules, fan-out, retries and their
    pauses, timeouts, concurrency, pools and deferred jobs are those of the engine, on the time of `clock`.

    - `fakes`: by task, a function (called as a task), a value (the output), an exception (the failure), or `in_turn(…)` of those.
    - `params`: of the run. `secrets`: by name.
    - `inputs`: by task, values for inputs that are computed by expressions; only paths are evaluated here.
    - `when`: by task, how its `when` turns out: a bool, or a function of `{"tasks": {name: {"output", "status"}}, "params": …}`.
    - `jobs`: what becomes of deferred jobs, by the job's id (an HTTP job's is its url), by `"task/number"`, or by their number in the task:
      `"done"`, `"failed"`, `"failed: why"`, `"running"`, or a function of the job and its age in seconds that says one of those. A job is
      asked about every 10 s, or as often as its `poll_interval` says; the engine asks less often as a job gets older.
    - `pools`: places by name, those of `ork.yaml` unless given; one place for others, as in the engine.

    What the engine would do and `ork.testing` cannot is an error (`Unsupported`), never another result. How many attempts the machine can
    run at a time is not played. A retry's pause with jitter is taken as long as it can be.
    """
    if isinstance(what, Workflow) or is_mapping(what):
        workflow = what if isinstance(what, Workflow) else Workflow(what)
        return Play(workflow, inputs=inputs, **settings).go()
    return _run_function(what, inputs, **settings)


def _run_function(
    function: "Callable[..., Any]",
    inputs: Any,
    *,
    attempt: int = 1,
    parallel_index: int = 0,
    parallel_count: int = 1,
    ctx: Optional[Context] = None,
) -> Result:
    if not callable(function):
        raise TypeError(f"ork.testing.run takes a task function or a workflow, not {type(function).__name__}")
    name: str = getattr(function, "__name__", "task")
    chosen = ctx or context(
        name, attempt=attempt, parallel_index=parallel_index, parallel_count=parallel_count
    )
    given: Any = _plain({} if inputs is None else inputs)
    if not is_object(given):
        raise TypeError(f"inputs are an object by name, found {type(inputs).__name__}")
    return _attempt(function, given, chosen)
