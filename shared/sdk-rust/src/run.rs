//! A program of tasks: what its arguments and environment ask for, and the exit code it ends with.

use std::io::{IsTerminal as _, Read as _, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::environment::{self, Env};
use crate::task::{self, Call, Kind, Task};
use crate::{Category, Error, serve};

/// Does what the program's arguments and environment ask for; [`main!`](crate::main) calls it, and so can a `main` of your own,
/// after it has prepared what your tasks need.
///
/// ```no_run
/// #[ork::task]
/// fn extract() -> u32 {
///     1
/// }
///
/// fn main() -> std::process::ExitCode {
///     // … set up logging …
///     ork::run(ork::tasks![extract])
/// }
/// ```
pub fn run(tasks: &'static [Task]) -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    // Not locked: a task's own threads print as well.
    let mut out = std::io::stdout();
    match program(tasks, &arguments, &environment::ours, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.category().exit_code())
        }
    }
}

fn complain(error: &Error) {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut err = std::io::stderr().lock();
    // Without a standard error there is nobody to tell; the exit code still says it.
    let _ = writeln!(err, "{}", text.trim_end());
    // The last line is what a run shows of the failure: it should be the one that says most.
    if let [first, _, ..] = lines[..] {
        let _ = writeln!(err, "{first}");
    }
}

enum Wanted<'a> {
    Help,
    List,
    Serve(String),
    Call(Option<&'a str>),
}

fn wanted<'a>(arguments: &'a [String], env: Env<'_>) -> Result<Wanted<'a>, Error> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(match environment::text(env, "ORK_SERVE")? {
            Some(address) => Wanted::Serve(address),
            None => Wanted::Call(None),
        }),
        ["--help" | "-h"] => Ok(Wanted::Help),
        ["--list"] => Ok(Wanted::List),
        ["--serve", address] => Ok(Wanted::Serve(address.to_owned())),
        ["--serve"] => Err(Error::permanent(
            "--serve needs an address: a port, or one such as 0.0.0.0:8080",
        )),
        [word] => match word.strip_prefix("--serve=") {
            Some(address) => Ok(Wanted::Serve(address.to_owned())),
            None if word.starts_with('-') => Err(Error::permanent(format_args!(
                "there is no option {word}: see --help"
            ))),
            None => Ok(Wanted::Call(Some(word))),
        },
        [_, second, ..] => Err(Error::permanent(format_args!(
            "unexpected argument `{second}`: a task takes its input as JSON; see --help"
        ))),
    }
}

fn program(
    tasks: &'static [Task],
    arguments: &[String],
    env: Env<'_>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    task::check(tasks)?;
    match wanted(arguments, env)? {
        Wanted::Help => Ok(out.write_all(help(tasks).as_bytes())?),
        Wanted::List => Ok(writeln!(out, "{}", list(tasks))?),
        Wanted::Serve(address) => serve::Server::bind(tasks, &address)?.serve(),
        Wanted::Call(function) => call(tasks, function, env, out),
    }
}

/// Which task is meant: the one named, else the only one, else the one called as the workflow's task is.
pub(crate) fn choose<'t>(
    tasks: &'t [Task],
    named: Option<&str>,
    task_name: &str,
) -> Result<&'t Task, Error> {
    match (named, tasks) {
        (Some(name), _) => task::find(tasks, name),
        (None, [only]) => Ok(only),
        (None, _) if !task_name.is_empty() => task::find(tasks, task_name).map_err(|error| {
            error.during("no function was named, and the workflow's task is called differently")
        }),
        (None, _) => Err(Error::permanent(format_args!(
            "which task? Name it as the first argument or in ORK_TASK_FUNCTION: {}",
            task::names(tasks)
        ))),
    }
}

