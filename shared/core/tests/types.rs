//! Types: what they print, read, accept and check.

use ork_core::Value;
use ork_core::definition::Segment;
use ork_core::types::Type;
use proptest::prelude::*;
use serde_json::json;

fn read(text: &str) -> Type {
    Type::parse_text(text, &|name| {
        (name == "Row").then(|| read("{id: int, tags: [str]}"))
    })
    .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> (String, Option<String>, usize) {
    let error =
        Type::parse_text(text, &|name| (name == "Row").then_some(Type::Str)).expect_err(text);
    (error.message, error.hint, error.offset)
}

#[test]
fn every_spelling_reads_and_prints_alike() {
    for text in [
        "str",
        "int?",
        "[float]",
        "map[bool]",
        "enum[a, b]",
        "{}",
        "{id: int, tags: [str]}",
        "[{at: datetime_utc, day: date?}]",
        "map[[int]]?",
        "{a-b: any, c: {d: datetime_tz, e: datetime_notz}}",
        "enum[\"a b\", \"\", \"x,y\"]",
        "{\"a: b\": int}",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
    assert_eq!(
        read(" [ types.Row ] ").to_string(),
        "[{id: int, tags: [str]}]"
    );
    assert_eq!(read("int??"), read("int?"));
}

#[test]
fn what_is_no_type_says_what_to_write() {
    for (text, message, hint, offset) in [
        ("string", "`string` is not a type", "write str", 0),
        ("[integer]", "`integer` is not a type", "write int", 1),
        ("Int", "`Int` is not a type", "write int", 0),
        (
            "datetime",
            "`datetime` is not a type",
            "write datetime_notz, datetime_tz or datetime_utc",
            0,
        ),
        ("flaot", "`flaot` is not a type", "did you mean `float`?", 0),
        ("Row", "`Row` is not a type", "write types.Row", 0),
        (
            "[int, str]",
            "a list type has exactly one element type",
            "write [int]",
            5,
        ),
    ] {
        assert_eq!(
            refused(text),
            (message.to_owned(), Some(hint.to_owned()), offset),
            "{text}"
        );
    }
    assert_eq!(refused("types.Rwo").0, "`types:` has no `Rwo`");
    for text in [
        "",
        "[",
        "[int",
        "map[",
        "map[int",
        "enum[]",
        "enum[a",
        "enum[a, a]",
        "{a int}",
        "{a: int",
        "{a: int, a: str}",
        "int int",
        "?",
        "]",
        "{: int}",
        "enum[\"a]",
    ] {
        assert!(!refused(text).0.is_empty(), "{text}");
    }
    let deep = "[".repeat(5_000);
    assert!(refused(&deep).0.contains("deeper than"));
}

#[test]
fn names_from_elsewhere_are_refused_with_the_name_to_use() {
    for (wrong, right) in [
        ("string", "str"),
        ("text", "str"),
        ("integer", "int"),
        ("number", "int or float"),
        ("boolean", "bool"),
        ("double", "float"),
        ("timestamp", "datetime_utc"),
        ("String", "str"),
        ("BOOL", "bool"),
        ("list", "[T], as in [str]"),
        ("dict", "map[T], as in map[str]"),
    ] {
        assert_eq!(Type::wrong_name(wrong), Some(right), "{wrong}");
    }
    for name in Type::BUILTIN_NAMES {
        assert_eq!(Type::wrong_name(name), None, "{name}");
        assert_eq!(
            Type::builtin(name).map(|kind| kind.to_string()).as_deref(),
            Some(*name)
        );
    }
    for name in ["array", "object", "null", "datetime"] {
        assert!(
            Type::wrong_name(name).is_some() && Type::builtin(name).is_none(),
            "{name}"
        );
    }
}

#[test]
fn among_builtins_only_equals_any_and_utc_for_tz_are_assignable() {
    for asked in Type::BUILTIN_NAMES {
        for offered in Type::BUILTIN_NAMES {
            let fits = read(asked).accepts(&read(offered)).is_ok();
            let wanted = asked == offered
                || *asked == "any"
                || *offered == "any"
                || (*asked == "datetime_tz" && *offered == "datetime_utc");
            assert_eq!(fits, wanted, "{asked} from {offered}");
        }
    }
}

#[test]
fn structures_are_assignable_part_by_part() {
    for (asked, offered, fits) in [
        ("int?", "int", true),
        ("int?", "int?", true),
        ("int", "int?", false),
        ("any", "int?", true),
        ("[int?]", "[int]", true),
        ("[int]", "[int?]", false),
        ("[datetime_tz]", "[datetime_utc]", true),
        ("[datetime_utc]", "[datetime_tz]", false),
        ("enum[a, b, c]", "enum[b, a]", true),
        ("enum[a]", "enum[a, b]", false),
        ("str", "enum[a, b]", true),
        ("enum[a]", "str", false),
        ("map[str]", "map[enum[a]]", true),
        ("map[str]", "{a: str, b: enum[x]}", true),
        ("map[str]", "{a: str, b: str?}", false),
        ("{a: str}", "map[str]", false),
        ("{a: int, b: str?}", "{a: int}", true),
        ("{a: int, b: str}", "{a: int}", false),
        ("{a: int}", "{a: int, b: str?}", false),
        ("{a: {b: [any]}}", "{a: {b: [int]}}", true),
        ("[int]", "{a: int}", false),
    ] {
        assert_eq!(
            read(asked).accepts(&read(offered)).is_ok(),
            fits,
            "{asked} from {offered}"
        );
    }
}

#[test]
fn a_mismatch_names_the_place_and_both_types() {
    let error = read("[{id: int, sub: {x: float}}]")
        .accepts(&read("[{id: int, sub: {x: int}}]"))
        .expect_err("int is no float");
    assert_eq!(
        error.to_string(),
        "at `[].sub.x`: `float` is asked for, this is `int`"
    );
    assert_eq!(
        (
            error.path.as_str(),
            *error.expected,
            error.found.map(|found| *found)
        ),
        ("[].sub.x", Type::Float, Some(Type::Int))
    );
    let missing = read("{id: int}")
        .accepts(&read("{}"))
        .expect_err("id is missing");
    assert_eq!(
        missing.to_string(),
        "at `id`: `int` is asked for, the field is missing"
    );
    assert!(missing.found.is_none());
}

#[test]
fn values_are_checked_to_their_formats() {
    for (kind, value, fits) in [
        ("str", json!("x"), true),
        ("str", json!(1), false),
        ("int", json!(-3), true),
        ("int", json!(u64::MAX), true),
        ("int", json!(3.0), false),
        ("int", json!("3"), false),
        ("float", json!(3), true),
        ("float", json!(3.5), true),
        ("bool", json!(0), false),
        ("date", json!("2026-02-28"), true),
        ("date", json!("2026-02-29"), false),
        ("date", json!("2026-2-28"), false),
        ("date", json!("2026-02-28T00:00:00"), false),
        ("datetime_notz", json!("2026-06-01T02:30:00"), true),
        ("datetime_notz", json!("2026-06-01T02:30:00.25"), true),
        ("datetime_notz", json!("2026-06-01T02:30:00Z"), false),
        ("datetime_notz", json!("2026-06-01T25:30:00"), false),
        ("datetime_notz", json!("2026-06-01 02:30:00"), false),
        ("datetime_notz", json!("2026-06-01"), false),
        ("datetime_tz", json!("2026-06-01T02:30:00+02:00"), true),
        ("datetime_tz", json!("2026-06-01T02:30:00Z"), true),
        ("datetime_tz", json!("2026-06-01T02:30:00"), false),
        ("datetime_tz", json!("2026-06-01T02:30:00+25:00"), false),
        ("datetime_tz", json!("2026-06-01T02:30:00.+02:00"), false),
        (
            "datetime_utc",
            json!("2026-06-01T02:30:00.123456789Z"),
            true,
        ),
        ("datetime_utc", json!("2026-06-01T02:30:00+00:00"), false),
        ("datetime_utc", json!("2026-06-01T02:30:0é"), false),
        ("enum[a, b]", json!("b"), true),
        ("enum[a, b]", json!("c"), false),
        ("int?", json!(null), true),
        ("int", json!(null), false),
        ("any", json!(null), true),
        ("[int]", json!([]), true),
        ("[int]", json!({}), false),
        ("map[int]", json!({"x": 1}), true),
        ("map[int]", json!({"x": null}), false),
        ("{a: int, b: str?}", json!({"a": 1}), true),
        ("{a: int, b: str?}", json!({"a": 1, "b": null}), true),
        ("{a: int}", json!({}), false),
        ("{a: int}", json!({"a": 1, "z": 2}), false),
    ] {
        assert_eq!(read(kind).check(&value).is_ok(), fits, "{kind}: {value}");
    }
}

#[test]
fn a_wrong_value_is_named_with_its_place() {
    let error = read("{rows: [{id: int}]}")
        .check(&json!({"rows": [{"id": 1}, {"id": "x"}]}))
        .expect_err("a text is no int");
    assert_eq!(error.path, "rows[1].id");
    assert_eq!(
        error.to_string(),
        "at `rows[1].id`: `int` is asked for, found the text \"x\""
    );
    let extra = read("{a: int}")
        .check(&json!({"a": 1, "b": 1}))
        .expect_err("b is extra");
    assert_eq!(
        extra.to_string(),
        "an object with `a` is asked for, found the extra field `b`"
    );
}

#[test]
fn text_from_the_command_line_becomes_a_value() {
    for (kind, text, value) in [
        ("str", "12", json!("12")),
        ("int", "-12", json!(-12)),
        ("float", "1", json!(1.0)),
        ("bool", "true", json!(true)),
        ("enum[a, b]", "a", json!("a")),
        ("date", "2026-06-01", json!("2026-06-01")),
        ("[int]", "[1, 2]", json!([1, 2])),
        ("{a: int}", "{\"a\": 1}", json!({"a": 1})),
        ("int?", "null", json!(null)),
        ("int?", "3", json!(3)),
        ("str?", "null", json!("null")),
        ("any", "[1]", json!([1])),
        ("any", "hello", json!("hello")),
    ] {
        assert_eq!(read(kind).coerce_text(text), Ok(value), "{kind} {text}");
    }
    for (kind, text) in [
        ("int", "1.5"),
        ("int", ""),
        ("float", "inf"),
        ("bool", "yes"),
        ("date", "today"),
        ("enum[a]", "b"),
        ("[int]", "1,2"),
        ("[int]", "[\"x\"]"),
    ] {
        assert!(read(kind).coerce_text(text).is_err(), "{kind} {text}");
    }
}

#[test]
fn a_path_has_the_type_of_what_is_there() {
    let kind = read("{rows: [{id: int, note: str?}], by: map[float], any: any, sub: {x: int}?}");
    let field = |name: &str| Segment::Field(name.to_owned());
    for (path, wanted) in [
        (vec![], kind.to_string()),
        (
            vec![field("rows"), Segment::Index(7), field("id")],
            "int".to_owned(),
        ),
        (
            vec![field("rows"), Segment::Index(7), field("note")],
            "str?".to_owned(),
        ),
        (vec![field("by"), field("anything")], "float".to_owned()),
        (vec![field("by"), Segment::Index(2024)], "float".to_owned()),
        (
            vec![field("any"), field("x"), Segment::Index(1)],
            "any".to_owned(),
        ),
        (vec![field("sub"), field("x")], "int?".to_owned()),
    ] {
        assert_eq!(
            kind.at(&path).map(|found| found.to_string()),
            Ok(wanted),
            "{path:?}"
        );
    }
    for path in [
        vec![field("row")],
        vec![field("rows"), field("id")],
        vec![field("rows"), Segment::Index(0), field("id"), field("x")],
        vec![Segment::Index(0)],
    ] {
        assert!(kind.at(&path).is_err(), "{path:?}");
    }
    assert_eq!(
        kind.at(&[field("zz")]),
        Err("there is no field `zz`, only `any`, `by`, `rows` and `sub`".to_owned())
    );
}

fn kinds() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        prop::sample::select(Type::BUILTIN_NAMES)
            .prop_map(|name| Type::builtin(name).expect("a builtin")),
        prop::collection::btree_set("[a-z ,\"\\]é]{0,6}", 1..4)
            .prop_map(|words| Type::Enum(words.into_iter().collect())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| match kind {
                Type::Optional(_) | Type::Any => kind,
                other => Type::Optional(Box::new(other)),
            }),
            inner.clone().prop_map(|kind| Type::List(Box::new(kind))),
            inner.clone().prop_map(|kind| Type::Map(Box::new(kind))),
            prop::collection::btree_map("[a-z:{ ]{1,4}", inner, 0..4).prop_map(Type::Object),
        ]
    })
}

