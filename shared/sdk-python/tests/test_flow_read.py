"""Workflows for memory: what is read of a file, where values come from, and what is refused."""

import json
import os
import tempfile
import unittest
from unittest import mock

import optional
import paths  # noqa: F401
from ork import _duration, _flow_read, testing
from ork._flow_types import Aliases
from ork.testing import Unsupported, Workflow, WorkflowError

try:
    import yaml
except ImportError:
    yaml = None
try:
    import ruamel.yaml as ruamel
except ImportError:
    ruamel = None
NO_YAML = yaml is None and optional.skipped("reading workflow files", "PyYAML is not installed")

TEXT = """\
name: nightly
on: {message: {topic: orders}}
params: {day: date, limit: {type: int?, default: 010}, more: {type: [int?]}}
defaults: &all {retries: 1}
tasks:
  a: {command: x, input: {day: "{{ params.day }}", plain: 2026-06-01, no: no, yes: Yes, octal: 0o17, n: 1e3, s: "5"}}
  b:
    <<: *all
    command: y
    timeout: 1h30m
    depends_on: [a]
"""


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def libraries(self):
        """Each YAML library there is, alone."""
        for name, library in (("yaml", yaml), ("ruamel.yaml", ruamel)):
            if library is not None:
                only = lambda wanted, name=name, library=library: library if wanted == name else None  # noqa: E731
                with mock.patch.object(_flow_read, "_library", only):
                    yield name

    @unittest.skipIf(NO_YAML, "PyYAML is not installed")
    def test_yaml_is_read_as_the_engine_reads_it(self):
        path = self.write("w.yaml", TEXT)
        for _ in self.libraries():
            found = _flow_read.read_file(path)
            self.assertEqual(
                found["tasks"]["a"]["input"],
                {
                    "day": "{{ params.day }}",
                    "plain": "2026-06-01",
                    "no": "no",
                    "yes": "Yes",
                    "octal": 15,
                    "n": 1000.0,
                    "s": "5",
                },
            )
            self.assertEqual((list(found)[1], found["params"]["limit"]["default"]), ("on", 10))
            workflow = Workflow.load(path)
            self.assertEqual((workflow.tasks["b"].retries.max, workflow.tasks["b"].timeout), (1, 5_400_000))

    @unittest.skipIf(NO_YAML, "PyYAML is not installed")
    def test_pools_are_those_of_the_project(self):
        self.write("ork.yaml", "pools: {warehouse: 3}")
        path = self.write("deep/w.yaml", "name: w\ntasks: {a: {command: x, pool: warehouse}}")
        self.assertEqual(Workflow.load(path).pools, {"warehouse": 3})

    @unittest.skipIf(NO_YAML, "PyYAML is not installed")
    def test_what_is_wrong_with_a_file_names_it(self):
        for name, text, message in [
            ("a.yaml", "name: [", "a.yaml: not YAML"),
            ("b.yaml", "name: w\nname: v", "b.yaml: line 2: the key `name` is there twice"),
            ("c.yaml", "a: &x [*x]", "nested too deeply"),
            ("d.yaml", "- 1", "expected a map of names"),
            ("e.yaml", "a: .inf", "JSON cannot hold"),
            ("f.json", '{"a": 1, "a": 2}', "the key `a` is there twice"),
            ("g.workflow", "fun a():\n  pass", "does not read `.workflow` files"),
        ]:
            for _ in self.libraries():
                with self.subTest(name=name), self.assertRaises(WorkflowError) as caught:
                    Workflow.load(self.write(name, text))
                self.assertIn(message, str(caught.exception))

    def test_without_a_library_it_says_what_to_install_and_json_still_works(self):
        with mock.patch.object(_flow_read, "_library", lambda name: None):
            with self.assertRaisesRegex(WorkflowError, "pip install pyyaml"):
                Workflow.load(self.write("w.yaml", "name: w"))
            path = self.write("w.json", json.dumps({"name": "w", "tasks": {"m": {}}}))
            self.assertTrue(testing.run(Workflow.load(path)).ok)


