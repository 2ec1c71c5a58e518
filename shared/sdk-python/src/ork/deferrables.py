"""Jobs outside Ork that a task hands over to: it returns their descriptions and ends, Ork watches the jobs.

    return BigQueryJob(project="acme", job_id=job.job_id, location="EU")
    return [first, second]                          # done when both are
    return defer(first, second)                     # the same, as the value itself

The task's output is then the list of the descriptions.

Nothing of the standard library is loaded for it: a process that imports it for one job would wait for that longer than for all the rest.
"""

from _collections_abc import Mapping

from . import _duration
from ._errors import PermanentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any, ClassVar, Dict, List, Literal, NoReturn, Optional, Sequence, Tuple, Union

    from ._context import Context

    Style = Literal["bigquery", "dataproc"]

    PollInterval = Union[int, float, str, datetime.timedelta, None]

__all__ = [
    "BigQueryJob",
    "CloudRunJob",
    "CustomHttp",
    "DataprocJob",
    "Deferrable",
    "InvalidJob",
    "Secret",
    "defer",
    "job_id",
    "secret",
]

MOST_JOBS = 64
"""Jobs that one attempt may hand over to."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_TOKEN = _WORD | frozenset("!#$%&'*+.^`|~")


class InvalidJob(PermanentError, ValueError):
    """A description of a job that nobody could follow."""


class Deferrable:
    """What the descriptions have in common: they are values, compared by what they say, and do not change."""

    service_type: "ClassVar[str]" = ""
    __ork_job__: "ClassVar[bool]" = True
    __match_args__: "ClassVar[Tuple[str, ...]]" = ()

    def __init_subclass__(cls) -> None:
        setattr(cls, "__match_args__", tuple(cls.__annotations__))

    def to_dict(self) -> "Dict[str, Any]":
        """The description as it goes into the task's result; what was not stated is left out."""
        found: "Dict[str, Any]" = {"service_type": self.service_type}
        for name, value in self.__dict__.items():
            if value is not None and (name != "headers" or value):
                found[name] = value
        return found

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__qualname__}({said})"

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> "NoReturn":
        raise AttributeError(f"cannot delete field {name!r}")

    def _set(self, **values: "Any") -> None:
        self.__dict__.update(values)


class BigQueryJob(Deferrable):
    """A job of BigQuery. `location` is needed for jobs that run neither in `US` nor in `EU`."""

    service_type = "bigquery"
    project: str
    job_id: str
    location: "Optional[str]"
    poll_interval: "Union[float, str, None]"

    def __init__(
        self,
        project: str,
        job_id: str,
        location: "Optional[str]" = None,
        *,
        poll_interval: "PollInterval" = None,
    ) -> None:
        check = _Checker("BigQueryJob")
        check.word("project", project)
        if not 1 <= len(check.text("job_id", job_id)) <= 1024 or not _WORD.issuperset(job_id):
            check.fail(
                "job_id", job_id, "1 to 1024 letters, digits, `_` and `-`, without project and location"
            )
        if location is not None:
            check.word("location", location)
        self._set(
            project=project, job_id=job_id, location=location, poll_interval=check.interval(poll_interval)
        )


class CloudRunJob(Deferrable):
    """An execution of a Cloud Run job, by its short name. `job` is another word for `job_name`, `execution` and `execution_name` for `execution_id`."""

    service_type = "cloudrun"
    project: str
    region: str
    job_name: str
    execution_id: str
    poll_interval: "Union[float, str, None]"

    def __init__(
        self,
        project: str,
        region: str,
        job_name: "Optional[str]" = None,
        execution_id: "Optional[str]" = None,
        *,
        job: "Optional[str]" = None,
        execution: "Optional[str]" = None,
        execution_name: "Optional[str]" = None,
        poll_interval: "PollInterval" = None,
    ) -> None:
        check = _Checker("CloudRunJob")
        check.word("project", project)
        check.word("region", region)
        named = check.one_of(job_name=job_name, job=job)
        which = check.one_of(execution_id=execution_id, execution=execution, execution_name=execution_name)
        self._set(
            project=project,
            region=region,
            job_name=check.word("job_name", named),
            execution_id=check.word("execution_id", which),
            poll_interval=check.interval(poll_interval),
        )


