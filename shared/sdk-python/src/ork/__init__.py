"""Ork for authors of Python tasks.

Nothing here is needed to write a task: a plain function will do. What is here helps: ``task`` marks
functions, ``Context`` tells a task about its run, the errors choose a failure's category.

Names are loaded when they are first used, because this package is also imported by the template
process that forks a child for every task, and each module there makes each fork slower.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._context import Context as Context
    from ._context import current_context as current_context
    from ._errors import Error as Error
    from ._errors import PermanentError as PermanentError
    from ._errors import RecoverableError as RecoverableError
    from ._errors import TransientError as TransientError
    from ._executor import executor as executor
    from ._metrics import Metrics as Metrics
    from ._task import Task as Task
    from ._task import task as task
    from .deferrables import BigQueryJob as BigQueryJob
    from .deferrables import CloudRunJob as CloudRunJob
    from .deferrables import CustomHttp as CustomHttp
    from .deferrables import DataprocJob as DataprocJob
    from .deferrables import Secret as Secret
    from .deferrables import defer as defer
    from .deferrables import job_id as job_id
    from .deferrables import secret as secret

__version__ = "0.1.0"

__all__ = [
    "BigQueryJob",
    "CloudRunJob",
    "Context",
    "CustomHttp",
    "DataprocJob",
    "Error",
    "Metrics",
    "PermanentError",
    "RecoverableError",
    "Secret",
    "Task",
    "TransientError",
    "current_context",
    "defer",
    "executor",
    "job_id",
    "secret",
    "task",
]

_HOMES = {
    "BigQueryJob": "deferrables",
    "CloudRunJob": "deferrables",
    "CustomHttp": "deferrables",
    "DataprocJob": "deferrables",
    "Secret": "deferrables",
    "defer": "deferrables",
    "job_id": "deferrables",
    "secret": "deferrables",
    "Context": "_context",
    "current_context": "_context",
    "Error": "_errors",
    "PermanentError": "_errors",
    "RecoverableError": "_errors",
    "TransientError": "_errors",
    "executor": "_executor",
    "Metrics": "_metrics",
    "Task": "_task",
    "task": "_task",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ork' has no attribute {name!r}")
    module = __import__(f"{__name__}.{home}", fromlist=[name])
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted(set(globals()) | set(__all__))