class Refusing(unittest.TestCase):
    def test_what_makes_no_sense_is_an_error_that_names_the_task(self):
        def tasks(**task):
            return {"tasks": {"up": {"command": "x"}, "t": {"command": "x", **task}}}

        for document, message in [
            ({"tasks": {}}, "the workflow has no tasks"),
            ({"tasks": {"1a": {}}}, "`1a` is no task's name"),
            ({"name": "no good", "tasks": {"a": {}}}, "`name` is the text"),
            ({"task": {}}, "the workflow has the unknown key `task`; did you mean `tasks`"),
            ({"import": [{"dbt": "."}], "tasks": {"a": {}}}, "dbt"),
            (tasks(depends_on=["upp"]), "the unknown task `upp`; did you mean `up`"),
            (tasks(depends_on=["t"]), "depends on itself"),
            (tasks(depends_on=["up", "up"]), "depends on `up` twice"),
            ({"tasks": {"a": {"depends_on": "b"}, "b": {"depends_on": "a"}}}, "a → b → a"),
            (tasks(depend_on=["up"]), "the unknown key `depend_on`; did you mean `depends_on`"),
            (tasks(trigger="any"), "`trigger` is one of"),
            (tasks(trigger="always", on_failure="run"), "keep `trigger`"),
            (tasks(retries={"delay": 1}), "`max` is missing"),
            (tasks(retries={"max": 1, "on": ["permanent"]}), "`on` takes"),
            (tasks(retries=True), "expected a whole number from 0 to 1000, found true"),
            (tasks(timeout="soon"), "expected a duration"),
            (tasks(concurrency=2), "means something only with several instances"),
            (tasks(parallel=0), "expected a whole number from 1"),
            (tasks(parallel=2, tolerate="101%"), "a share such as 5%"),
            (tasks(batch=2), "there is no `foreach`"),
            (tasks(foreach=[1, 2]), "write a path"),
            (tasks(foreach="item"), "not known before"),
            (tasks(foreach="up"), "does not wait for it"),
            (tasks(inputs={"a": 5}), "write exactly one of"),
            (tasks(inputs={"a": {"ref": "tasks.up.outptu"}}), "write tasks.<name>.output"),
            (tasks(inputs={"a": {"ref": "params.x"}}), "the unknown param `x`"),
            (tasks(inputs={"a": {"ref": "nobody"}}), "refers to nothing"),
            (tasks(inputs={"a": {"ref": "a..b"}}), "is no path"),
            (tasks(inputs={}, input={}), "keep one"),
            (tasks(input_type="strng"), "`strng` is none of"),
            ({"types": {"A": "types.B", "B": ["types.A"]}, "tasks": {"a": {}}}, "A → B → A"),
        ]:
            with self.subTest(message=message), self.assertRaises(WorkflowError) as caught:
                Workflow({"name": "w", **document})
            self.assertIn(message, str(caught.exception))

    def test_keys_of_executors_that_are_yet_to_come_are_let_pass(self):
        workflow = Workflow({"name": "w", "tasks": {"q": {"executor": "bigquery", "query": "select 1"}}})
        self.assertFalse(workflow.tasks["q"].is_marker)


