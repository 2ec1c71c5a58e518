"""The examples of the repository, played in memory with their own functions: they must end as the engine is tested to end them."""

import importlib.util
import json
import os
import tempfile
import unittest

import optional
import paths
from ork import TransientError, testing
from ork._flow_read import read_file

try:
    import yaml
except ImportError:
    yaml = None
NO_YAML = yaml is None and optional.skipped("the examples in memory", "PyYAML is not installed")
EXAMPLES = os.path.join(os.path.dirname(paths.HERE), "..", "..", "examples")
HERE = os.path.isdir(EXAMPLES)


@unittest.skipIf(NO_YAML, "PyYAML is not installed")
@unittest.skipUnless(HERE, "the examples are not beside the SDK")
class Examples(unittest.TestCase):
    def play(self, example, expected, file, fakes=(), **given):
        """The run of an example whose Python tasks are themselves, compared with what the engine's tests expect."""
        folder = os.path.join(EXAMPLES, example)
        spec = importlib.util.spec_from_file_location(f"example_{file[:-3]}", os.path.join(folder, file))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        workflow = testing.Workflow.load(os.path.join(folder, "workflow.yaml"))
        document = read_file(os.path.join(folder, "workflow.yaml"))
        own = {}
        for name, task in workflow.tasks.items():
            function = document["tasks"][name].get("function")
            if not task.is_marker and function:
                own[name] = getattr(module, function)
        # They may write beside the workflow file.
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            try:
                run = testing.run(workflow, fakes={**own, **dict(fakes)}, **given)
            finally:
                os.chdir(before)
        with open(os.path.join(folder, "expected", expected), encoding="utf-8") as text:
            self.compare(json.load(text), run.to_dict(), expected)
        return run

    def compare(self, expected, found, path):
        """Everything that is expected is there; there may be more."""
        if isinstance(expected, dict) and isinstance(found, dict):
            for name, value in expected.items():
                self.assertIn(name, found, path)
                self.compare(value, found[name], f"{path}.{name}")
        else:
            self.assertEqual(found, expected, path)

    def test_branches_and_joins(self):
        self.play("branches-and-joins", "output.json", "weather.py")

    def test_conditions(self):
        def when(total, country):
            return {
                "small": total < 100,
                "large": total >= 100,
                "customs": country not in ("PT", "ES", "FR", "DE"),
            }

        # The only expression among the inputs: `tasks.small.output or tasks.large.output`.
        for expected, parcel, total, country, payment in [
            ("output.json", "parcel", 120, "PT", "ok"),
            ("small-abroad.json", "letter", 20, "BR", "ok"),
            ("declined.json", "parcel", 120, "PT", "declined"),
        ]:
            params = {"total": total, "country": country, "payment": payment}
            run = self.play(
                "conditions",
                expected,
                "order.py",
                params=params,
                when=when(total, country),
                inputs={"charge": {"parcel": {"by": parcel}}},
            )
        self.assertEqual(run["ship"].reason, "upstream charge failed")
        self.assertEqual(run["customs"].reason, "its `when` is false")

    def test_fan_out(self):
        self.play("fan-out", "output.json", "sensors.py")

    def test_retries(self):
        upload = {"upload": testing.in_turn(TransientError("busy"), {"uploaded": True})}
        run = self.play("retries", "output.json", "flaky.py", upload)
        self.assertAlmostEqual(run["fetch"].finished, 0.05 + 0.1)
        self.assertAlmostEqual(run["upload"].finished, 0.15 + 0.02)
        self.play("retries", "permanent.json", "flaky.py", upload, params={"address": "Rua Augusta"})

    def test_typed(self):
        self.play(
            "typed",
            "output.json",
            "invoices.py",
            params={"day": "2026-06-01"},
            inputs={"letter": {"customers": 2}},
        )


if __name__ == "__main__":
    unittest.main()