class DataprocJob(Deferrable):
    """A job of a Dataproc cluster, or without `cluster_name` a batch. `batch_id` is another word for `job_id`."""

    service_type = "dataproc"
    project: str
    region: str
    job_id: str
    cluster_name: "Optional[str]"
    poll_interval: "Union[float, str, None]"

    def __init__(
        self,
        project: str,
        region: str,
        job_id: "Optional[str]" = None,
        cluster_name: "Optional[str]" = None,
        *,
        batch_id: "Optional[str]" = None,
        poll_interval: "PollInterval" = None,
    ) -> None:
        check = _Checker("DataprocJob")
        check.word("project", project)
        check.word("region", region)
        if batch_id is not None and cluster_name is not None:
            check.fail("cluster_name", cluster_name, "nothing: a batch (`batch_id`) has no cluster")
        if cluster_name is not None:
            check.word("cluster_name", cluster_name)
        self._set(
            project=project,
            region=region,
            job_id=check.word("job_id", check.one_of(job_id=job_id, batch_id=batch_id)),
            cluster_name=cluster_name,
            poll_interval=check.interval(poll_interval),
        )


class Secret:
    """A secret by its name, as the value of a header. Its value is never in the task: whoever asks about the job looks it up."""

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        check = _Checker("Secret")
        if not _is_secret(check.text("name", name)):
            check.fail("name", name, "projects/P/secrets/S/versions/V, or the name of an environment variable")
        object.__setattr__(self, "name", name)

    def __repr__(self) -> str:
        return f"secret({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self.name))

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError(f"cannot assign to field {name!r}")


def secret(name: str) -> Secret:
    """The secret of this name: `projects/P/secrets/S/versions/V`, or an environment variable of whoever asks about the job.

    What it holds is all of the header's value, `Bearer ` included.
    """
    return Secret(name)


def _is_secret(name: str) -> bool:
    parts = name.split("/")
    if len(parts) == 1:
        return bool(name) and _WORD.issuperset(name) and "-" not in name and not name[0].isdigit()
    given = parts[1::2]
    return parts[::2] == ["projects", "secrets", "versions"] and all(
        part and (_WORD | frozenset(":.")).issuperset(part) for part in given
    ) and len(given) == 3


class CustomHttp(Deferrable):
    """Anything that says over HTTP how far it is.

    Ork asks `url`; the job is done when `completion_field` of the answer (dots between its parts) holds `completion_value`, and has
    failed when it holds `failure_value` or one of a list of them; `error_field` says why. Without `completion_field` it is done as soon
    as `url` answers with one of `success_status_codes`. `status_field` is another word for `completion_field`, `success_value` for
    `completion_value`. With `cancel_url` Ork can stop it.

    The description is stored with the run: a header that is a credential names it, `headers={"Authorization": secret("JOBS_TOKEN")}`.
    """

    service_type = "custom_http"
    url: str
    method: str
    headers: "Dict[str, Union[str, Dict[str, str]]]"
    body: "Any"
    success_status_codes: "List[int]"
    completion_field: "Optional[str]"
    completion_value: "Any"
    failure_value: "Any"
    error_field: "Optional[str]"
    cancel_url: "Optional[str]"
    cancel_method: str
    poll_interval: "Union[float, str, None]"

    def __init__(
        self,
        url: str,
        method: str = "GET",
        headers: "Optional[Mapping[str, Union[str, Secret]]]" = None,
        body: "Any" = None,
        success_status_codes: "Sequence[int]" = (200,),
        completion_field: "Optional[str]" = None,
        completion_value: "Any" = None,
        failure_value: "Any" = None,
        error_field: "Optional[str]" = None,
        cancel_url: "Optional[str]" = None,
        cancel_method: str = "POST",
        *,
        status_field: "Optional[str]" = None,
        success_value: "Any" = None,
        poll_interval: "PollInterval" = None,
    ) -> None:
        check = _Checker("CustomHttp")
        completion_field = check.at_most_one(completion_field=completion_field, status_field=status_field)
        completion_value = check.at_most_one(completion_value=completion_value, success_value=success_value)
        for name, value in (("completion_value", completion_value), ("failure_value", failure_value)):
            if value is not None and completion_field is None:
                check.fail(name, value, "a `completion_field` to compare it with")
        if completion_field is not None:
            check.path("completion_field", completion_field)
            if completion_value is None:
                check.fail("completion_value", None, "what `completion_field` holds when the job is done")
        if error_field is not None:
            check.path("error_field", error_field)
        if cancel_url is not None:
            check.url("cancel_url", cancel_url)
        self._set(
            url=check.url("url", url),
            method=check.method("method", method),
            headers=check.headers(headers or {}),
            body=body,
            success_status_codes=check.codes(success_status_codes),
            completion_field=completion_field,
            completion_value=completion_value,
            failure_value=failure_value,
            error_field=error_field,
            cancel_url=cancel_url,
            cancel_method=check.method("cancel_method", cancel_method),
            poll_interval=check.interval(poll_interval),
        )


