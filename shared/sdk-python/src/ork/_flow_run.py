"""A run in memory: the rules of the engine on fake time.

What each rule is, `core/src/run` of the engine decides; here it is played with lists and one heap of what happens when.
"""

import heapq
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ._attempt import Result, jobs_of, too_much
from ._context import Context
from ._duration import show
from ._flow import MOST_INSTANCES, Task, Workflow, sorted_by_edges
from ._flow_errors import Unsupported, WorkflowError
from ._flow_jobs import MOST_JOBS, Deferral, Fates, Jobs
from ._flow_result import FakeClock, Instance, RunResult, TaskResult
from ._flow_rules import Ended, decide, reason_of
from ._flow_said import Said, When
from ._flow_types import short
from ._flow_values import Missing, Path, Values
from ._plain import is_list

MOST_IN_RUN = 112_640


class _Active:
    """A task while its instances run."""

    def __init__(self, task: Task, values: Values) -> None:
        self.task = task
        self.values = values
        self.items: Optional[List[Any]] = None
        self.replicas = 1
        self.failures: Dict[int, int] = {}
        self.in_flight = 0
        self.left = 0
        """Instances that have not ended."""


class Play:
    """One run of a workflow in memory."""

    def __init__(
        self,
        workflow: Workflow,
        *,
        fakes: "Optional[Mapping[str, Any]]" = None,
        params: "Optional[Mapping[str, Any]]" = None,
        inputs: "Optional[Mapping[str, Mapping[str, Any]]]" = None,
        when: "Optional[Mapping[str, When]]" = None,
        jobs: Optional[Fates] = None,
        secrets: "Optional[Mapping[str, str]]" = None,
        pools: "Optional[Mapping[str, int]]" = None,
        clock: Optional[FakeClock] = None,
        run_id: str = "test-run",
    ) -> None:
        self.workflow = workflow
        self.clock = clock or FakeClock()
        self._said = Said(workflow, fakes, inputs, when, secrets, pools)
        self._jobs = Jobs(jobs or {})
        upstreams = {name: task.depends_on for name, task in workflow.tasks.items()}
        self._tasks = [workflow.tasks[name] for name in sorted_by_edges(upstreams)]
        self._dependents: Dict[str, List[Task]] = {name: [] for name in workflow.tasks}
        for task in workflow.tasks.values():
            for upstream in task.depends_on:
                self._dependents[upstream].append(task)
        rank = sorted(workflow.tasks.values(), key=lambda task: -task.priority)
        self._ready: Dict[str, List[int]] = {task.name: [] for task in rank}
        """Indices of queued instances; the tasks as they take turns."""
        self.result = RunResult(run_id, workflow.name, self.clock)
        self.result.tasks = {name: TaskResult(name, task.fans_out) for name, task in workflow.tasks.items()}
        self._ended: Dict[str, Ended] = {}
        self._active: Dict[str, _Active] = {}
        self._settled: List[str] = []
        """Tasks that ended and whose dependents have not been told yet."""
        self._heap: List[Tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._held: Dict[str, int] = {}
        self._begin = self.clock.micros
        slot = self.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        self._run = {"id": run_id, "slot": slot, "workflow": workflow.name, "recovery_attempts": 0}
        self._params = self._said.params(params or {}, self._run)

    def go(self) -> RunResult:
        """Play it to the end."""
        for task in self._tasks:
            self._consider(task)
        while True:
            self._tell_dependents()
            self._start_ready()
            if not self._heap:
                break
            micros, _, happen = heapq.heappop(self._heap)
            deadline = self.workflow.deadline
            if deadline is not None and micros - self._begin > deadline * 1000:
                raise Unsupported(
                    f"the run reaches its deadline of {show(deadline)}, which ork.testing does not play"
                )
            self.clock.micros = micros
            happen()
        stuck = [task.name for task in self._tasks if task.name not in self._ended]
        if stuck:
            raise WorkflowError(
                f"task `{stuck[0]}` never got a place in its pool `{self.workflow.tasks[stuck[0]].pool}`"
            )
        found = {ended.status for ended in self._ended.values()}
        self.result.status = next((word for word in ("failed", "cancelled") if word in found), "success")
        self._note(f"run {self.result.status}")
        return self.result

    # Tasks.

    def _note(self, text: str) -> None:
        self.result.events.append(f"{(self.clock.micros - self._begin) / 1e6:g} {text}")

    def _now(self) -> float:
        return (self.clock.micros - self._begin) / 1e6

    def _consider(self, task: Task) -> None:
        """Looks whether a waiting task can be decided."""
        if task.name in self._ended or task.name in self._active:
            return
        verdict = decide(task.trigger, task.depends_on, self._ended)
        if verdict == "wait":
            return
        if isinstance(verdict, tuple):
            return self._skip(task, verdict, reason_of(verdict))
        values = Values(self._seen, self._params, self._run, set(self.workflow.tasks))
        if not self._said.when(task, self.result, self._params):
            return self._skip(task, ("when", ""), "its `when` is false")
        active = _Active(task, values)
        self._active[task.name] = active
        try:
            count = self._count(active)
        except Missing as error:
            return self._fail_unstarted(task, str(error))
        instances = [Instance(task.name, index) for index in range(count)]
        self.result.tasks[task.name].instances = instances
        active.left = 0 if task.is_marker else count
        self._note(f"{task.name} ready, {count} instances" if task.fans_out else f"{task.name} ready")
        for instance in instances:
            if task.is_marker:
                instance.attempts = 1
                instance.started = instance.finished = self._now()
                instance.status = "success"
            else:
                self._queue(instance)
        if task.is_marker and instances:
            self._began(task)
        self._end_if_done(active)

    def _seen(self, name: str) -> "Tuple[Any, str, Any]":
        task, found = self.workflow.tasks[name], self.result.tasks[name]
        return found.value, found.status, None if task.fans_out else task.output_type

    def _count(self, active: _Active) -> int:
        """How many instances it gets; Missing when that cannot be known."""
        task = active.task
        if isinstance(task.parallel, Path):
            value = active.values.lookup(task.parallel)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise Missing(f"`parallel` must be a whole number from 0, it is {short(value)}")
            active.replicas = value
        elif task.parallel is not None:
            active.replicas = task.parallel
        if task.foreach is not None:
            value = active.values.lookup(task.foreach)
            if not is_list(value):
                what = "null (its task gave no output)" if value is None else short(value)
                raise Missing(f"`foreach` must be a list, it is {what}")
            size = task.batch
            active.items = [value[at : at + size] for at in range(0, len(value), size)] if size else value
        count = active.replicas * (1 if active.items is None else len(active.items))
        used = sum(len(found.instances) for found in self.result.tasks.values())
        if count > MOST_INSTANCES or used + count > MOST_IN_RUN:
            raise Missing(
                f"it would have {count} instances; a task may have {MOST_INSTANCES} and a run {MOST_IN_RUN}"
            )
        return count

    def _skip(self, task: Task, ended: "Tuple[str, str]", reason: str) -> None:
        found = self.result.tasks[task.name]
        found.reason = reason
        if not task.fans_out:
            instance = Instance(task.name, 0)
            instance.status, instance.finished = "skipped", self._now()
            found.instances = [instance]
        self._note(f"{task.name} skipped: {reason}")
        self._end(task, Ended("skipped", *ended))

    def _fail_unstarted(self, task: Task, why: str) -> None:
        instance = Instance(task.name, 0)
        instance.status, instance.category, instance.error, instance.finished = (
            "failed",
            "permanent",
            why,
            self._now(),
        )
        self.result.tasks[task.name].instances = [instance]
        self._note(f"{task.name} failed: {why}")
        self._end(task, Ended("failed"))

    def _end_if_done(self, active: _Active) -> None:
        task, found = active.task, self.result.tasks[active.task.name]
        if active.left == 0:
            failed = sum(instance.status == "failed" for instance in found.instances)
            status = "failed" if failed > task.allowed(len(found.instances)) else "success"
            self._note(f"{task.name} {status}")
            self._end(task, Ended(status))

    def _end(self, task: Task, ended: Ended) -> None:
        found = self.result.tasks[task.name]
        found.status, found.finished = ended.status, self._now()
        self._ended[task.name] = ended
        self._settled.append(task.name)

    def _tell_dependents(self) -> None:
        while self._settled:
            for dependent in self._dependents[self._settled.pop()]:
                self._consider(dependent)

    # Instances.

    def _queue(self, instance: Instance) -> None:
        instance.status = "queued"
        heapq.heappush(self._ready[instance.task], instance.index)

    def _start_ready(self) -> None:
        """Starts what is ready and has a place."""
        for name, indices in self._ready.items():
            while indices and self._has_place(self._active[name]):
                index = heapq.heappop(indices)
                self._begin_attempt(self._active[name], self.result.tasks[name].instances[index])

    def _has_place(self, active: _Active) -> bool:
        task = active.task
        if task.concurrency is not None and active.in_flight >= task.concurrency:
            return False
        return task.pool is None or self._held.get(task.pool, 0) < self._said.places(task.pool)

    def _began(self, task: Task) -> None:
        found = self.result.tasks[task.name]
        if found.started is None:
            found.started = self._now()
            self.result.order.append(task.name)

    def _begin_attempt(self, active: _Active, instance: Instance) -> None:
        task = active.task
        self._began(task)
        instance.attempts += 1
        instance.status = "running"
        if instance.started is None:
            instance.started = self._now()
        self._place(active, 1)
        started = self.clock.micros
        try:
            result = self._call(active, instance)
        except Missing as error:
            why = str(error)
            return self._at(started, lambda: self._failed(active, instance, "permanent", why))
        took = self.clock.micros - started
        # Others that start now start at the same time.
        self.clock.micros = started
        instance.stdout += result.stdout
        instance.stderr += result.stderr
        instance.metrics += result.metrics
        limit = task.timeout * 1000
        if took > limit:
            why = f"ran longer than its timeout of {show(task.timeout)} and was stopped"
            return self._at(started + limit, lambda: self._failed(active, instance, "timeout", why))
        self._at(started + took, lambda: self._finished(active, instance, result, started))

    def _call(self, active: _Active, instance: Instance) -> Result:
        """The attempt itself."""
        task = active.task
        count = len(self.result.tasks[task.name].instances)
        both = active.items is not None and active.replicas > 1
        at = instance.index // max(active.replicas, 1)
        ctx = Context(
            task_id=f"{self.result.run_id}/{task.name}" + (f".{instance.index}" if task.fans_out else ""),
            run_id=self.result.run_id,
            task_name=task.name,
            workflow_name=self.workflow.name,
            attempt=instance.attempts,
            parallel_index=instance.index % active.replicas if both else instance.index,
            parallel_count=active.replicas if both else count,
        )
        item = None if active.items is None else (active.items[at], at)
        values = active.values.of(
            item, attempt=ctx.attempt, index=ctx.parallel_index, count=ctx.parallel_count
        )
        self._note(f"{_label(task, instance)} attempt {instance.attempts}")
        return self._said.attempt(task, values, ctx)

    def _finished(self, active: _Active, instance: Instance, result: Result, started: int) -> None:
        if not result.ok:
            return self._failed(active, instance, result.category or "unknown", result.message or "")
        output = result.output
        why = too_much(result.outcome.output or "", output)
        if why is not None:
            return self._failed(active, instance, "permanent", why)
        jobs = jobs_of(output)
        if not jobs:
            return self._succeeded(active, instance, output)
        if len(jobs) > MOST_JOBS:
            why = f"the function's result defers to {len(jobs)} jobs, more than the {MOST_JOBS} allowed: split the task"
            return self._failed(active, instance, "permanent", why)
        instance.status, instance.jobs = "deferred", jobs
        self._note(f"{_label(active.task, instance)} deferred to {len(jobs)} jobs")
        deferral = Deferral(active.task.name, jobs, self.clock.micros, started + active.task.timeout * 1000)
        self._at(deferral.next_poll(self.clock.micros), lambda: self._poll(active, instance, deferral))

    def _poll(self, active: _Active, instance: Instance, deferral: Deferral) -> None:
        now = self.clock.micros
        failed = self._jobs.ask(deferral, now)
        if failed is not None:
            return self._failed(active, instance, "unknown", failed)
        if deferral.is_done:
            return self._succeeded(active, instance, deferral.jobs)
        if now >= deferral.end_by:
            why = f"its deferred jobs were not done within {show(active.task.timeout)}"
            return self._failed(active, instance, "timeout", why)
        self._at(deferral.next_poll(now), lambda: self._poll(active, instance, deferral))

    def _succeeded(self, active: _Active, instance: Instance, output: Any) -> None:
        instance.output = output
        self._settle(active, instance, "success")

    def _failed(self, active: _Active, instance: Instance, category: str, message: str) -> None:
        instance.category, instance.error = category, message
        retries = active.task.retries
        used = active.failures.get(instance.index, 0)
        again = category != "permanent" and (not retries.on or category in retries.on) and used < retries.max
        self._note(
            f"{_label(active.task, instance)} attempt {instance.attempts} failed ({category}): {message}"
        )
        if not again:
            return self._settle(active, instance, "failed")
        active.failures[instance.index] = used + 1
        instance.status = "retrying"
        self._place(active, -1)
        self._at(self.clock.micros + retries.pause(used + 1) * 1000, lambda: self._queue(instance))

    def _settle(self, active: _Active, instance: Instance, status: str) -> None:
        instance.status, instance.finished = status, self._now()
        active.left -= 1
        self._place(active, -1)
        self._end_if_done(active)

    def _place(self, active: _Active, change: int) -> None:
        active.in_flight += change
        if active.task.pool is not None:
            self._held[active.task.pool] = self._held.get(active.task.pool, 0) + change

    def _at(self, micros: int, happen: "Callable[[], None]") -> None:
        self._number += 1
        heapq.heappush(self._heap, (micros, self._number, happen))


def _label(task: Task, instance: Instance) -> str:
    return f"{task.name}[{instance.index}]" if task.fans_out else task.name
