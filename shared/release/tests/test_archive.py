"""Archives and checksums, made of files that stand for programs."""

import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import archive
import binary
import project


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def made(self, name, entries):
        archive.tar_gz(self.path(name), "ork-1", entries, 1_700_000_000)
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_the_same_files_make_the_same_bytes(self):
        program = self.path("program")
        with open(program, "wb") as file:
            file.write(b"\x7fELF")
        entries = [("ork", program, True), ("README.md", b"read", False), ("man/man1/ork.1", b"page", False)]
        first = self.made("a.tar.gz", entries)
        os.utime(program, (1, 1))
        os.chmod(program, 0o600)
        again = self.made("b.tar.gz", entries[::-1])
        self.assertEqual(first, again)
        self.assertNotEqual(first, self.made("c.tar.gz", entries[:2]))
        with tarfile.open(self.path("a.tar.gz")) as opened:
            found = [(one.name, one.mode, one.uid, one.gid, one.uname, one.gname, one.mtime, one.size) for one in opened]
        nobody = (0, 0, "", "", 1_700_000_000)
        self.assertEqual(
            found,
            [("ork-1/README.md", 0o644, *nobody, 4), ("ork-1/man/man1/ork.1", 0o644, *nobody, 4), ("ork-1/ork", 0o755, *nobody, 4)],
        )

    def test_two_entries_of_one_name_are_refused(self):
        with self.assertRaisesRegex(project.Trouble, "one name"):
            self.made("a.tar.gz", [("ork", b"", True), ("ork", b"", True)])

    def test_checksums_are_those_that_sha256sum_takes(self):
        for name in ("b", "a"):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(name)
        archive.checksums(self.folder)
        archive.checksums(self.folder)
        with open(self.path("SHA256SUMS"), encoding="utf-8") as file:
            self.assertEqual([line.split("  ")[1] for line in file], ["a\n", "b\n"])
        check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        self.assertEqual(project.run(check, cwd=self.folder), "a: OK\nb: OK\n")
        with open(self.path("a"), "w", encoding="utf-8") as file:
            file.write("changed")
        self.assertEqual(subprocess.run(check, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode, 1)


class Platforms(unittest.TestCase):
    def test_what_this_machine_s_programs_need_is_found(self):
        libraries, needed = binary.needs(os.path.realpath("/bin/sh"))
        self.assertIn("libc.so.6", libraries)
        self.assertRegex(needed, r"^2\.\d+")
        self.assertEqual(binary.check(os.path.realpath("/bin/sh"), "2.99"), needed)
        with self.assertRaisesRegex(project.Trouble, f"needs version {needed} of the GNU C library, and 2.2 was asked for"):
            binary.check(os.path.realpath("/bin/sh"), "2.2")

    def test_the_platform_is_the_one_that_is_needed(self):
        for target, needed, platform in [
            ("x86_64-unknown-linux-gnu", "2.34", "manylinux_2_34_x86_64"),
            ("aarch64-unknown-linux-gnu", "2.9", "manylinux_2_17_aarch64"),
            ("x86_64-unknown-linux-gnu", None, "manylinux_2_17_x86_64"),
        ]:
            self.assertEqual(binary.wheel_platform(target, needed), platform)
        for target in ("x86_64-unknown-linux-musl", "aarch64-apple-darwin"):
            with self.assertRaisesRegex(project.Trouble, "have not been tried"):
                binary.wheel_platform(target, None)

    def test_libraries_that_are_not_everywhere_are_refused(self):
        self.addCleanup(setattr, binary, "needs", binary.needs)
        binary.needs = lambda program: (["libc.so.6", "ld-linux-x86-64.so.2", "libssl.so.3"], "2.17")
        with self.assertRaisesRegex(project.Trouble, "libssl.so.3, which is not on every Linux"):
            binary.check("ork", None)

    def test_folders_of_this_machine_are_found_in_a_program(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\0" + project.ROOT.encode() + b"/shared/cli/src/main.rs\0")
            file.flush()
            self.assertEqual(binary.names_of_this_machine(file.name), [project.ROOT])
            file.truncate(0)
            self.assertEqual(binary.names_of_this_machine(file.name), [])


if __name__ == "__main__":
    unittest.main()
