"""Whole workflows in memory: order, trigger rules, retries, fan-out, time."""

import unittest

import paths  # noqa: F401
import ork
from ork import testing
from ork.testing import FakeClock, Unsupported, Workflow, WorkflowError, in_turn


def flow(tasks, **more):
    """A workflow of process tasks: `{name: {…}}`, or `{name: [upstream, …]}`."""
    written = {}
    for name, task in tasks.items():
        task = {"depends_on": task} if isinstance(task, list) else dict(task)
        written[name] = {"command": "x", **task}
    return Workflow({"name": "w", "tasks": written, **more})


def statuses(run):
    return {name: task.status for name, task in run.tasks.items()}


class Order(unittest.TestCase):
    def test_follows_the_dependencies_whatever_the_order_of_the_file(self):
        seen = []
        fakes = {name: (lambda name=name: seen.append(name)) for name in "abcd"}
        run = testing.run(flow({"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []}), fakes=fakes)
        self.assertEqual((run.status, seen, run.order), ("success", list("abcd"), list("abcd")))

    def test_a_dict_will_do_and_values_are_outputs(self):
        tasks = {
            "a": {"command": "x"},
            "b": {"command": "y", "depends_on": "a", "input": {"n": "{{ a.rows[1] }}"}},
        }
        run = testing.run({"name": "w", "tasks": tasks}, fakes={"a": {"rows": [1, 2]}, "b": lambda n: n + 1})
        self.assertEqual(run.output("b"), 3)
        self.assertEqual(
            run.to_dict(),
            {
                "run_id": "test-run",
                "status": "success",
                "tasks": {
                    "a": {"status": "success", "attempts": 1, "output": {"rows": [1, 2]}, "error": None},
                    "b": {"status": "success", "attempts": 1, "output": 3, "error": None},
                },
            },
        )

    def test_a_marker_needs_no_fake_and_takes_no_time(self):
        run = testing.run(
            {"name": "w", "tasks": {"m": None, "a": {"command": "x", "depends_on": ["m"]}}}, fakes={"a": 1}
        )
        self.assertEqual((run["m"].status, run["m"].attempts, run["m"].output), ("success", 1, None))
        with self.assertRaisesRegex(WorkflowError, "is a marker"):
            testing.run({"name": "w", "tasks": {"m": None}}, fakes={"m": 1})

    def test_a_long_chain_is_no_trouble(self):
        tasks = {f"t{i}": {"depends_on": [f"t{i - 1}"] if i else []} for i in range(3000)}
        self.assertTrue(testing.run({"name": "w", "tasks": tasks}).ok)

    def test_priority_goes_first_among_the_ready(self):
        run = testing.run(
            flow({"a": {}, "b": {"priority": 5}, "c": {"priority": -1}}), fakes=dict.fromkeys("abc", 0)
        )
        self.assertEqual(run.order, ["b", "a", "c"])

    def test_side_by_side_attempts_take_the_time_of_the_longest(self):
        clock = FakeClock("2026-03-01T10:00:00+02:00")
        seen = []

        def work(seconds):
            def task():
                seen.append(clock.now().isoformat())
                clock.advance(seconds)

            return task

        run = testing.run(
            flow({"a": [], "b": [], "c": ["a", "b"]}),
            fakes={"a": work(5), "b": work(3), "c": work(2)},
            clock=clock,
        )
        self.assertEqual(run.duration, 7)
        self.assertEqual([run[n].finished for n in "abc"], [5, 3, 7])
        self.assertEqual(seen, ["2026-03-01T08:00:00+00:00"] * 2 + ["2026-03-01T08:00:05+00:00"])
        self.assertEqual(clock.monotonic(), 7)

    def test_a_pool_and_concurrency_make_them_wait(self):
        clock = FakeClock()
        tasks = {"a": {"pool": "p"}, "b": {"pool": "p"}, "c": {"pool": "p"}}
        work = lambda **_: clock.advance(10)  # noqa: E731
        fakes = dict.fromkeys("abc", work)
        self.assertEqual(testing.run(flow(tasks), fakes=fakes, clock=clock).duration, 30)
        self.assertEqual(testing.run(flow(tasks), fakes=fakes, clock=clock, pools={"p": 2}).duration, 20)
        fan = flow({"f": {"parallel": 6, "concurrency": 2}})
        self.assertEqual(testing.run(fan, fakes={"f": work}, clock=clock).duration, 30)


class Failing(unittest.TestCase):
    def test_what_depends_on_a_failure_is_skipped_with_where_it_began(self):
        run = testing.run(flow({"a": [], "b": ["a"], "c": ["b"]}), fakes={"a": ValueError("no")})
        self.assertEqual(statuses(run), {"a": "failed", "b": "skipped", "c": "skipped"})
        self.assertEqual((run.status, run["c"].error), ("failed", "upstream a failed"))
        self.assertEqual((run["a"].error, run["a"].category), ("ValueError: no", "unknown"))
        with self.assertRaisesRegex(testing.TaskFailed, "task `a` is failed: ValueError: no"):
            run.output("a")

    def test_trigger_rules(self):
        # The ends of two upstreams, and what becomes of a task with each rule.
        ends = {"s": 0, "f": ValueError("x")}
        for first, second, expected in [
            ("s", "s", "run run run skip run run"),
            ("s", "f", "skip run run run skip run"),
            ("f", "f", "skip run skip run skip run"),
            ("s", "k", "skip run run skip run run"),
            ("k", "k", "skip run skip skip run run"),
            ("f", "k", "skip run skip run skip run"),
            ("u", "s", "skip run run run skip run"),
        ]:
            rules = ["all_success", "all_done", "one_success", "one_failed", "none_failed", "always"]
            for rule, what in zip(rules, expected.split()):
                with self.subTest(first=first, second=second, rule=rule):
                    # k: skipped by its own `when`; u: skipped because something above it failed.
                    tasks = {"bad": {}, "t": {"depends_on": ["x", "y"], "trigger": rule}}
                    fakes = {"bad": ValueError("x"), "t": 1}
                    for name, end in (("x", first), ("y", second)):
                        tasks[name] = (
                            {"when": False} if end == "k" else {"depends_on": ["bad"]} if end == "u" else {}
                        )
                        fakes[name] = ends.get(end, 0)
                    run = testing.run(flow(tasks), fakes=fakes)
                    self.assertEqual(run["t"].status, {"run": "success", "skip": "skipped"}[what])

    def test_some_rules_do_not_wait(self):
        clock = FakeClock()
        tasks = {
            "quick": {},
            "slow": {},
            "one": {"depends_on": ["quick", "slow"], "trigger": "one_success"},
            "all": {"depends_on": ["quick", "slow"], "on_failure": "run"},
        }
        fakes = {"quick": 1, "slow": lambda: clock.advance(60), "one": 1, "all": 1}
        run = testing.run(flow(tasks), fakes=fakes, clock=clock)
        self.assertEqual((run["one"].finished, run["all"].finished), (0, 60))

    def test_retries_wait_on_the_clock(self):
        for retries, attempts, finished in [
            (0, 1, 0),
            (3, 4, 1 + 2 + 4),
            ({"max": 3, "delay": "2s", "backoff": "fixed"}, 4, 6),
            ({"max": 4, "delay": "500ms", "max_delay": "1s"}, 5, 3.5),
            ({"max": 3, "on": ["transient"]}, 1, 0),
            ({"max": 1, "on": ["unknown"]}, 2, 1),
        ]:
            with self.subTest(retries=retries):
                run = testing.run(flow({"a": {"retries": retries}}), fakes={"a": ValueError})
                self.assertEqual((run["a"].attempts, run["a"].finished), (attempts, finished))

    def test_each_attempt_may_end_otherwise(self):
        fake = in_turn(ork.TransientError("busy"), ValueError, lambda ctx: ctx.attempt)
        run = testing.run(flow({"a": {"retries": 5}}), fakes={"a": fake})
        self.assertEqual((run.output("a"), run["a"].attempts, run["a"].error), (3, 3, None))

    def test_a_permanent_failure_is_never_tried_again(self):
        for fake in (ork.PermanentError("x"), lambda nobody: None, lambda: {1, float("nan")}):
            run = testing.run(flow({"a": {"retries": 5}}), fakes={"a": fake})
            self.assertEqual((run["a"].attempts, run["a"].category), (1, "permanent"))

    def test_longer_than_the_timeout_is_a_failure_at_the_timeout(self):
        clock = FakeClock()
        fakes = {"a": lambda: clock.advance(100)}
        run = testing.run(flow({"a": {"timeout": "1m30s", "retries": 1}}), fakes=fakes, clock=clock)
        self.assertEqual((run["a"].category, run["a"].finished), ("timeout", 90 + 1 + 90))
        self.assertEqual(run["a"].error, "ran longer than its timeout of 1m 30s and was stopped")

    def test_a_fake_that_exits_ends_its_attempt_only(self):
        def leaves():
            raise SystemExit(75)

        run = testing.run(flow({"a": {"retries": 1}}), fakes={"a": in_turn(leaves, 5)})
        self.assertEqual((run.output("a"), run["a"].attempts), (5, 2))

    def test_what_it_printed_and_measured_is_kept(self):
        def task(ctx):
            print("hello", ctx.attempt)
            ctx.log.info("note")
            ctx.metrics.count("rows", 2)
            raise ork.TransientError("x")

        one = testing.run(flow({"a": {"retries": 1}}), fakes={"a": task})["a"].instances[0]
        self.assertEqual(one.stdout, "hello 1\nhello 2\n")
        self.assertIn("INFO note", one.stderr)
        self.assertEqual(len(one.metrics), 2)

    def test_an_output_that_is_too_large_or_too_deep_is_a_permanent_failure(self):
        deep = []
        for _ in range(120):
            deep = [deep]
        for output, message in [
            ("x" * (10 << 20), "the output has 10485762 bytes"),
            (deep, "deeper than 120 levels"),
        ]:
            run = testing.run(flow({"a": {"retries": 2}}), fakes={"a": lambda output=output: output})
            self.assertEqual((run["a"].category, run["a"].attempts), ("permanent", 1))
            self.assertIn(message, run["a"].error)
        self.assertTrue(testing.run(flow({"a": {}}), fakes={"a": deep[0]}).ok)


class FanningOut(unittest.TestCase):
    def test_one_instance_per_item_and_a_list_behind_it(self):
        tasks = {
            "list": {},
            "each": {
                "depends_on": ["list"],
                "foreach": "list",
                "input": {"n": "{{ item }}", "at": "{{ item.index }}"},
            },
            "sum": {"depends_on": ["each"], "input": {"all": "{{ each }}"}},
        }
        seen = []

        def each(n, at, ctx):
            seen.append((ctx.task_id, ctx.parallel_index, ctx.parallel_count, at))
            return n * 10

        run = testing.run(flow(tasks), fakes={"list": [3, 1, 2], "each": each, "sum": lambda all: sum(all)})
        self.assertEqual((run.output("each"), run.output("sum")), ([30, 10, 20], 60))
        self.assertEqual(seen, [(f"test-run/each.{i}", i, 3, i) for i in range(3)])

    def test_nothing_to_do_is_success_with_an_empty_list(self):
        run = testing.run(
            flow({"l": {}, "e": {"depends_on": ["l"], "foreach": "tasks.l.output.rows"}}),
            fakes={"l": {"rows": []}, "e": 1},
        )
        self.assertEqual((run.status, run.output("e"), run["e"].instances), ("success", [], []))

    def test_batches_and_parallel_multiply(self):
        tasks = {
            "e": {"foreach": "params.all", "batch": 2, "parallel": 2, "input": {"part": {"of": "{{ item }}"}}}
        }
        seen = []

        def each(part, ctx):
            seen.append((part["of"], ctx.parallel_index, ctx.parallel_count, ctx.index))

        testing.run(flow(tasks, params={"all": [["int"]][0]}), fakes={"e": each}, params={"all": [1, 2, 3]})
        self.assertEqual(seen, [([1, 2], 0, 2, 0), ([1, 2], 1, 2, 1), ([3], 0, 2, 2), ([3], 1, 2, 3)])

    def test_some_may_fail(self):
        def each(ctx):
            if ctx.parallel_index in (1, 2):
                raise ValueError("x")
            return ctx.parallel_index

        for tolerate, status, output in [
            (0, "failed", None),
            (1, "failed", None),
            (2, "success", [0, None, None, 3]),
        ]:
            run = testing.run(flow({"e": {"parallel": 4, "tolerate": tolerate}}), fakes={"e": each})
            self.assertEqual((run["e"].status, run["e"].value), (status, output))
        for share, status in [("49.99%", "failed"), ("50%", "success")]:
            run = testing.run(flow({"e": {"parallel": 4, "tolerate": share}}), fakes={"e": each})
            self.assertEqual(run["e"].status, status)

    def test_what_cannot_fan_out_fails_without_an_attempt(self):
        for output, key, message in [
            ({"a": 1}, "foreach", "`foreach` must be a list, it is an object"),
            (None, "foreach", "null (its task gave no output)"),
            (True, "parallel", "`parallel` must be a whole number from 0, it is true"),
            (100_001, "parallel", "it would have 100001 instances"),
        ]:
            run = testing.run(
                flow({"l": {}, "e": {"depends_on": ["l"], key: "l"}}), fakes={"l": output, "e": 1}
            )
            self.assertEqual(
                (run["e"].status, run["e"].attempts, run["e"].category), ("failed", 0, "permanent")
            )
            self.assertIn(message, run["e"].error)

    def test_three_thousand_instances_few_at_a_time(self):
        run = testing.run(
            flow({"e": {"parallel": 3000, "concurrency": 4}}), fakes={"e": lambda ctx: ctx.index}
        )
        self.assertEqual(run.output("e"), list(range(3000)))


class Conditions(unittest.TestCase):
    def test_a_fake_decides_what_an_expression_would(self):
        workflow = flow({"a": {}, "b": {"depends_on": ["a"], "when": "a.rows > 5"}, "c": ["b"]})
        fakes = {"a": {"rows": 9}, "b": 1, "c": 1}
        run = testing.run(
            workflow, fakes=fakes, when={"b": lambda seen: seen["tasks"]["a"]["output"]["rows"] > 5}
        )
        self.assertEqual(run.status, "success")
        run = testing.run(workflow, fakes=fakes, when={"b": False})
        self.assertEqual(
            (run.status, statuses(run)), ("success", {"a": "success", "b": "skipped", "c": "skipped"})
        )
        self.assertEqual(
            (run["b"].reason, run["c"].reason), ("its `when` is false", "upstream b was skipped")
        )

    def test_undecided_it_is_an_error_that_says_so(self):
        with self.assertRaisesRegex(Unsupported, r"task `b`: .*`when: 1 < 2`.*when=\{'b': True\}"):
            testing.run(flow({"b": {"when": "1 < 2"}}), fakes={"b": 1})
        with self.assertRaisesRegex(WorkflowError, "expected True or False, found the number 1"):
            testing.run(flow({"b": {"when": "1 < 2"}}), fakes={"b": 1}, when={"b": 1})

    def test_names_that_do_not_exist_are_errors(self):
        for given, message in [
            ({"fakes": {"extrat": 1}}, "no task `extrat`; did you mean `extract`"),
            ({"when": {"extract": True}}, "task `extract` has no `when`"),
            ({"inputs": {"extract": {"x": 1}}}, "has no input `x`"),
            ({"params": {"day": 1}}, "has no param `day`"),
            ({}, "task `extract` is run and has no fake"),
            ({"pools": {"p": 0}}, "pool `p`"),
        ]:
            with self.subTest(given=given), self.assertRaisesRegex(WorkflowError, message):
                testing.run(flow({"extract": {}}), **given)

    def test_a_deadline_that_is_reached_is_not_played(self):
        clock = FakeClock()
        fakes = {"a": lambda: clock.advance(50)}
        self.assertTrue(testing.run(flow({"a": {}}, deadline="1m"), fakes=fakes, clock=clock).ok)
        with self.assertRaisesRegex(Unsupported, "its deadline of 40s"):
            testing.run(flow({"a": {}}, deadline=40), fakes=fakes, clock=clock)


if __name__ == "__main__":
    unittest.main()
