"""That the rules of deny.toml hold, and that each of them bites."""

import copy
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import deny
import project

try:
    RULE = deny.rules()
except ImportError:
    RULE = None
    project.skip("the rules about crates", "Python 3.11, or pip install tomli")


def package(name, version="1.0.0", licence="MIT", source="registry+https://github.com/rust-lang/crates.io-index", **more):
    """A package as `cargo metadata` describes it."""
    return {"id": f"{name} {version}", "name": name, "version": version, "license": licence, "source": source, "publish": None, "dependencies": [], **more}


@unittest.skipIf(RULE is None, "there is neither tomllib nor tomli")
class Rules(unittest.TestCase):
    def setUp(self):
        # What deny.toml lets pass is there, and nothing is wrong.
        self.built = {("serde", "1.0.0")}
        for entry in RULE["bans"]["skip"]:
            name, _, number = entry["crate"].partition("@")
            self.built |= {(name, f"{number}.7"), (name, "99.0.0")}
        exceptions = [package(entry["crate"], licence=entry["allow"][0]) for entry in RULE["licenses"]["exceptions"]]
        mine = package("ork-mine", source=None)
        self.data = {"packages": [package("serde"), mine, *exceptions], "workspace_members": [mine["id"]]}
        self.assertEqual(self.offences(), [])

    def offences(self):
        return deny.offences(RULE, self.data, self.built)

    def assertBites(self, *words):
        found = self.offences()
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_the_project_keeps_them(self):
        self.assertEqual(project.run([sys.executable, project.path("shared", "release", "deny.py")]).count("keep the rules"), 1)

    def test_a_banned_crate(self):
        self.data["packages"].append(package("openssl-sys", "0.9.1"))
        self.assertBites("openssl-sys 0.9.1 is banned", "rustls")

    def test_a_second_version(self):
        self.built.add(("serde", "2.0.0"))
        self.assertBites("2 versions of serde", "1.0.0 and 2.0.0")

    def test_what_is_let_pass_without_need(self):
        first = RULE["bans"]["skip"][0]["crate"]
        self.built = {one for one in self.built if one[0] != first.split("@")[0]}
        self.assertBites(first, "take the line out")

    def test_any_version(self):
        mine = self.data["packages"][1]
        mine["dependencies"] = [{"name": "serde", "req": "*", "kind": None}]
        self.assertBites("ork-mine depends on any version of serde")
        mine["dependencies"] = [{"name": "ork-other", "req": "*", "kind": None, "path": "/x"}]
        self.assertBites("ork-mine depends on any version of ork-other")
        mine["publish"] = []
        self.assertEqual(self.offences(), [])

    def test_licences(self):
        for licence, words in [("GPL-3.0-only", "GPL-3.0-only"), (None, "names no licence"), ("MIT AND CC-BY-SA-4.0", "CC-BY-SA-4.0"), ("CDLA-Permissive-2.0", "CDLA")]:
            with self.subTest(licence):
                self.data["packages"][0] = package("serde", licence=licence)
                self.assertBites("serde 1.0.0", words)

    def test_an_exception_without_need(self):
        self.data["packages"] = self.data["packages"][:2]
        self.assertBites("exception", RULE["licenses"]["exceptions"][0]["crate"])

    def test_sources(self):
        self.data["packages"].append(package("forked", source="git+https://example.org/forked#0123"))
        self.assertBites("forked 1.0.0 comes from git+https://example.org/forked#0123")

    def test_expressions(self):
        allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        for expression, met in [
            ("MIT", True), ("GPL-2.0", False), ("GPL-2.0 OR MIT", True), ("GPL-2.0/MIT", True), ("MIT AND ISC", True), ("MIT AND GPL-2.0", False),
            ("GPL-2.0 OR MIT AND ISC", True), ("(GPL-2.0 OR MIT) AND GPL-2.0", False), ("Apache-2.0 WITH LLVM-exception", True), ("Apache-2.0", False),
            ("ISC AND (Apache-2.0 OR ISC)", True),
        ]:  # fmt: skip
            self.assertEqual(deny.permits(expression, allowed), met, expression)
        for broken in ("", "MIT OR", "(MIT", "MIT ISC", "AND", "MIT WITH"):
            with self.assertRaises(project.Trouble, msg=broken):
                deny.permits(broken, allowed)

    def test_a_key_that_is_not_understood(self):
        real = copy.deepcopy(deny.KEYS)
        self.addCleanup(setattr, deny, "KEYS", real)
        deny.KEYS = {**real, "bans": {**real["bans"]}}
        del deny.KEYS["bans"]["wildcards"]
        with self.assertRaisesRegex(project.Trouble, r"\[bans\] wildcards = 'deny' is not understood"):
            deny.rules()


if __name__ == "__main__":
    unittest.main()
