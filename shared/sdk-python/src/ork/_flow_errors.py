"""What `ork.testing` refuses."""


class WorkflowError(ValueError):
    """The workflow, or what a test says about it, makes no sense."""


class Unsupported(WorkflowError):
    """The engine would go on here and `ork.testing` cannot: better an error than another result."""