class ValuesOfInputs(unittest.TestCase):
    def inputs(self, task, upstream=None, **more):
        """What the task receives."""
        tasks = {"up": {"command": "x"}, "t": {"command": "x", "depends_on": ["up"], **task}}
        seen = []
        given = {name: more.pop(name) for name in ("params", "types") if name in more}
        fakes = {"up": upstream, "t": lambda **inputs: seen.append(inputs)}
        run = testing.run({"name": "w", "tasks": tasks, **given}, fakes=fakes, **more.pop("say", {}), **more)
        return seen[0] if seen else run["t"]

    def test_paths(self):
        found = self.inputs(
            {
                "inputs": {
                    "whole": {"ref": "tasks.up.output"},
                    "short": {"ref": "up.rows[1].id"},
                    "dotted": {"ref": "tasks.up.output.rows.0.id"},
                    "quoted": {"ref": 'tasks["up"].output["rows"][0]'},
                    "by_year": {"ref": "up.years.2024"},
                    "status": {"ref": "tasks.up.status"},
                    "param": {"ref": "params.p.q"},
                    "run": {"ref": "run.id"},
                    "slot": {"ref": "slot"},
                    "attempt": {"ref": "run.attempt"},
                    "index": {"ref": "parallel_index"},
                    "const": {"const": {"a": "{{ not a template }}"}},
                    "expr": {"expr": "up.rows[0].id"},
                    "secret": {"secret": "TOKEN"},
                }
            },
            {"rows": [{"id": 1}, {"id": 2}], "years": {"2024": "leap"}},
            params={"p": {"type": {"q": "int"}, "default": {"q": 7}}},
            say={"secrets": {"TOKEN": "s3cret"}, "run_id": "r1"},
        )
        found.pop("whole")
        self.assertEqual(
            found,
            {
                "short": 2,
                "dotted": 1,
                "quoted": {"id": 1},
                "by_year": "leap",
                "status": "success",
                "param": 7,
                "run": "r1",
                "slot": "2026-01-01T00:00:00Z",
                "attempt": 1,
                "index": 0,
                "const": {"a": "{{ not a template }}"},
                "expr": 1,
                "secret": "s3cret",
            },
        )

    def test_templates_of_paths(self):
        found = self.inputs(
            {
                "input": {
                    "typed": " {{ up.n }} ",
                    "text": "n={{ up.n }} of {{ up.s }}!",
                    "deep": [{"x": "{{ up }}"}],
                }
            },
            {"n": 5, "s": "seven"},
        )
        self.assertEqual(
            found, {"typed": 5, "text": "n=5 of seven!", "deep": [{"x": {"n": 5, "s": "seven"}}]}
        )

    def test_expressions_are_refused_unless_the_test_gives_the_value(self):
        for task in (
            {"inputs": {"a": {"expr": "up.n + 1"}}},
            {"input": {"a": "{{ up.n | length }}"}},
            {"input": {"a": "x {{ up.f }}"}},
            {"input": {"a": "{% if 1 %}x{% endif %}"}},
            {"input": {"a": "{{ up.gone }}"}},
            {"inputs": {"a": {"secret": "TOKEN"}}},
            {"inputs": {"a": {"ref": "run.version"}}},
        ):
            with self.subTest(task=task), self.assertRaises(Unsupported):
                self.inputs(task, {"n": 1, "f": 1.5})
            self.assertEqual(self.inputs(task, {"n": 1}, say={"inputs": {"t": {"a": 2}}}), {"a": 2})
        # A fake that takes no inputs needs none.
        tasks = {"t": {"command": "x", "inputs": {"a": {"expr": "1 + 1"}}}}
        self.assertTrue(testing.run({"name": "w", "tasks": tasks}, fakes={"t": 5}).ok)

    def test_a_path_to_nothing_fails_the_attempt_for_good(self):
        failed = self.inputs({"inputs": {"a": {"ref": "up.rows"}}, "retries": 3}, {"n": 1})
        self.assertEqual((failed.category, failed.attempts), ("permanent", 1))
        self.assertEqual(
            failed.error, "input `a` of task `t`: `up.rows` has no value: there is no field `rows`, only `n`"
        )

    def test_below_an_upstream_without_success_everything_is_null(self):
        task = {"trigger": "all_done", "inputs": {"a": {"ref": "up.rows.deep"}}, "input_type": {"a": "int"}}
        self.assertEqual(self.inputs(task, ValueError("x")), {"a": None})

    def test_inputs_are_checked_against_their_type(self):
        task = {"inputs": {"a": {"ref": "up"}}, "input_type": {"a": "int", "b": "str?"}}
        self.assertEqual(self.inputs(task, 5), {"a": 5})
        failed = self.inputs(task, "five")
        self.assertEqual(failed.category, "permanent")
        self.assertEqual(
            failed.error, 'the input of task `t`: at `a`: `int` is asked for, found the text "five"'
        )

    def test_a_task_may_not_change_what_others_see(self):
        def vandal(rows):
            rows.clear()

        tasks = {"up": {"command": "x"}}
        for name in "ab":
            tasks[name] = {"command": "x", "depends_on": ["up"], "input": {"rows": "{{ up }}"}}
        run = testing.run(
            {"name": "w", "tasks": tasks}, fakes={"up": [1], "a": vandal, "b": lambda rows: rows}
        )
        self.assertEqual(run.output("b"), [1])


