"""A whole release of an `ork` that is there already: what is in it, that it installs, works and goes without a trace.

`ORK_COMMAND` names the program; the Makefile gives it the one that the Rust tests built.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import binary
import project
import versions

ORK = os.environ.get("ORK_COMMAND", "")
MISSING = None
if not os.path.isfile(ORK):
    MISSING = "there is no program that ORK_COMMAND names: make build-all"
else:
    MISSING = next((f"pip install {name}" for name in ("hatchling", "venv", "pip") if importlib.util.find_spec(name) is None), None)
if MISSING:
    project.skip("the release as a whole", MISSING)

WORKFLOW = """\
name: where
tasks:
  tell:
    executor: python
    file: where.py
    function: tell
"""
TASK = """\
import sys

def tell():
    import only_here
    return [sys.prefix, only_here.WORD]
"""


@unittest.skipIf(MISSING, f"skipped: {MISSING}")
class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.version, cls.target = versions.version(), binary.host()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.out = os.path.join(folder.name, "dist")
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "ORK_", "VIRTUAL_ENV"))}
        make = [sys.executable, project.path("shared", "release", "release.py"), "--out", cls.out, "--built", os.path.dirname(ORK), "--only", "ork"]
        # Whenever the sources are no repository, as in an unpacked archive.
        cls.said = project.run(make, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
        (cls.wheel,) = [name for name in os.listdir(cls.out) if name.startswith("ork_cli-")]

    def test_everything_is_there_and_summed_up(self):
        self.assertRegex(self.wheel, rf"^ork_cli-{self.version}-py3-none-manylinux_2_\d+_\w+\.whl$")
        wanted = {
            "SHA256SUMS",
            f"ork-{self.version}-{self.target}.tar.gz",
            f"ork_sdk-{self.version}-py3-none-any.whl",
            f"ork_sdk-{self.version}.tar.gz",
            self.wheel,
        }
        self.assertEqual(set(os.listdir(self.out)), wanted)
        said = project.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=self.out)
        self.assertEqual(said.count(": OK\n"), len(wanted) - 1)

    def test_the_archive(self):
        folder = f"ork-{self.version}-{self.target}"
        with tarfile.open(os.path.join(self.out, f"{folder}.tar.gz")) as archive:
            members = {one.name: one for one in archive}
            for name in ("ork", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY-LICENSES.txt", "man/man1/ork.1", "man/man1/ork-run-list.1"):
                self.assertIn(f"{folder}/{name}", members)
            for name, word in [("ork.bash", "complete -F"), ("_ork", "#compdef ork"), ("ork.fish", "complete -c ork")]:
                text = archive.extractfile(f"{folder}/completions/{name}").read().decode()
                self.assertIn(word, text)
            licences = archive.extractfile(f"{folder}/THIRD-PARTY-LICENSES.txt").read().decode()
        self.assertEqual({one.mtime for one in members.values()}, {1_700_000_000})
        self.assertEqual({name for name, one in members.items() if one.mode & 0o111}, {f"{folder}/ork"})
        self.assertEqual(members[f"{folder}/ork"].size, os.path.getsize(ORK))
        for words in ("\nserde 1.", "\nrusqlite ", "\nhtmx (in the pages) ", "Apache License", "Permission is hereby granted"):
            self.assertTrue(words in licences, f"{words!r} is not in THIRD-PARTY-LICENSES.txt")
        # The GPL is one of two licences of zstd, and not the one by which it is in here.
        self.assertFalse("GNU GENERAL PUBLIC LICENSE" in licences, "the GPL is named")
        self.assertFalse("\nclap_derive " in licences, "macros are not linked into the program")

    def test_the_source_package_stands_alone(self):
        with tarfile.open(os.path.join(self.out, f"ork_sdk-{self.version}.tar.gz")) as archive:
            names = {one.name.partition("/")[2] for one in archive}
            self.assertEqual([one.name for one in archive if not one.isfile()], [])
        for name in ("PKG-INFO", "LICENSE-MIT", "LICENSE-APACHE", "src/ork/__init__.py"):
            self.assertIn(name, names)

    def test_it_installs_works_and_goes(self):
        home = os.path.join(self.folder, "env")
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        python, ork = os.path.join(home, "bin", "python"), os.path.join(home, "bin", "ork")
        before = files(home)

        def pip(*words):
            project.run([python, "-m", "pip", *words, "--disable-pip-version-check"], env=self.environment)

        pip("install", "--no-index", "--find-links", self.out, "ork-cli")
        site = project.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
        self.assertEqual(project.run([ork, "--version"]), f"ork {self.version}\n")
        code = "import ork, sys; assert ork.__file__.startswith(sys.prefix), ork.__file__; print(ork.__version__)"
        self.assertEqual(project.run([python, "-c", code], cwd=self.folder), f"{self.version}\n")
        self.runs_in_its_environment(home, ork, site)
        self.runs_an_example_of_another_folder(ork)
        pip("uninstall", "--yes", "ork-cli", "ork-sdk")
        os.remove(os.path.join(site, "only_here.py"))
        self.assertEqual(files(home) - before, set())
        self.assertNotEqual(before, set())

    def runs_in_its_environment(self, home, ork, site):
        """A task has what is installed beside `ork`, whether that is started by its path or stands first on PATH."""
        with open(os.path.join(site, "only_here.py"), "w", encoding="utf-8") as file:
            file.write("WORD = 'found'\n")
        work = os.path.join(self.folder, "work")
        os.mkdir(work)
        for name, text in [("where.yaml", WORKFLOW), ("where.py", TASK)]:
            with open(os.path.join(work, name), "w", encoding="utf-8") as file:
                file.write(text)
        active = {**self.environment, "PATH": os.path.join(home, "bin") + os.pathsep + self.environment["PATH"]}
        for command, environment in [(ork, self.environment), ("ork", active), (os.path.relpath(ork, work), self.environment)]:
            with self.subTest(command):
                # subprocess looks for a program on the PATH of this process, `env` on the one that it is given.
                said = project.run(["env", command, "execute", "--file", "where.yaml", "--json"], cwd=work, env=environment)
                self.assertEqual(json.loads(said)["tasks"]["tell"]["output"], [home, "found"])

    def runs_an_example_of_another_folder(self, ork):
        """An example of the project, from a folder that is not its own."""
        state = os.path.join(self.folder, "state")
        project.run([ork, "execute", "--file", project.path("examples", "fan-out", "workflow.yaml"), "--state", state], cwd=self.folder, env=self.environment)


def files(folder):
    """Every file below a folder, compiled Python apart."""
    return {os.path.join(at, name) for at, _, names in os.walk(folder) if "__pycache__" not in at for name in names}


if __name__ == "__main__":
    unittest.main()
