"""The fixtures of shared/spec: this SDK writes and reads what the core, the worker and the other SDK do."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from unittest import mock

import paths
import ork
from ork import (
    BigQueryJob,
    CloudRunJob,
    CustomHttp,
    DataprocJob,
    _child,
    _codec,
    _executor,
    _outcome,
    testing,
)

READER = "sdk-python"
FOLDER = os.path.join(paths.HERE, "..", "..", "spec")
CLASSES = {
    "bigquery": BigQueryJob,
    "cloudrun": CloudRunJob,
    "cloud_run": CloudRunJob,
    "dataproc": DataprocJob,
    "custom_http": CustomHttp,
}


def read(file):
    with open(os.path.join(FOLDER, file), encoding="utf-8") as opened:
        return json.load(opened)


def load(file):
    """A fixture of the version that is listed."""
    found = read(file)
    if found["version"] != read("index.json")["files"][file]["version"]:
        raise AssertionError(f"{file} has another version than index.json says")
    return found


def says(case):
    """What a refusal must say, in general or here."""
    return case["says"][READER] if isinstance(case["says"], dict) else case["says"]


def describe(given):
    """The description by the class of its service, as a task would write it."""
    make = CLASSES.get(given.get("service_type")) if isinstance(given, dict) else None
    if make is None:
        return ork.defer(given)["deferred"][0]
    given = {name: value for name, value in given.items() if name != "service_type"}
    if "headers" in given:
        given["headers"] = {name: header(value) for name, value in given["headers"].items()}
    return make(**given).to_dict()


def header(value):
    """A header's value as a task would write it: the name of a secret is no data."""
    return ork.secret(value["secret"]) if isinstance(value, dict) and list(value) == ["secret"] else value


def told(context):
    """A context as an object of JSON."""
    names = ("task_id", "run_id", "task_name", "workflow_name", "attempt", "parallel_index", "parallel_count")
    return {name: getattr(context, name) for name in names}


class Fixtures(unittest.TestCase):
    def test_every_fixture_is_listed_and_read_by_two_at_least(self):
        listed = read("index.json")["files"]
        there = {name for name in os.listdir(FOLDER) if name.endswith(".json")} - {"index.json"}
        self.assertEqual(there, set(listed))
        with open(__file__, encoding="utf-8") as opened:
            source = opened.read()
        for file, said in listed.items():
            self.assertGreaterEqual(len(said["readers"]), 2, file)
            self.assertEqual(f'load("{file}")' in source, READER in said["readers"], file)

    def test_jobs_are_written_as_they_are_read(self):
        jobs = load("jobs.json")
        for case in jobs["valid"]:
            with self.subTest(case["name"]):
                self.assertEqual(describe(case["given"]), case["read"])
                self.assertEqual(describe(case["read"]), case["read"])
        for case in jobs["others"]:
            self.assertEqual(describe(case["given"]), case["given"])
        for case in jobs["broken"]:
            with self.subTest(case["name"]), self.assertRaises((TypeError, ValueError)) as caught:
                describe(case["given"])
            self.assertIn(says(case), str(caught.exception))
        for case in jobs["careless"]:
            with self.subTest(case["name"]), self.assertRaises(ork.deferrables.InvalidJob) as caught:
                describe(case["given"])
            self.assertIn(says(case), str(caught.exception))

    def test_ids_of_jobs(self):
        for case in load("job_ids.json")["valid"]:
            of = f"{case['run']}/{case['task']}.{case['index']}"
            ctx = testing.context(case["task"], run_id=case["run"], task_id=of, attempt=case["attempt"])
            self.assertEqual(ork.job_id(ctx, case["name"]), case["bigquery"])
            self.assertEqual(ork.job_id(ctx, case["name"], style="dataproc"), case["dataproc"])

    def test_labels_of_jobs(self):
        labels = load("job_labels.json")
        made = [testing.context(run_id=case["run"]).job_labels() for case in labels["valid"]]
        self.assertEqual(made, [case["labels"] for case in labels["valid"]])
        for case in labels["broken"]:
            self.assertNotIn({"ork-run": case["label"]}, made)
        self.assertEqual(ork.Context().job_labels(), {})

    def test_a_task_is_told_of_its_attempt_alike_however_it_is_called(self):
        for case in load("attempts.json")["valid"]:
            with self.subTest(case["name"]), mock.patch.dict(os.environ, case["variables"], clear=True):
                for context in (_executor.context_of(os.environ), _child._context_of(case)):
                    self.assertEqual(told(context), case["context"])
                    self.assertEqual(context.index, case["index"])
                self.assertEqual(_executor._json("INPUT"), case["spec"]["input"])
                self.assertEqual(_executor._json("UPSTREAM"), case["spec"]["upstream"])
                options = case["spec"]["executor"].get("options", {})
                self.assertEqual(_executor._json("OPTIONS"), options)

    def test_what_a_task_gives(self):
        outputs = load("outputs.json")
        for case in outputs["valid"]:
            with self.subTest(case["name"]):
                found = testing.run(lambda case=case: case["output"])
                self.assertEqual(found.output, case["output"])
                self.assertEqual(found.jobs, case.get("jobs", []))
                verdict = case["verdict"]
                if verdict["outcome"] == "success":
                    self.assertEqual(found.outcome.output, verdict["output"]["inline"])
                line = io.StringIO()
                with mock.patch.dict(os.environ, clear=True), contextlib.redirect_stdout(line):
                    _executor._hand_over(found.outcome.output)
                self.assertEqual(line.getvalue(), f"\nORK_OUTPUT:{found.outcome.output}\n")
        for case in outputs["broken"]:
            with self.subTest(case["name"]), self.assertRaises(ValueError):
                _codec.loads(case["text"])

    def test_failures(self):
        failures = load("failures.json")
        errors = (ork.Error, ork.TransientError, ork.RecoverableError, ork.PermanentError)
        self.assertLessEqual({error.category for error in errors}, set(failures["categories"]))
        self.assertLessEqual(set(_outcome.EXIT_CODES), set(failures["categories"]))
        for case in failures["exit_codes"]:
            self.assertEqual(_outcome.of_exit(SystemExit(case["code"])).category, case["category"])
        codes = {case["category"]: case["code"] for case in reversed(failures["exit_codes"])}
        for error in (ork.Error("x"), ork.TransientError("x"), ork.PermanentError("x")):
            self.assertEqual(_outcome.of_error(error).code, codes[error.category])

    def test_metrics(self):
        lines = [case["line"] for case in load("metrics.json")["valid"]]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "metrics")
            with mock.patch.dict(os.environ, {"ORK_METRICS_FILE": path}):
                metrics = ork.Metrics()
                for line in lines:
                    record = getattr(metrics, line["kind"])
                    record(line["name"], line["value"], **line.get("tags", {}))
            with open(path, encoding="utf-8") as written:
                self.assertEqual([json.loads(line) for line in written], lines)


if __name__ == "__main__":
    unittest.main()
