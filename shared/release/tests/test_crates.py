"""What is published on crates.io: which crates, what they say of themselves, what is in them."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import binary
import crates
import project

# `cargo install ork-cli` needs all of these; ork-sdk and its macros are for authors of tasks.
PUBLISHED = {
    "ork-api",
    "ork-cli",
    "ork-core",
    "ork-engine",
    "ork-gcp",
    "ork-graph",
    "ork-library-host",
    "ork-local",
    "ork-outgoing",
    "ork-sdk",
    "ork-sdk-macros",
    "ork-telemetry",
}

# Beside sources: what they include, and cargo's own.
ALWAYS = {"Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE"}
FOLDERS = {"ork-api": {"src", "assets", "templates"}}


class Crates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        data = crates.metadata(binary.host())
        cls.ours = {one["name"]: one for one in data["packages"] if one["id"] in set(data["workspace_members"])}

    def test_those_that_are_published_are_listed_here(self):
        self.assertEqual({name for name, one in self.ours.items() if one["publish"] != []}, PUBLISHED)

    def test_they_say_what_the_registry_asks_for(self):
        for name in sorted(PUBLISHED):
            for key in ("description", "license", "readme", "keywords", "categories", "rust_version"):
                self.assertTrue(self.ours[name][key], f"{name} has no {key}")
            self.assertLessEqual(len(self.ours[name]["keywords"]), 5, name)

    def test_they_need_only_each_other_in_exactly_their_version(self):
        for name in sorted(PUBLISHED):
            for one in self.ours[name]["dependencies"]:
                if "path" in one and one["kind"] != "dev":
                    self.assertIn(one["name"], PUBLISHED, name)
                    self.assertEqual(one["req"], f"={self.ours[one['name']]['version']}", f"{name} needs {one['name']}")

    def test_what_is_in_them(self):
        for name in sorted(PUBLISHED):
            with self.subTest(name):
                command = [*project.cargo(), "package", "--list", "--locked", "--offline", "--allow-dirty", "--package", name]
                listed = set(project.run(command, cwd=project.ROOT).split())
                # Cargo makes Cargo.lock for programs, and vcs_info in a repository.
                self.assertEqual(ALWAYS - {"Cargo.lock", ".cargo_vcs_info.json"} - listed, set())
                other = {file for file in listed - ALWAYS if file.partition("/")[0] not in FOLDERS.get(name, {"src"})}
                self.assertEqual(other, set())
                if name == "ork-local":
                    package = {os.path.basename(file) for file in listed if "/python/package/" in file}
                    here = set(os.listdir(project.path("shared", "sdk-python", "src", "ork"))) - {"__pycache__"}
                    self.assertEqual(package, here)


if __name__ == "__main__":
    unittest.main()
