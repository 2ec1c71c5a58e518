"""pydantic models as inputs, results and schemas. Skipped, loudly, where pydantic is not installed."""

import json
import os
import sys
import unittest
from typing import List

import paths  # noqa: F401
from ork import _types, testing

try:
    import pydantic
except ImportError:
    if os.environ.get("ORK_REQUIRE_ALL") == "1":
        raise
    pydantic = None
    sys.stderr.write(
        "SKIPPED: tests/test_pydantic.py needs pydantic (ORK_REQUIRE_ALL=1 makes this an error)\n"
    )


@unittest.skipIf(pydantic is None, "pydantic is not installed")
class Pydantic(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import datetime

        class Row(pydantic.BaseModel):
            id: int
            day: datetime.date

        class Page(pydantic.BaseModel):
            rows: List[Row]

        cls.Row, cls.Page, cls.day = Row, Page, datetime.date(2026, 1, 31)

    def annotated(self, function, **hints):
        function.__annotations__ = hints
        return function

    def test_one_model_takes_all_inputs(self):
        f = self.annotated(lambda page: [page, type(page).__name__], page=self.Page)
        result = testing.run(f, {"rows": [{"id": "5", "day": "2026-01-31"}]})
        self.assertEqual(result.output, [{"rows": [{"id": 5, "day": "2026-01-31"}]}, "Page"])

    def test_models_are_built_inside_other_values(self):
        f = self.annotated(lambda rows: rows[0].day.isoformat(), rows=List[self.Row])
        self.assertEqual(testing.run(f, {"rows": [{"id": 5, "day": "2026-01-31"}]}).output, "2026-01-31")

    def test_what_does_not_fit_is_permanent_and_says_where(self):
        f = self.annotated(lambda page: None, page=self.Page)
        result = testing.run(f, {"rows": [{"id": "x"}]})
        self.assertEqual(result.category, "permanent")
        self.assertIn("rows", result.message)
        self.assertIn("id", result.message)

    def test_pydantic_dataclasses_convert_by_themselves(self):
        import pydantic.dataclasses

        @pydantic.dataclasses.dataclass
        class Point:
            x: int

        f = self.annotated(lambda p: p, p=Point)
        self.assertEqual(testing.run(f, {"x": "5"}).output, {"x": 5})

    def test_schemas_are_pydantics_own(self):
        describer = _types.Describer()
        self.assertEqual(describer.schema(self.Page), {"$ref": "#/$defs/Page"})
        self.assertEqual(set(describer.defs), {"Page", "Row"})
        self.assertEqual(describer.ork(self.Page), "{rows: [{id: int, day: date}]}")
        json.dumps(describer.defs)


if __name__ == "__main__":
    unittest.main()