class Params(unittest.TestCase):
    def run_with(self, params, **given):
        tasks = {"t": {"command": "x", "input": {"p": "{{ params.p }}"}}}
        workflow = {"name": "w", "params": {"p": params}, "types": {"Row": {"id": "int"}}, "tasks": tasks}
        return testing.run(workflow, fakes={"t": lambda p: p}, params=given).output("t")

    def test_defaults_are_filled_in_and_types_checked(self):
        self.assertEqual(self.run_with({"type": "int", "default": 3}), 3)
        self.assertEqual(self.run_with({"type": "int", "default": 3}, p=4), 4)
        self.assertIsNone(self.run_with("date?"))
        self.assertEqual(
            self.run_with({"type": "datetime_utc", "default": "{{ slot }}"}), "2026-01-01T00:00:00Z"
        )
        self.assertEqual(self.run_with({"type": ["types.Row"]}, p=[{"id": 1}]), [{"id": 1}])
        with self.assertRaisesRegex(WorkflowError, r"param `p`: it is required \(`int`\)"):
            self.run_with("int")
        with self.assertRaisesRegex(WorkflowError, r"at `\[0\].id`: `int` is asked for, found true"):
            self.run_with({"type": ["types.Row"]}, p=[{"id": True}])
        with self.assertRaisesRegex(Unsupported, r"slot \| date.*params=\{'p': …\}"):
            self.run_with({"type": "date", "default": "{{ slot | date }}"})


class Spellings(unittest.TestCase):
    def test_types(self):
        def problem(spelled, value):
            return Aliases({"Level": "enum[low, high]"}).read(spelled, "it").problem(value)

        for spelled, good, bad in [
            ("str", ["", "x"], [1, None]),
            ("int", [1, -5, 2**64 - 1], [1.0, True, 2**64]),
            ("float", [1, 1.5], [True, "1"]),
            ("bool", [True], [1]),
            ("any", [None, {}, 1], []),
            ("str?", [None, "x"], [1]),
            ("date", ["2026-02-28"], ["2026-02-30", "2026-2-1", "2026-02-28T00:00:00", 5]),
            (
                "datetime_utc",
                ["2026-06-01T02:30:00Z", "2026-06-01T02:30:00.5Z"],
                ["2026-06-01T02:30:00+00:00"],
            ),
            ("datetime_tz", ["2026-06-01T02:30:00Z", "2026-06-01T02:30:00-03:30"], ["2026-06-01T02:30:00"]),
            ("datetime_notz", ["2026-06-01T02:30:00"], ["2026-06-01T25:30:00", "2026-06-01T02:30:00Z"]),
            ("[int]", [[], [1]], [["x"], {}]),
            (["[int]?"], [[None, [1]]], [[1]]),
            ("map[int]", [{}, {"a": 1}], [{"a": "x"}, []]),
            ("enum[a, b]", ["a"], ["c", None]),
            ('enum["a b", c]', ["a b"], ["a"]),
            ("types.Level", ["low"], ["mid"]),
            ("{id: int, tags: [str]?}", [{"id": 1}, {"id": 1, "tags": None}], [{}, {"id": 1, "more": 2}]),
        ]:
            for value in good:
                self.assertIsNone(problem(spelled, value), (spelled, value))
            for value in bad:
                self.assertIsNotNone(problem(spelled, value), (spelled, value))

    def test_durations_are_those_of_the_engine(self):
        for text, millis in [
            ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("1h 30m", 5_400_000), ("2d", 172_800_000),
            ("500ms", 500), ("1m500ms", 60_500), ("300", 300_000), ("", None), ("m", None), ("5 minutes", None),
            ("30m1h", None), ("1s1s", None), ("1.5h", 5_400_000), ("2.5s", 2_500), ("0.0001s", None), ("1.s", None),
            ("1.2.3s", None), ("-5s", None),
        ]:  # fmt: skip
            self.assertEqual(_duration.parse(text), millis, text)
        for millis, text in [
            (850, "850ms"),
            (2500, "2.5s"),
            (300_000, "5m"),
            (90_000, "1m 30s"),
            (5_400_000, "1h 30m"),
        ]:
            self.assertEqual(_duration.show(millis), text)


if __name__ == "__main__":
    unittest.main()
