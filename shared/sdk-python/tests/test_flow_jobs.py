"""Deferred jobs of a run in memory."""

import unittest

import paths  # noqa: F401
from ork import BigQueryJob, CustomHttp, defer, testing
from ork.testing import FakeClock, Unsupported, WorkflowError, in_turn

A, B = BigQueryJob("p", "job-a"), BigQueryJob("p", "job-b")


def play(fake, jobs=None, **task):
    workflow = {
        "name": "w",
        "tasks": {"t": {"command": "x", **task}, "next": {"command": "y", "depends_on": ["t"]}},
    }
    return testing.run(workflow, fakes={"t": fake, "next": 1}, jobs=jobs)


class Deferring(unittest.TestCase):
    def test_it_succeeds_with_its_jobs_when_all_are_done(self):
        run = play(lambda: defer(A, B), {"job-a": "done", "job-b": "done"})
        self.assertEqual(run.output("t"), [A.to_dict(), B.to_dict()])
        self.assertEqual((run["t"].finished, run["next"].started), (10, 10))
        self.assertEqual(run["t"].instances[0].jobs, run.output("t"))

    def test_it_fails_when_one_does(self):
        run = play([A, B], {"job-a": "done", "job-b": "failed: quota"})
        self.assertEqual((run["t"].status, run["t"].category), ("failed", "unknown"))
        self.assertEqual(run["t"].error, "deferred job 1 failed: quota")
        self.assertEqual(run["next"].status, "skipped")

    def test_jobs_are_found_by_id_by_place_or_by_number(self):
        http = CustomHttp("https://x.example/1")
        for jobs in (
            {"job-a": "done", "https://x.example/1": "done"},
            {"t/0": "done", "t/1": "done"},
            {0: "done", 1: "done"},
        ):
            self.assertTrue(play([A, http], jobs).ok, jobs)
        self.assertEqual(play(A, {"job-a": "done", 0: "failed"}).status, "success")

    def test_a_function_decides_by_age_and_is_asked_as_the_job_says(self):
        ages = []

        def job(description, age):
            ages.append((description["job_id"], age))
            return "done" if age >= 25 else "running"

        run = play(A, {"job-a": job})
        self.assertEqual((run["t"].finished, ages), (30, [("job-a", 10), ("job-a", 20), ("job-a", 30)]))
        fast = BigQueryJob("p", "job-a", poll_interval="5s")
        self.assertEqual(play(fast, {"job-a": job})["t"].finished, 25)

    def test_a_job_that_never_ends_runs_into_the_timeout(self):
        run = play(A, {"job-a": "running"}, timeout=35, retries=1)
        self.assertEqual(
            (run["t"].category, run["t"].attempts, run["t"].finished), ("timeout", 2, 35 + 1 + 35)
        )
        self.assertEqual(run["t"].error, "its deferred jobs were not done within 35s")

    def test_a_retry_may_start_another_job(self):
        fake = in_turn(A, lambda ctx: B)
        run = play(fake, {"job-a": "failed", "job-b": "done"}, retries=1)
        self.assertEqual((run.status, run["t"].attempts), ("success", 2))

    def test_what_the_test_does_not_say_is_an_error(self):
        with self.assertRaisesRegex(Unsupported, 'job the text "job-a".*jobs=\\{\'job-a\': "done"\\}'):
            play(A)
        with self.assertRaisesRegex(WorkflowError, 'expected "done"'):
            play(A, {"job-a": "finished"})
        with self.assertRaisesRegex(WorkflowError, "has no `service_type`"):
            play({"deferred": [{"id": 1}]}, {0: "done"})

    def test_too_many_jobs_are_a_permanent_failure_and_none_is_an_output(self):
        run = play({"deferred": [{"service_type": "x"}] * 65}, retries=3)
        self.assertEqual((run["t"].category, run["t"].attempts), ("permanent", 1))
        self.assertEqual(play({"deferred": []}).output("t"), {"deferred": []})

    def test_it_holds_its_place_while_it_waits(self):
        clock = FakeClock()
        tasks = {"t": {"command": "x", "parallel": 3, "concurrency": 1}}
        run = testing.run({"name": "w", "tasks": tasks}, fakes={"t": A}, jobs={"job-a": "done"}, clock=clock)
        self.assertEqual(run.duration, 30)


if __name__ == "__main__":
    unittest.main()
