"""That the version is the same wherever it stands, and that a place that was forgotten is noticed."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import project
import versions


class Versions(unittest.TestCase):
    def test_they_agree(self):
        self.assertEqual(versions.disagreements(), [])

    def changed(self, changed, replace):
        """What is found when a file reads otherwise."""
        return versions.disagreements(lambda name: replace(project.read(name)) if name == changed else project.read(name))

    def test_every_place_is_looked_at(self):
        for name, before in versions.PLACES[1:]:
            with self.subTest(before):
                (wrong, *more) = self.changed(name, lambda text: re.sub(f"({before}){versions.NUMBER}", r"\g<1>9.8.7", text, count=1, flags=re.M))
                self.assertEqual(more, [])
                self.assertRegex(wrong, rf"^{re.escape(name)}:\d+: 9\.8\.7 stands here")

    def test_a_place_that_is_gone_is_noticed(self):
        for name, _ in versions.PLACES[1:]:
            self.assertTrue(self.changed(name, lambda text: "") and "no version was found" in self.changed(name, lambda text: "")[0], name)

    def test_the_changelog(self):
        new = versions.version()
        for headings, word in [
            (["[Unreleased]", f"[{new}] - 2026-01-01", "[0.0.9] - 2025-01-01", "[0.0.9-rc.1] - 2025-01-01"], None),
            ([f"[{new}] - 2026-01-01"], "first heading"),
            (["[Unreleased]", f"[{new}]"], "YYYY-MM-DD"),
            (["[Unreleased]", "[99.0.0] - 2026-01-01"], "above"),
            (["[Unreleased]", "[0.0.8] - 2026-01-01", "[0.0.9] - 2026-01-01"], "go down"),
            (["[Unreleased]", "[0.0.8] - 2026-01-01", "[0.0.8] - 2026-01-01"], "go down"),
        ]:
            with self.subTest(headings):
                found = self.changed("CHANGELOG.md", lambda text: "".join(f"## {heading}\n" for heading in headings))
                self.assertEqual(len(found), 1 if word else 0, found)
                self.assertIn(word or "", "".join(found))

    def test_versions_are_ordered(self):
        order = ["0.9.0", "0.10.0", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-rc.1", "1.0.0", "1.0.1"]
        self.assertEqual(sorted(reversed(order), key=versions.key), order)

    def test_what_is_no_version_is_not_written(self):
        for wrong in ("1.0", "v1.0.0", "1.0.0 ", "", "../x"):
            with self.assertRaises(project.Trouble):
                versions.put(wrong)


if __name__ == "__main__":
    unittest.main()