def defer(*jobs: "Union[Deferrable, Mapping[str, Any]]", **more: "Any") -> "Dict[str, Any]":
    """What a task returns to hand over to these jobs: `{"deferred": [job, …]}`, and `more` beside it for whoever reads the task's log.

    Plain dicts are descriptions too; they need a `service_type`.
    """
    if not 1 <= len(jobs) <= MOST_JOBS:
        raise InvalidJob(f"defer(): a task hands over to 1 to {MOST_JOBS} jobs, not to {len(jobs)}")
    described: "List[Dict[str, Any]]" = []
    for at, job in enumerate(jobs):
        one = job.to_dict() if isinstance(job, Deferrable) else _described(job, at)
        described.append(one)
    if "deferred" in more:
        raise InvalidJob("defer(): give the jobs themselves, not `deferred`")
    return {"deferred": described, **more}


def job_id(ctx: "Context", name: str = "", style: "Style" = "bigquery") -> str:
    """An id for a job, to be chosen by the client: the same whenever the same attempt of a task asks, and another one in the next attempt.

    A request that is made twice, because the answer to the first was lost, therefore finds the first job: "already exists" then means
    success. A job that an earlier attempt started is not found by it. Where that attempt handed the job over, Ork has it stopped before the
    next attempt starts; where it died before that, nobody knows the job, and it goes on. Who wants to find it again makes an id of
    `ctx.run_id`, `ctx.task_name` and `ctx.index`, and has to look whether the job of that id has failed: its id is used up.

    The id is made of the SHA-256 of the UTF-8 text `<run id>/<task name>/<index>/<attempt>/<name>`, numbers in
    decimal digits; index is `ctx.index`, the instance's position among all instances of its task (0 without fan-out). `name` tells several
    jobs of one attempt apart. For BigQuery the id is `ork_` and all 64 hexadecimal digits, in lower case; for Dataproc (`style="dataproc"`,
    jobs and batches) it is `ork-` and the first 40.
    """
    import hashlib

    if not ctx.run_id or not ctx.task_name:
        raise InvalidJob(
            "job_id(): the context names no run or no task; in a test, use ork.testing.context()"
        )
    text = f"{ctx.run_id}/{ctx.task_name}/{ctx.index}/{ctx.attempt}/{name}"
    digits = hashlib.sha256(text.encode()).hexdigest()
    spelled = {"bigquery": f"ork_{digits}", "dataproc": f"ork-{digits[:40]}"}
    if style not in spelled:
        raise InvalidJob(f"job_id(): `style` is {_short(style)}, expected one of {', '.join(spelled)}")
    return spelled[style]


