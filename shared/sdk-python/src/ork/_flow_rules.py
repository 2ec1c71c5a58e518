"""Trigger rules: whether a task runs, waits or is skipped, by the ends of what it depends on."""

from typing import Mapping, Optional, Sequence, Tuple, Union

Why = Tuple[str, str]
"""Why something is skipped: `upstream_failed`, `upstream_cancelled`, `upstream_skipped`, `no_upstream` or `when`, and which task."""


class Ended:
    """How a task ended."""

    __slots__ = ("status", "task", "why")

    def __init__(self, status: str, why: str = "", task: str = "") -> None:
        self.status = status
        self.why = why
        self.task = task

    @property
    def counts_as(self) -> str:
        """What the rules below it see: what was skipped because something above it failed counts as failed."""
        return {"upstream_failed": "failed", "upstream_cancelled": "cancelled"}.get(self.why, self.status)


def decide(trigger: str, depends_on: "Sequence[str]", ended: "Mapping[str, Ended]") -> "Union[str, Why]":
    """`run`, `wait`, or why it is skipped."""
    known = [(name, ended[name]) for name in depends_on if name in ended]
    counts = [found.counts_as for _, found in known]
    success, failed, cancelled = counts.count("success"), counts.count("failed"), counts.count("cancelled")
    skipped = counts.count("skipped")
    all_ended = len(known) == len(depends_on)

    def unless(wrong: bool, why: "Optional[Why]") -> "Union[str, Why]":
        return (why or ("no_upstream", "")) if wrong else "run" if all_ended else "wait"

    if trigger == "all_success":
        if success == len(depends_on):
            return "run"
        return unless(
            failed + cancelled > 0 or (all_ended and skipped > 0), _culprit(known) or _skipped(known)
        )
    if trigger == "none_failed":
        return unless(failed + cancelled > 0, _culprit(known))
    if trigger == "one_success":
        if success > 0 or not depends_on:
            return "run"
        return unless(all_ended, _culprit(known) or _skipped(known))
    if trigger == "one_failed":
        return "run" if failed > 0 else unless(all_ended, None)
    return unless(False, None)


def reason_of(why: Why) -> str:
    """The reason in words."""
    kind, task = why
    return {
        "upstream_failed": f"upstream {task} failed",
        "upstream_cancelled": f"upstream {task} was cancelled",
        "upstream_skipped": f"upstream {task} was skipped",
        "no_upstream": "no upstream ended the way its trigger rule asks",
        "when": "its `when` is false",
    }[kind]


def _culprit(known: "Sequence[Tuple[str, Ended]]") -> "Optional[Why]":
    for name, found in known:
        if found.status in ("failed", "cancelled"):
            return (f"upstream_{found.status}", name)
        # The chain is followed to where it began.
        if found.why in ("upstream_failed", "upstream_cancelled"):
            return (found.why, found.task)
    return None


def _skipped(known: "Sequence[Tuple[str, Ended]]") -> "Optional[Why]":
    return next((("upstream_skipped", name) for name, found in known if found.status == "skipped"), None)