/// What the program of these tasks writes when it is called without arguments.
#[cfg(test)]
pub(crate) fn output_of(tasks: &'static [Task], env: Env<'_>) -> Result<String, Error> {
    let mut out = Vec::new();
    program(tasks, &[], env, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn call(
    tasks: &[Task],
    function: Option<&str>,
    env: Env<'_>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let context = environment::context(env)?;
    let named = match function {
        Some(name) => Some(name.to_owned()),
        None => environment::text(env, "ORK_TASK_FUNCTION")?,
    };
    let task = choose(tasks, named.as_deref(), &context.task_name)?;
    let input = match environment::json(env, "INPUT")? {
        Some(input) => input,
        None => standard_input()?,
    };
    let options = environment::json(env, "OPTIONS")?.unwrap_or_else(|| "{}".to_owned());
    let output = task.call(&Call {
        function: task.name(),
        input: &input,
        options: &options,
        context: &context,
    })?;
    match environment::path(env, "ORK_OUTPUT_FILE") {
        Some(path) => std::fs::write(&path, &output).map_err(|error| {
            Error::from(error).during(format_args!(
                "the output cannot be written to {}",
                path.display()
            ))
        }),
        // On a line of its own, whatever the task printed last.
        None => Ok(write!(out, "\nORK_OUTPUT:{output}\n").and_then(|()| out.flush())?),
    }
}

/// The input of a task that is tried by hand, `echo '{"n": 1}' | program`: Ork sets the variable.
fn standard_input() -> Result<String, Error> {
    let mut text = String::new();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        stdin.lock().read_to_string(&mut text).map_err(|error| {
            Error::from(error).during("the input cannot be read from standard input")
        })?;
    }
    if text.trim().is_empty() {
        text = "{}".to_owned();
    }
    Ok(text)
}

fn list(tasks: &[Task]) -> String {
    #[derive(Serialize)]
    struct Line {
        name: &'static str,
        kind: Kind,
        about: &'static str,
    }
    let lines: Vec<Line> = tasks
        .iter()
        .map(|task| Line {
            name: task.name(),
            kind: task.kind(),
            about: task.about(),
        })
        .collect();
    serde_json::to_string_pretty(&lines).expect("a list of texts is always JSON")
}

fn help(tasks: &[Task]) -> String {
    let width = tasks.iter().map(|task| task.name().len()).max();
    let lines: String = tasks
        .iter()
        .map(|task| {
            let line = format!(
                "  {:w$}  {}",
                task.name(),
                task.about(),
                w = width.unwrap_or(0)
            );
            format!("{}\n", line.trim_end())
        })
        .collect();
    format!(
        "Tasks of Ork workflows. Usage:\n\
         \x20 PROGRAM [TASK]          runs one; its input is JSON in ORK_INPUT_JSON or on standard input\n\
         \x20 PROGRAM --list          says as JSON which there are\n\
         \x20 PROGRAM --serve ADDR    answers POST /execute; ADDR is a port of this machine or as 0.0.0.0:8080\n\
         Exit codes: {} permanent, {} transient, {} any other failure.\n\nTasks:\n{lines}",
        Category::Permanent.exit_code(),
        Category::Transient.exit_code(),
        Category::Unknown.exit_code()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::of;
    use crate::{Context, Value};

    /// Adds up.
    #[crate::task]
    fn sum(input: Vec<i64>) -> i64 {
        input.iter().sum()
    }

    #[crate::task]
    async fn fails(ctx: &Context) -> Result<(), Error> {
        Err(Error::transient(format_args!("attempt {}", ctx.attempt)))
    }

    #[crate::executor]
    fn sql(options: Value, input: Value) -> Value {
        serde_json::json!([options, input])
    }

    fn ran(arguments: &[&str], variables: &[(&'static str, &str)]) -> Result<String, Error> {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let mut out = Vec::new();
        program(
            crate::tasks![sum, fails, sql],
            &arguments,
            &of(variables),
            &mut out,
        )?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_task_is_chosen_by_argument_variable_or_name() {
        let input = ("ORK_INPUT_JSON", "[1, 2, 4]");
        let expected = "\nORK_OUTPUT:7\n";
        assert_eq!(
            ran(&["sum"], &[input, ("ORK_TASK_FUNCTION", "fails")]).expect("a sum"),
            expected
        );
        assert_eq!(
            ran(&[], &[input, ("ORK_TASK_FUNCTION", "sum")]).expect("a sum"),
            expected
        );
        assert_eq!(
            ran(&[], &[input, ("ORK_TASK_NAME", "sum")]).expect("a sum"),
            expected
        );
        for (arguments, variables, words) in [
            (&["sun"][..], &[][..], "did you mean `sum`?"),
            (
                &[],
                &[("ORK_TASK_FUNCTION", "nothing")],
                "there are `sum`, `fails`, `sql`",
            ),
            (&[], &[("ORK_TASK_NAME", "total")], "no function was named"),
            (&[], &[], "which task?"),
            (&["sum", "5"], &[], "unexpected argument `5`"),
            (&["--sum"], &[], "no option --sum"),
            (&["--serve"], &[], "--serve needs an address"),
        ] {
            let error = ran(arguments, variables).expect_err("refused");
            assert_eq!(error.category(), Category::Permanent);
            assert!(error.to_string().contains(words), "{error}");
        }
        let mut out = Vec::new();
        program(crate::tasks![sum], &[], &of(&[input]), &mut out).expect("the only one");
        assert_eq!(out, expected.as_bytes());
    }

    #[test]
    fn the_output_goes_to_the_file_that_ork_names() {
        let file = std::env::temp_dir().join(format!("ork-output-{}", std::process::id()));
        let input = ("ORK_INPUT_JSON", r#"{"a": 1}"#);
        let output = ("ORK_OUTPUT_FILE", file.to_str().expect("a plain name"));
        let options = ("ORK_OPTIONS_JSON", r#"{"query": "q"}"#);
        assert_eq!(
            ran(&["sql"], &[input, output, options]).expect("it works"),
            ""
        );
        let found = std::fs::read_to_string(&file).expect("written");
        std::fs::remove_file(&file).expect("it is there");
        assert_eq!(found, r#"[{"query":"q"},{"a":1}]"#);
        let error = ran(&["sql"], &[input, ("ORK_OUTPUT_FILE", "/no/such/folder/x")]);
        let error = error.expect_err("no folder").to_string();
        assert!(error.contains("/no/such/folder/x"), "{error}");
    }

    #[test]
    fn failures_keep_their_category() {
        let error = ran(
            &["fails"],
            &[("ORK_INPUT_JSON", "{}"), ("ORK_ATTEMPT", "3")],
        );
        let error = error.expect_err("it fails");
        assert_eq!(
            (error.category(), error.to_string()),
            (Category::Transient, "attempt 3".to_owned())
        );
        let error = ran(&["sum"], &[("ORK_INPUT_JSON", r#"{"a": 1}"#)]).expect_err("no list");
        assert_eq!(error.category(), Category::Permanent);
        assert!(
            error
                .to_string()
                .starts_with("the input does not fit `sum`: "),
            "{error}"
        );
    }

    #[test]
    fn the_tasks_are_listed_as_json() {
        let found: Value =
            serde_json::from_str(&ran(&["--list"], &[]).expect("a list")).expect("JSON");
        assert_eq!(
            found[0],
            serde_json::json!({"name": "sum", "kind": "task", "about": "Adds up."})
        );
        assert_eq!(found[2]["kind"], "executor");
        let help = ran(&["--help"], &[]).expect("help");
        assert!(help.contains("  sum    Adds up.\n  fails\n"), "{help}");
    }
}