def _described(job: "Mapping[str, Any]", at: int) -> "Dict[str, Any]":
    given: "Any" = job
    if not isinstance(given, Mapping):
        raise InvalidJob(f"defer(): argument {at + 1} is no job but {_short(given)}")
    found: "Dict[str, Any]" = dict(job)
    service = found.get("service_type")
    if not isinstance(service, str) or not service:
        raise InvalidJob(f"defer(): argument {at + 1} has no `service_type`")
    return found


class _Checker:
    """Refuses what nobody could follow, naming the class, the field and the value."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def fail(self, field: str, value: "Any", wanted: str) -> "NoReturn":
        raise InvalidJob(f"{self.owner}: `{field}` is {_short(value)}, expected {wanted}")

    def text(self, field: str, value: "Any") -> str:
        if not isinstance(value, str):
            self.fail(field, value, "a text")
        return value

    def word(self, field: str, value: "Any") -> str:
        text = self.text(field, value)
        if not text or "/" in text or not text.isprintable() or " " in text:
            self.fail(field, text, "a short name, without `/` and spaces")
        return text

    def path(self, field: str, value: "Any") -> None:
        text = self.text(field, value)
        if not all(text.split(".")):
            self.fail(field, text, "the name of a field, with dots between its parts, such as `status.state`")

    def url(self, field: str, value: "Any") -> str:
        text = self.text(field, value)
        scheme, _, rest = text.partition("://")
        named = scheme.lower() in ("http", "https") and rest[:1] not in ("", "/", "?", "#")
        if not named or " " in text or not text.isprintable():
            self.fail(field, text, "an address that begins with http:// or https://")
        return text

    def method(self, field: str, value: "Any") -> str:
        text = self.text(field, value).upper()
        if text not in _METHODS:
            self.fail(field, value, "one of " + ", ".join(_METHODS))
        return text

    def headers(
        self, value: "Mapping[str, Union[str, Secret]]"
    ) -> "Dict[str, Union[str, Dict[str, str]]]":
        given: "Any" = value
        if not isinstance(given, Mapping):
            self.fail("headers", given, "texts by name")
        headers: "Dict[str, Union[str, Dict[str, str]]]" = {}
        for name, text in value.items():
            label = f"headers[{name!r}]"
            if not self.text(label, name) or not _TOKEN.issuperset(name):
                self.fail(label, text, "a header's name as key")
            if isinstance(text, Secret):
                headers[name] = {"secret": text.name}
                continue
            if any(char in self.text(label, text) for char in "\r\n\0"):
                self.fail(label, text, "one line")
            headers[name] = text
        return headers

    def codes(self, value: "Sequence[int]") -> "List[int]":
        codes: "List[Any]" = list(value)
        good = [code for code in codes if type(code) is int and 100 <= code <= 599]
        if not codes or len(good) != len(codes):
            self.fail("success_status_codes", codes, "HTTP status codes, such as [200, 202]")
        return good

    def interval(self, value: "PollInterval") -> "Union[float, str, None]":
        wanted = 'a span of time above zero, such as 30 or "2m"'
        if value is None:
            return None
        if isinstance(value, str):
            if not _duration.parse(value):
                self.fail("poll_interval", value, wanted)
            return value
        seconds: "Any" = (
            value if isinstance(value, (int, float)) else getattr(value, "total_seconds", lambda: None)()
        )
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not 0 < seconds < float("inf")
        ):
            self.fail("poll_interval", value, wanted)
        return float(seconds) if isinstance(seconds, float) else int(seconds)

    def at_most_one(self, **spellings: "Any") -> "Any":
        """The value of whichever spelling was used, if any."""
        given = [name for name, value in spellings.items() if value is not None]
        if len(given) > 1:
            raise InvalidJob(f"{self.owner}: `{given[0]}` and `{given[1]}` are the same; give one of them")
        return spellings[given[0]] if given else None

    def one_of(self, **spellings: "Any") -> "Any":
        """The value of whichever spelling was used."""
        found = self.at_most_one(**spellings)
        if found is None:
            raise InvalidJob(f"{self.owner}: `{next(iter(spellings))}` is missing")
        return found


def _short(value: "Any") -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
