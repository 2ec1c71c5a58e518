"""Deferred jobs: what a task returns, and the ids it chooses for them."""

import copy
import datetime
import hashlib
import json
import pickle
import re
import unittest
from unittest import mock

import paths  # noqa: F401
import ork
from ork import BigQueryJob, CloudRunJob, CustomHttp, DataprocJob, Secret, defer, deferrables, secret, testing
from ork._result import to_json

BIGQUERY = {"service_type": "bigquery", "project": "acme", "job_id": "j-1", "location": "EU"}
CLOUDRUN = {
    "service_type": "cloudrun",
    "project": "acme",
    "region": "europe-west1",
    "job_name": "load",
    "execution_id": "load-x7",
}
DATAPROC = {"service_type": "dataproc", "project": "acme", "region": "r", "job_id": "b-1"}


def bigquery():
    return BigQueryJob("acme", "j-1", location="EU")


class Describing(unittest.TestCase):
    def test_each_becomes_what_the_engine_reads(self):
        http = {"service_type": "custom_http", "url": "https://x.example/jobs/5"}
        every = {"method": "GET", "success_status_codes": [200], "cancel_method": "POST"}
        for job, expected in [
            (bigquery(), BIGQUERY),
            (
                BigQueryJob(project="p", job_id="j"),
                {"service_type": "bigquery", "project": "p", "job_id": "j"},
            ),
            (CloudRunJob("acme", "europe-west1", "load", "load-x7"), CLOUDRUN),
            (CloudRunJob("acme", "europe-west1", job="load", execution="load-x7"), CLOUDRUN),
            (CloudRunJob("acme", "europe-west1", job="load", execution_name="load-x7"), CLOUDRUN),
            (DataprocJob("acme", "r", "b-1"), DATAPROC),
            (DataprocJob("acme", "r", batch_id="b-1"), DATAPROC),
            (DataprocJob("acme", "r", "b-1", "c"), {**DATAPROC, "cluster_name": "c"}),
            (CustomHttp("https://x.example/jobs/5"), {**http, **every}),
            (
                CustomHttp(
                    "https://x.example/jobs/5",
                    method="post",
                    headers={"X-Key": "k"},
                    body={},
                    success_status_codes=(200, 202),
                    status_field="status.state",
                    success_value=False,
                    failure_value=["BAD", "WORSE"],
                    error_field="status.why",
                    cancel_url="https://x.example/jobs/5/stop",
                    cancel_method="DELETE",
                    poll_interval="1m30s",
                ),
                {
                    **http,
                    "method": "POST",
                    "headers": {"X-Key": "k"},
                    "body": {},
                    "success_status_codes": [200, 202],
                    "completion_field": "status.state",
                    "completion_value": False,
                    "failure_value": ["BAD", "WORSE"],
                    "error_field": "status.why",
                    "cancel_url": "https://x.example/jobs/5/stop",
                    "cancel_method": "DELETE",
                    "poll_interval": "1m30s",
                },
            ),
        ]:
            with self.subTest(job=job):
                self.assertEqual(job.to_dict(), expected)

    def test_poll_intervals_are_seconds_or_text(self):
        for given, expected in [
            (30, 30),
            (0.5, 0.5),
            ("2m", "2m"),
            ("45", "45"),
            (datetime.timedelta(minutes=2), 120.0),
        ]:
            self.assertEqual(BigQueryJob("p", "j", poll_interval=given).to_dict()["poll_interval"], expected)

    def test_what_nobody_could_follow_is_refused_by_field_and_value(self):
        url = "https://x.example"
        for make, message in [
            (lambda: BigQueryJob("", "j"), "BigQueryJob: `project` is ''"),
            (
                lambda: BigQueryJob("p", "proj:EU.job_1"),
                "`job_id` is 'proj:EU.job_1', expected 1 to 1024 letters",
            ),
            (lambda: BigQueryJob("p", None), "`job_id` is None, expected a text"),
            (lambda: BigQueryJob("p", "j", poll_interval=0), "`poll_interval` is 0"),
            (lambda: BigQueryJob("p", "j", poll_interval=True), "`poll_interval` is True"),
            (lambda: BigQueryJob("p", "j", poll_interval="soon"), "`poll_interval` is 'soon'"),
            (lambda: BigQueryJob("p", "j", poll_interval=float("nan")), "`poll_interval` is nan"),
            (lambda: CloudRunJob("p", "r", "j"), "`execution_id` is missing"),
            (lambda: CloudRunJob("p", "r", "j", "e", job="k"), "`job_name` and `job` are the same"),
            (lambda: CloudRunJob("p", "r", "j", "projects/p/executions/e"), "a short name, without `/`"),
            (lambda: DataprocJob("p", "r"), "`job_id` is missing"),
            (
                lambda: DataprocJob("p", "r", cluster_name="c", batch_id="b"),
                "a batch (`batch_id`) has no cluster",
            ),
            (lambda: CustomHttp("ftp://x"), "begins with http:// or https://"),
            (lambda: CustomHttp("https:///x"), "begins with http:// or https://"),
            (lambda: CustomHttp(url, "FETCH"), "`method` is 'FETCH'"),
            (lambda: CustomHttp(url, headers={"a b": "c"}), "a header's name"),
            (lambda: CustomHttp(url, headers={"a": "b\r\nc: d"}), "one line"),
            (lambda: CustomHttp(url, success_status_codes=[]), "`success_status_codes` is []"),
            (lambda: CustomHttp(url, success_status_codes=[True]), "`success_status_codes` is [True]"),
            (lambda: CustomHttp(url, failure_value="x"), "a `completion_field` to compare it with"),
            (
                lambda: CustomHttp(url, completion_field="s"),
                "what `completion_field` holds when the job is done",
            ),
            (lambda: CustomHttp(url, completion_field="a..b", completion_value=1), "the name of a field"),
            (lambda: CustomHttp(url, cancel_url="x"), "`cancel_url` is 'x'"),
        ]:
            with self.subTest(message=message), self.assertRaises(deferrables.InvalidJob) as caught:
                make()
            self.assertIn(message, str(caught.exception))
        self.assertIsInstance(caught.exception, ork.PermanentError)
        self.assertIsInstance(caught.exception, ValueError)

    def test_they_are_values(self):
        self.assertEqual(bigquery(), bigquery())
        self.assertEqual(len({bigquery(), bigquery()}), 1)
        self.assertEqual(pickle.loads(pickle.dumps(bigquery())), copy.deepcopy(bigquery()))
        self.assertEqual(
            repr(bigquery()), "BigQueryJob(project='acme', job_id='j-1', location='EU', poll_interval=None)"
        )
        with self.assertRaisesRegex(AttributeError, "cannot assign to field 'project'"):
            bigquery().project = "other"
        with self.assertRaisesRegex(AttributeError, "cannot delete field 'project'"):
            del bigquery().project
        self.assertNotEqual(bigquery(), BigQueryJob("acme", "j-1"))
        self.assertNotEqual(DataprocJob("p", "r", "j"), ("p", "r", "j", None, None))
        self.assertEqual(BigQueryJob.__match_args__, ("project", "job_id", "location", "poll_interval"))
        self.assertEqual(
            repr(CustomHttp("https://x.example", headers={"A": "b"})),
            "CustomHttp(url='https://x.example', method='GET', headers={'A': 'b'}, body=None, success_status_codes=[200],"
            " completion_field=None, completion_value=None, failure_value=None, error_field=None, cancel_url=None,"
            " cancel_method='POST', poll_interval=None)",
        )


