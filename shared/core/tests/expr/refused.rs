//! What has no value or does not compile, and what is said then.

use ork_core::expr;

use crate::eval;

#[test]
fn what_has_no_value_says_which_part_and_why() {
    for (text, message) in [
        (
            "1 + params.missing",
            "`params.missing` cannot be evaluated: the run has no param `missing`",
        ),
        (
            "tasks.extract.output.row",
            "there is no field `row`, only `odd key`, `rows` and `total`; did you mean `rows`?",
        ),
        (
            "tasks.extract.output.rows[7].id",
            "there is no item [7], the list has 2",
        ),
        (
            "tasks.extract.output.total.x",
            "the number 2.5 has no field `x`",
        ),
        ("tasks.nobody.output", "there is no task `nobody`"),
        ("nobody.x", "`nobody` is neither a task nor one of"),
        ("tasks", "`tasks` is followed by the name of a task"),
        ("1 / 0", "`1 / 0` cannot be evaluated: a division by zero"),
        ("1 // 0", "a division by zero"),
        (
            "9223372036854775807 * 9223372036854775807",
            "does not fit in 64 bits",
        ),
        ("2 ** 99999", "does not fit in 64 bits"),
        ("1e308 * 10", "not a finite number"),
        ("'a' * 3", "a text cannot be repeated"),
        ("'a' + 1", "to join texts write ~"),
        ("1 < 'a'", "have no order"),
        ("-'a'", "cannot be applied to a text"),
        ("{'a': 1}.b", "an object has no field `b`"),
        ("[1]['x']", "a list has no field `x`"),
        ("[1][params.day]", "a list has no `2026-06-01`"),
        ("[1][-2]", "a list has no `-2`"),
        ("range(10000000)", "a range may have 100000 items"),
        (
            "range(-9223372036854775807, 9223372036854775807)",
            "a range may have",
        ),
        ("range(1, 2, 0)", "cannot be 0"),
        ("[1][::0]", "cannot be 0"),
        ("5[1:]", "only texts and lists have slices"),
        ("3 in 5", "`in` needs a text, a list or an object"),
    ] {
        let error = eval(text).expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn what_does_not_compile_says_where_and_what_to_write() {
    for (text, message, hint, part) in [
        (
            "params.n | uper",
            "there is no filter `uper`",
            "did you mean `upper`?",
            "uper",
        ),
        (
            "params.n is evn",
            "there is no test `evn`",
            "did you mean `even`?",
            "evn",
        ),
        (
            "rang(3)",
            "there is no function `rang`",
            "did you mean `range`?",
            "rang",
        ),
        (
            "len(params.dirs)",
            "there is no function `len`",
            "use the filter: value | length",
            "len",
        ),
        (
            "now()",
            "there is no function `now`",
            "a run must give the same result when it is run again: use `slot`, or a task",
            "now",
        ),
        (
            "params.day.upper()",
            "`.upper()` is a method call, which expressions do not have",
            "use the filter: | upper",
            "upper",
        ),
        (
            "x | map('uper')",
            "there is no filter `uper`",
            "did you mean `upper`?",
            "'uper'",
        ),
        (
            "x | selectattr('a', 'equals', 1)",
            "there is no test `equals`",
            "did you mean `equalto`?",
            "'equals'",
        ),
        (
            "a && b",
            "an expression cannot contain `&` here",
            "write `and`",
            "&",
        ),
        (
            "a || b",
            "a filter is expected, found `|`",
            "for `||` write `or`",
            "|",
        ),
        (
            "!a",
            "an expression cannot contain `!` here",
            "write `not`",
            "!",
        ),
        (
            "a = 1",
            "the expression goes on with `=` where it should end",
            "to compare, write ==",
            "=",
        ),
        (
            "a if b",
            "`else` is expected, found the end",
            "both outcomes are written: a if condition else b",
            "",
        ),
        (
            "'abc",
            "the text begun with ' does not end",
            "close it with '",
            "'abc",
        ),
    ] {
        let error = expr::compile(text).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert!(
            error.hint.as_deref().unwrap_or_default().starts_with(hint),
            "{text}: {:?}",
            error.hint
        );
        assert_eq!(&text[error.start..error.end], part, "{text}");
    }
    for text in [
        "",
        " ",
        "(",
        "(1",
        "[1",
        "{1",
        "{1: 2",
        "1 +",
        "* 2",
        "a.",
        "a.1x",
        "a[",
        "a[]",
        "a[1:2:3:4]",
        "f(",
        "a | ",
        "a is",
        "a is not",
        "a b",
        "1 2",
        "if",
        "not",
        "a in",
        "range()",
        "range(1,2,3,4)",
        "range(stop=1)",
        "x | join(a=1, a=2)",
        "x | join(a=1, 2)",
        "99999999999999999999",
        "1e999",
        "'\\q'",
        "'\\ud800'",
        "(1, 2)",
        "x(1)(2)",
        "a.b.c()",
        "x | map(5)",
        "x | map(y)",
        "}}",
        "a }} b",
        "{% if a %}",
        "@",
        "a ? b : c",
        "$x",
        "x | pprint",
        "x | safe",
    ] {
        assert!(expr::compile(text).is_err(), "{text}");
        assert!(eval(text).is_err(), "{text}");
    }
}
