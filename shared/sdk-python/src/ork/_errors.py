"""The errors a task raises to choose the category of its failure."""


class Error(Exception):
    """A failed task. Raise one of the three below to say what kind of failure it is.

    Raised by itself it counts as ``unknown``, like any other exception.
    """

    category = "unknown"
    exit_code = 1


class TransientError(Error):
    """Likely to pass by itself: a network hiccup, a quota. Retried as the workflow says."""

    category = "transient"
    exit_code = 75


class RecoverableError(Error):
    """May pass once something was mended: data that is late, a table that is missing."""

    category = "recoverable"
    exit_code = 1


class PermanentError(Error):
    """Will not pass: wrong input, a bug. Never retried."""

    category = "permanent"
    exit_code = 64


class CallError(PermanentError):
    """The inputs do not fit the function, or its result is not JSON. Made by Ork itself."""