class Secrets(unittest.TestCase):
    def test_a_header_names_a_secret_and_never_holds_it(self):
        with mock.patch.dict("os.environ", {"JOBS_TOKEN": "canary-7c1f"}):
            job = CustomHttp("https://x.example", headers={"A": "b", "Authorization": secret("JOBS_TOKEN")})
        headers = {"A": "b", "Authorization": {"secret": "JOBS_TOKEN"}}
        self.assertEqual(job.to_dict()["headers"], headers)
        self.assertEqual(json.loads(to_json(defer(job)))["deferred"][0]["headers"], headers)
        self.assertNotIn("canary", repr(job))
        self.assertEqual(repr(secret("JOBS_TOKEN")), "secret('JOBS_TOKEN')")
        self.assertEqual({secret("A"), Secret("A")}, {secret("A")})

    def test_what_is_no_name_is_refused_and_data_does_not_become_one(self):
        secret("projects/acme/secrets/jobs-token/versions/latest")
        for name in ("", "7A", "a-b", "Bearer abc", "projects/p/secrets/s", "projects/p/secrets//versions/1"):
            with self.subTest(name), self.assertRaisesRegex(deferrables.InvalidJob, "the name of an environment"):
                secret(name)
        data = {"Authorization": {"secret": "JOBS_TOKEN"}}
        with self.assertRaisesRegex(deferrables.InvalidJob, "expected a text"):
            CustomHttp("https://x.example", headers=data)