/// A value of `kind`; `pick` decides where there is a choice.
fn sample(kind: &Type, pick: u64) -> Value {
    let next = pick
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let day = format!(
        "20{:02}-{:02}-{:02}",
        pick % 100,
        pick / 7 % 12 + 1,
        pick / 11 % 28 + 1
    );
    let moment = format!(
        "{day}T{:02}:{:02}:{:02}",
        pick % 24,
        pick / 3 % 60,
        pick / 5 % 60
    );
    match kind {
        Type::Str => json!(format!("t{pick}")),
        Type::Int => json!(pick.cast_signed()),
        Type::Float => {
            if pick.is_multiple_of(2) {
                json!(pick)
            } else {
                json!(0.5)
            }
        }
        Type::Bool => json!(pick.is_multiple_of(2)),
        Type::Date => json!(day),
        Type::DatetimeNotz => json!(moment),
        Type::DatetimeTz => json!(if pick.is_multiple_of(2) {
            format!("{moment}Z")
        } else {
            format!("{moment}.5-03:30")
        }),
        Type::DatetimeUtc => json!(format!("{moment}Z")),
        Type::Any => json!([null, pick]),
        Type::Enum(words) => {
            json!(words[usize::try_from(pick % words.len() as u64).expect("small")])
        }
        Type::Optional(_) if pick.is_multiple_of(3) => Value::Null,
        Type::Optional(inner) => sample(inner, next),
        Type::List(item) => (0..pick % 3).map(|at| sample(item, next ^ at)).collect(),
        Type::Map(value) => Value::Object(
            (0..pick % 3)
                .map(|at| (format!("k{at}"), sample(value, next ^ at)))
                .collect(),
        ),
        Type::Object(fields) => Value::Object(
            fields
                .iter()
                .enumerate()
                .filter(|(at, (_, kind))| {
                    !matches!(kind, Type::Optional(_)) || (pick >> at).is_multiple_of(2)
                })
                .map(|(at, (name, kind))| (name.clone(), sample(kind, next ^ at as u64)))
                .collect(),
        ),
    }
}

