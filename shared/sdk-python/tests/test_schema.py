"""Schemas of a file's task functions."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

import paths


def describe(source, python=sys.executable, by_path=False):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "tasks.py")
        with open(file, "w", encoding="utf-8") as out:
            out.write(textwrap.dedent(source))
        entry = [os.path.join(paths.SRC, "ork", "_schema.py")] if by_path else ["-m", "ork._schema"]
        done = subprocess.run(
            [python, *entry, file],
            env={**os.environ, "PYTHONPATH": "" if by_path else paths.SRC, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr.decode()


class Schemas(unittest.TestCase):
    maxDiff = None

    def test_of_every_kind_of_annotation(self):
        code, document, _ = describe('''
            from __future__ import annotations
            import datetime, enum, typing, dataclasses
            from typing import Dict, List, Optional, Literal, TypedDict
            import json
            from ork import Context

            class Color(enum.Enum):
                RED = "red"
                BLUE = "blue"

            @dataclasses.dataclass
            class Row:
                id: int
                tags: List[str]
                color: Color = Color.RED

            class Page(TypedDict):
                rows: List[Row]
                next: Optional[str]

            def extract(day: datetime.date, at: datetime.datetime, n: int = 3, ctx: Context = None) -> Page:
                """Gets rows."""

            def load(row: Row) -> None: ...
            def mixed(kind: Literal["a", "b"], ratio: float, flags: Dict[str, bool], anything, **rest): ...
            def _private(): ...
            print("printed while importing")
        ''')
        self.assertEqual(code, 0, document)
        extract, load, mixed = document["tasks"]
        self.assertEqual((extract["name"], extract["line"], extract["doc"]), ("extract", 22, "Gets rows."))
        self.assertEqual(extract["ork_input_type"], "{day: date, at: datetime_tz, n: int?}")
        self.assertEqual(
            extract["ork_output_type"],
            "{rows: [{id: int, tags: [str], color: enum[red, blue]?}], next: str?}",
        )
        self.assertEqual(extract["input_schema"]["properties"]["day"], {"type": "string", "format": "date"})
        self.assertEqual(extract["input_schema"]["required"], ["day", "at"])
        self.assertEqual(extract["output_schema"]["$ref"], "#/$defs/Page")
        self.assertEqual(extract["output_schema"]["$defs"]["Row"]["required"], ["id", "tags"])
        self.assertEqual(load["ork_input_type"], "{id: int, tags: [str], color: enum[red, blue]?}")
        self.assertEqual(load["output_schema"], {"type": "null"})
        self.assertEqual(
            mixed["ork_input_type"], "{kind: enum[a, b], ratio: float, flags: map[bool], anything: any}"
        )
        self.assertIs(mixed["input_schema"]["additionalProperties"], True)
        self.assertEqual(mixed["input_schema"]["properties"]["kind"], {"enum": ["a", "b"]})

    def test_only_marked_functions_when_there_are_any(self):
        for by_path in (False, True):
            code, document, _ = describe(
                """
                from ork import task
                def helper(): ...
                @task(name="x")
                def marked(a: int) -> int: ...
                """,
                by_path=by_path,
            )
            self.assertEqual((code, [t["name"] for t in document["tasks"]]), (0, ["marked"]))

    def test_a_record_that_contains_itself_ends(self):
        _, document, _ = describe("""
            import dataclasses, typing
            @dataclasses.dataclass
            class Node:
                children: "typing.List[Node]"
            def walk(node: Node, depth: int): ...
        """)
        self.assertEqual(document["tasks"][0]["ork_input_type"], "{node: {children: [any]}, depth: int}")

    def test_of_a_broken_file_names_the_line(self):
        code, document, _ = describe("x = 1\ndef f(:\n")
        self.assertEqual((code, document["tasks"], document["errors"][0]["line"]), (1, [], 2))
        code, document, _ = describe("x = 1\nimport nowhere_to_be_found\n")
        self.assertEqual((code, document["errors"][0]["line"]), (1, 2))
        self.assertIn("nowhere_to_be_found", document["errors"][0]["message"])


if __name__ == "__main__":
    unittest.main()
