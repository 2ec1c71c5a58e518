"""Deferred jobs of a run in memory: what a test says becomes of them."""

from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple, Union

from . import _duration
from ._flow_errors import Unsupported, WorkflowError
from ._flow_types import short
from ._plain import is_object

Fate = Union[str, Callable[[Dict[str, Any], float], str]]
Fates = Union[Mapping[str, Fate], Mapping[int, Fate], Mapping[Union[str, int], Fate]]
MOST_JOBS = 64
_POLL = 10_000
_SHORTEST, _LONGEST = 1_000, 3_600_000
_IDS = ("job_id", "batch_id", "execution_id", "execution", "execution_name", "url")


class Deferral:
    """The jobs of one attempt. Times are microseconds of the clock."""

    def __init__(self, task: str, jobs: "List[Dict[str, Any]]", began: int, end_by: int) -> None:
        self.task = task
        self.jobs = jobs
        self.began = began
        self.end_by = end_by
        self.done: Set[int] = set()
        asked = [span for span in map(_poll_interval, jobs) if span is not None]
        self._interval = min(max(min(asked), _SHORTEST), _LONGEST) if asked else _POLL

    @property
    def is_done(self) -> bool:
        """Whether all of them are."""
        return len(self.done) == len(self.jobs)

    def next_poll(self, now: int) -> int:
        """When to ask again; the last time when their time is over."""
        return min(now + self._interval * 1000, max(self.end_by, now))


class Jobs:
    """What becomes of jobs, by id, by `task/number`, or by number."""

    def __init__(self, said: Fates) -> None:
        self._said: Dict[Union[str, int], Fate] = {key: said[key] for key in said}  # type: ignore[index]

    def ask(self, deferral: Deferral, now: int) -> "Optional[str]":
        """Asks about the jobs that are not done; the message when one failed."""
        for at, job in enumerate(deferral.jobs):
            if at in deferral.done:
                continue
            word, why = self._state(deferral.task, at, job, (now - deferral.began) / 1e6)
            if word == "failed":
                return f"deferred job {at} failed: {why or 'as the test says'}"
            if word == "done":
                deferral.done.add(at)
        return None

    def _state(self, task: str, at: int, job: "Dict[str, Any]", age: float) -> "Tuple[str, str]":
        keys = self._keys(task, at, job)
        key = next((key for key in keys if key in self._said), None)
        if key is None:
            raise Unsupported(
                f"task `{task}` deferred to job {short(keys[0])}, and the test does not say what becomes of it:"
                f' give jobs={{{keys[0]!r}: "done"}}'
            )
        said: Any = self._said[key]
        if callable(said):
            said = said(job, age)
        word, _, why = said.partition(":") if isinstance(said, str) else ("", "", "")
        if word not in ("done", "failed", "running"):
            raise WorkflowError(
                f'jobs: for {key!r} expected "done", "failed", "failed: why" or "running", found {short(said)}'
            )
        return word, why.strip()

    def _keys(self, task: str, at: int, job: Any) -> "List[Union[str, int]]":
        if not is_object(job) or not job.get("service_type"):
            raise WorkflowError(f"task `{task}`: deferred job {at} has no `service_type`")
        ids: List[Union[str, int]] = [job[name] for name in _IDS if isinstance(job.get(name), str)]
        return [*ids, f"{task}/{at}", at]


def _poll_interval(job: Any) -> "Optional[int]":
    asked: Any = job.get("poll_interval") if is_object(job) else None
    if isinstance(asked, str):
        return _duration.parse(asked)
    if isinstance(asked, (int, float)) and not isinstance(asked, bool):
        return int(max(asked, 0.0) * 1000)
    return None
