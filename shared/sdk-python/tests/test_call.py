"""Binding inputs to functions, and converting them."""

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import typing
import unittest
import uuid
from typing import Any, Dict, List, Literal, NamedTuple, Optional, Tuple, TypedDict, Union

import paths  # noqa: F401
from ork import Context, task
from ork._call import call
from ork._errors import CallError

CONTEXT = Context(task_name="t", attempt=2)


def run(function, inputs):
    return call(function, inputs, CONTEXT, "/w/tasks.py")


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclasses.dataclass
class Item:
    id: int
    day: datetime.date
    color: Color = Color.RED
    note: Optional[str] = None


@dataclasses.dataclass
class Order:
    items: List[Item]
    prices: Dict[str, decimal.Decimal] = dataclasses.field(default_factory=dict)


class Options(TypedDict):
    day: datetime.date


class Partial(Options, total=False):
    limit: int


class Point(NamedTuple):
    x: float
    y: float = 0.0


class ByName(unittest.TestCase):
    def test_inputs_go_to_the_parameters_of_their_names(self):
        self.assertEqual(run(lambda b, a: (a, b), {"a": 1, "b": 2}), (1, 2))

    def test_defaults_are_honoured(self):
        def f(a, b=5, *, c=7):
            return a, b, c

        self.assertEqual(run(f, {"a": 1}), (1, 5, 7))
        self.assertEqual(run(f, {"a": 1, "c": 2}), (1, 5, 2))

    def test_positional_only_parameters_are_bound_by_name(self):
        namespace = {}
        exec("def f(a, b=2, /, c=3): return a, b, c", namespace)
        self.assertEqual(run(namespace["f"], {"a": 1, "c": 9}), (1, 2, 9))
        self.assertEqual(run(namespace["f"], {"a": 1, "b": 8}), (1, 8, 3))

    def test_keyword_arguments_take_the_rest(self):
        def f(a, **rest):
            return a, rest

        self.assertEqual(run(f, {"a": 1, "x": 2, "y": 3}), (1, {"x": 2, "y": 3}))

    def test_a_misfit_names_function_file_and_both_sides(self):
        def load(day, rows):
            return None

        with self.assertRaises(CallError) as caught:
            run(load, {"day": 1, "row": 2})
        text = str(caught.exception)
        for part in ("load`", "/w/tasks.py", "no input for `rows`", "no parameter for the input `row`"):
            self.assertIn(part, text)
        self.assertIn("parameters: `day`, `rows`; inputs: `day`, `row`", text)
        self.assertEqual(caught.exception.category, "permanent")

    def test_one_bare_parameter_with_another_name_gets_a_hint(self):
        with self.assertRaisesRegex(CallError, "annotate it: `data: dict`"):
            run(lambda data: data, {"a": 1})

    def test_wrapped_functions_are_bound_by_the_inner_signature(self):
        def decorated(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return ["wrapped", function(*args, **kwargs)]

            return wrapper

        @decorated
        def f(day: datetime.date):
            return day

        self.assertEqual(run(f, {"day": "2026-01-31"}), ["wrapped", datetime.date(2026, 1, 31)])
        with self.assertRaises(CallError):
            run(f, {"dai": 1})

    def test_callable_objects_and_partials_work(self):
        class Adder:
            def __call__(self, a, b=1):
                return a + b

        self.assertEqual(run(Adder(), {"a": 1}), 2)
        self.assertEqual(run(functools.partial(lambda a, b: a - b, b=1), {"a": 3}), 2)

    def test_async_functions_are_awaited(self):
        async def f(a):
            await asyncio.sleep(0)
            return a + 1

        self.assertEqual(run(f, {"a": 1}), 2)

    def test_generators_are_refused(self):
        def numbers():
            yield 1

        async def more():
            yield 1

        for function in (numbers, more):
            with self.assertRaisesRegex(CallError, "is a generator"):
                run(function, {})


class TheContext(unittest.TestCase):
    def test_is_passed_to_an_annotated_parameter_of_any_name(self):
        def f(a, context: Context):
            return a, context.attempt

        self.assertEqual(run(f, {"a": 1}), (1, 2))

    def test_is_passed_to_string_and_optional_annotations(self):
        def f(ctx: "Context"):
            return ctx

        def g(c: Optional[Context] = None):
            return c

        def h(c: "Optional[ork.Context]" = None):  # noqa: F821
            return c

        for function in (f, g, h):
            self.assertIs(run(function, {}), CONTEXT)

    def test_is_passed_to_a_bare_ctx_unless_an_input_has_that_name(self):
        self.assertIs(run(lambda ctx: ctx, {}), CONTEXT)
        self.assertEqual(run(lambda ctx: ctx, {"ctx": 5}), 5)


class OneForAll(unittest.TestCase):
    def test_a_dict_takes_all_inputs(self):
        def f(data: dict):
            return data

        def g(data: Dict[str, Any], ctx: Context):
            return data

        def h(data: "typing.Mapping[str, int]"):
            return data

        for function in (f, g, h):
            self.assertEqual(run(function, {"a": 1, "b": 2}), {"a": 1, "b": 2})

    def test_a_dict_named_like_an_input_takes_that_input(self):
        def f(data: dict):
            return data

        self.assertEqual(run(f, {"data": {"a": 1}}), {"a": 1})

    def test_records_take_all_inputs(self):
        def f(order: Order):
            return order

        order = run(f, {"items": [{"id": 1, "day": "2026-01-31", "color": 2}], "prices": {"x": "1.10"}})
        self.assertEqual(order.items, [Item(1, datetime.date(2026, 1, 31), Color.BLUE)])
        self.assertEqual(order.prices, {"x": decimal.Decimal("1.10")})

        def g(options: Partial):
            return options

        self.assertEqual(run(g, {"day": "2026-01-31"}), {"day": datetime.date(2026, 1, 31)})

        def h(p: Point):
            return p

        self.assertEqual(run(h, {"x": 1}), Point(1.0, 0.0))

    def test_without_inputs_a_default_is_kept(self):
        def f(options: Optional[dict] = None, *, order: dict = {"kept": True}):  # noqa: B006
            return options, order

        def g(options: dict = {"kept": True}):  # noqa: B006
            return options

        self.assertEqual(run(f, {}), (None, {"kept": True}))
        self.assertEqual(run(g, {}), {"kept": True})

    def test_missing_and_unknown_fields_are_named(self):
        def f(item: Item):
            return item

        with self.assertRaisesRegex(CallError, "inputs: `Item` has .*: missing `day`, unexpected `dya`"):
            run(f, {"id": 1, "dya": "2026-01-31"})


class Conversion(unittest.TestCase):
    def check(self, hint, value, expected):
        def f(v):
            return v

        f.__annotations__ = {"v": hint}
        found = run(f, {"v": value})
        self.assertEqual(found, expected)
        self.assertIs(type(found), type(expected))

    def test_each_type_that_json_lacks(self):
        day = datetime.date(2026, 1, 31)
        moment = datetime.datetime(2026, 1, 31, 8, 30, tzinfo=datetime.timezone.utc)
        uid = uuid.UUID(int=5)
        for hint, value, expected in [
            (datetime.date, "2026-01-31", day),
            ("datetime.date", "2026-01-31", day),
            (Optional[datetime.date], None, None),
            (Optional[datetime.date], "2026-01-31", day),
            (datetime.datetime, "2026-01-31T08:30:00Z", moment),
            (datetime.datetime, "2026-01-31T08:30:00.123456789Z", moment.replace(microsecond=123456)),
            (datetime.datetime, "2026-01-31T08:30:00.5", datetime.datetime(2026, 1, 31, 8, 30, 0, 500000)),
            (datetime.time, "08:30:00", datetime.time(8, 30)),
            (datetime.timedelta, 90, datetime.timedelta(seconds=90)),
            (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
            (decimal.Decimal, 1.1, decimal.Decimal("1.1")),
            (uuid.UUID, str(uid), uid),
            (pathlib.Path, "/a/b", pathlib.Path("/a/b")),
            (Color, "red", Color.RED),
            (Color, "BLUE", Color.BLUE),
            (float, 3, 3.0),
            (List[datetime.date], ["2026-01-31"], [day]),
            ("list[datetime.date]", ["2026-01-31"], [day]),
            (Tuple[int, str], [1, "a"], (1, "a")),
            (Tuple[int, ...], [1, 2], (1, 2)),
            (typing.Set[int], [1, 1], {1}),
            (typing.FrozenSet[str], ["a"], frozenset(["a"])),
            (Dict[int, datetime.date], {"5": "2026-01-31"}, {5: day}),
            (Union[int, datetime.date], "2026-01-31", day),
            (Literal["a", 1], 1, 1),
            (typing.NewType("Day", datetime.date), "2026-01-31", day),
            (Any, {"x": 1}, {"x": 1}),
            (typing.Sequence[Point], [{"x": 1}], [Point(1.0)]),
        ]:
            with self.subTest(hint=hint, value=value):
                self.check(hint, value, expected)

    def test_what_does_not_fit_is_refused_with_its_path(self):
        for hint, value, text in [
            (
                datetime.date,
                "31.1.2026",
                "input `v`: expected a date such as 2026-01-31, found text '31.1.2026'",
            ),
            (datetime.date, "2026-01-31T00:00:00", "expected a date"),
            (datetime.date, 5, "expected a text for date, found int 5"),
            (datetime.datetime, "noon", "expected a date and time"),
            (Color, "green", "expected one of 'red', 2"),
            (List[int], [1, "2"], r"input `v`\[1\]: expected int, found text '2'"),
            (List[bool], [1], "expected bool, found int 1"),
            (List[int], [True], "expected int, found bool True"),
            (List[int], {"a": 1}, "expected a list, found object"),
            (Dict[str, datetime.date], {"x": "y"}, r"input `v`\.x: expected a date"),
            (Tuple[int, int], [1], "expected 2 items, found 1"),
            (Literal["a"], "b", "expected one of 'a'"),
            (Item, {"id": "1", "day": "2026-01-31"}, r"input `v`\.id: expected int"),
            (Union[int, datetime.date], [], "fits none of"),
            (uuid.UUID, "x", "expected a UUID"),
        ]:
            with self.subTest(hint=hint, value=value), self.assertRaisesRegex(CallError, text):
                self.check(hint, value, None)

    def test_plain_annotations_receive_the_value_untouched(self):
        def f(a: int, b: str = "", c: list = None):
            return a, b, c

        self.assertEqual(run(f, {"a": "x", "b": None, "c": {}}), ("x", None, {}))

    def test_annotations_that_cannot_be_resolved_do_not_spoil_the_others(self):
        def f(a: "Nowhere", b: "datetime.date"):  # noqa: F821
            return a, b

        self.assertEqual(run(f, {"a": 1, "b": "2026-01-31"}), (1, datetime.date(2026, 1, 31)))

    def test_unknown_classes_receive_the_value_untouched(self):
        class Frame:
            pass

        def f(a: Frame, b: collections.Counter = None):
            return a

        self.assertEqual(run(f, {"a": [1]}), [1])

    def test_a_post_init_that_refuses_is_an_error_with_a_path(self):
        @dataclasses.dataclass
        class Small:
            n: int

            def __post_init__(self):
                if self.n > 3:
                    raise ValueError("n is over 3")

        with self.assertRaisesRegex(CallError, "input `v`: cannot build `Small`: n is over 3"):
            self.check(Small, {"n": 5}, None)


class TheDecorator(unittest.TestCase):
    def test_keeps_the_function_callable_and_marks_it(self):
        @task
        def plain(a):
            return a

        @task(name="other", retries=3)
        def named(a):
            return a

        self.assertEqual((plain(1), named(2)), (1, 2))
        self.assertEqual(plain.__ork_task__.name, "plain")
        self.assertEqual((named.__ork_task__.name, named.__ork_task__.metadata), ("other", {"retries": 3}))
        self.assertEqual(run(plain, {"a": 4}), 4)

    def test_refuses_what_is_no_function(self):
        with self.assertRaises(TypeError):
            task("name")


if __name__ == "__main__":
    unittest.main()