class Returning(unittest.TestCase):
    def test_a_job_a_list_or_a_dict_become_the_same_json(self):
        expected = {"deferred": [BIGQUERY]}
        for result in (
            bigquery(),
            [bigquery()],
            (bigquery(),),
            {"deferred": [bigquery()]},
            {"deferred": bigquery()},
        ):
            with self.subTest(result=result):
                self.assertEqual(json.loads(to_json(result)), expected)
        self.assertEqual(json.loads(to_json(defer(bigquery()))), expected)
        two = [bigquery(), DataprocJob("acme", "r", "b-1")]
        self.assertEqual(json.loads(to_json(two)), {"deferred": [BIGQUERY, DATAPROC]})
        self.assertEqual(testing.run(lambda: two).jobs, [BIGQUERY, DATAPROC])

    def test_defer_takes_objects_and_dicts_and_more(self):
        self.assertEqual(
            defer(bigquery(), {"service_type": "x", "id": 1}, note="hi"),
            {"deferred": [BIGQUERY, {"service_type": "x", "id": 1}], "note": "hi"},
        )
        for jobs, message in [
            ((), "1 to 64 jobs, not to 0"),
            ((bigquery(),) * 65, "not to 65"),
            (([bigquery()],), "argument 1 is no job"),
            ((bigquery(), {"project": "p"}), "argument 2 has no `service_type`"),
        ]:
            with self.assertRaisesRegex(deferrables.InvalidJob, re.escape(message)):
                defer(*jobs)

    def test_a_job_that_would_be_overlooked_is_an_error(self):
        for result in ({"job": bigquery()}, [1, bigquery()], {"deferred": [], "and": [bigquery()]}):
            found = testing.run(lambda result=result: result)
            self.assertEqual(found.category, "permanent")
            self.assertIn("a deferred job hides in the result", found.message)
        found = testing.run(lambda: [bigquery(), 1])
        self.assertIn("item 1 of a list of deferred jobs is a int, not a job", found.message)

    def test_other_objects_are_what_they_were(self):
        import dataclasses

        @dataclasses.dataclass
        class Row:
            id: int

            def to_dict(self):
                return {"never": "used"}

        self.assertEqual(json.loads(to_json([Row(1), Row(2)])), [{"id": 1}, {"id": 2}])
        self.assertEqual(json.loads(to_json(Row(1))), {"id": 1})
        self.assertEqual(to_json([]), "[]")
        self.assertEqual(json.loads(to_json({"deferred": [Row(1)]})), {"deferred": [{"never": "used"}]})
        self.assertEqual(json.loads(to_json(bigquery().to_dict())), BIGQUERY)


class Ids(unittest.TestCase):
    def test_the_derivation_is_what_the_docs_say(self):
        ctx = testing.context("load", run_id="nightly--20260131T0200Z", attempt=2)
        digits = hashlib.sha256(b"nightly--20260131T0200Z/load/0/2/q").hexdigest()
        self.assertEqual(ork.job_id(ctx, "q"), f"ork_{digits}")
        self.assertEqual(ork.job_id(ctx, "q", style="dataproc"), f"ork-{digits[:40]}")
        # Written out, so that all SDKs can be held against it.
        ctx = testing.context("load", run_id="r-1", attempt=3, parallel_index=2, parallel_count=4)
        digits = "3dbdcee703c7f4fa6ac14e2158fda097a162538a0a5e3ba89233ce4a3a224108"
        self.assertEqual(ork.job_id(ctx, "query"), f"ork_{digits}")

    def test_every_attempt_instance_and_name_has_its_own(self):
        def ids(task="t", attempt=1, index=0, name="", style="bigquery"):
            return ork.job_id(testing.context(task, attempt=attempt, parallel_index=index), name, style)

        for style, shape in (
            ("bigquery", r"\A[A-Za-z0-9_-]{1,1024}\Z"),
            ("dataproc", r"\A[a-z][a-z0-9-]{3,62}\Z"),
        ):
            found = [{}, {"task": "u"}, {"attempt": 2}, {"index": 1}, {"name": "a"}, {"name": "0/1"}]
            made = {ids(**one, style=style) for one in found}
            self.assertEqual(len(made), 6)
            for one in made:
                self.assertRegex(one, shape)
        self.assertEqual(ids(), ids())
        with self.assertRaisesRegex(ValueError, "`style` is 'cloudrun'"):
            ids(style="cloudrun")

    def test_items_that_share_a_parallel_index_do_not_share_an_id(self):
        def of(index):
            return ork.job_id(
                testing.context(task_id=f"r/t.{index}", parallel_index=index % 2, parallel_count=2)
            )

        self.assertEqual(len({of(index) for index in range(6)}), 6)

    def test_without_a_run_there_is_no_id(self):
        with self.assertRaisesRegex(ValueError, "names no run"):
            ork.job_id(ork.Context())


if __name__ == "__main__":
    unittest.main()