/// Whether `any` occurs: it is accepted without a promise about the value.
fn has_any(kind: &Type) -> bool {
    kind.to_string().contains("any")
}

proptest! {
    #[test]
    fn what_a_type_prints_reads_back_as_the_same_type(kind in kinds()) {
        prop_assert_eq!(Type::parse_text(&kind.to_string(), &|_| None), Ok(kind));
    }

    #[test]
    fn a_value_of_a_type_passes_its_check_and_null_does_not_unless_allowed(kind in kinds(), pick: u64) {
        prop_assert_eq!(kind.check(&sample(&kind, pick)), Ok(()));
        prop_assert_eq!(kind.check(&Value::Null).is_ok(), matches!(kind, Type::Any | Type::Optional(_)));
    }

    #[test]
    fn a_type_accepts_itself_and_its_optional_accepts_it(kind in kinds()) {
        prop_assert_eq!(kind.accepts(&kind), Ok(()));
        prop_assert_eq!(Type::Optional(Box::new(kind.clone())).accepts(&kind), Ok(()));
    }

    #[test]
    fn where_a_type_stands_for_another_its_values_do_too(asked in kinds(), offered in kinds(), pick: u64) {
        if asked.accepts(&offered).is_ok() && !has_any(&asked) && !has_any(&offered) {
            prop_assert_eq!(asked.check(&sample(&offered, pick)), Ok(()));
        }
    }

    #[test]
    fn reading_random_text_never_panics(text in "\\PC{0,40}", marks in "[\\[\\]{}a-z?:,\" .]{0,40}") {
        for text in [text, marks] {
            if let Err(error) = Type::parse_text(&text, &|_| None) {
                prop_assert!(error.offset <= text.len());
            }
            for kind in [Type::Int, Type::Date, Type::DatetimeTz, Type::Any] {
                let _ = kind.coerce_text(&text);
            }
        }
    }
}
