//! What Ork tells a process about its attempt, by environment variables.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use crate::context::{Source, Upstream};
use crate::{Context, Error, Metrics};

/// Looks a variable up.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The text of a variable; one that is empty counts as absent.
pub(crate) fn text(env: Env<'_>, name: &str) -> Result<Option<String>, Error> {
    match env(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => value.into_string().map(Some).map_err(|value| {
            Error::permanent(format_args!(
                "{name} is not UTF-8: {}",
                value.to_string_lossy()
            ))
        }),
    }
}

fn number<T: FromStr>(env: Env<'_>, name: &str, absent: T) -> Result<T, Error> {
    match text(env, name)? {
        None => Ok(absent),
        Some(text) => text
            .parse()
            .map_err(|_| Error::permanent(format_args!("{name} is `{text}`, which is no number"))),
    }
}

/// Where `ORK_<NAME>_JSON` is: in the environment, or in a file when it is large.
pub(crate) fn source(env: Env<'_>, name: &str) -> Result<Source, Error> {
    let (variable, in_file) = (format!("ORK_{name}_JSON"), format!("ORK_{name}_JSON_FILE"));
    let path = env(&in_file).filter(|path| !path.is_empty());
    match (text(env, &variable)?, path) {
        (None, None) => Ok(Source::None),
        (Some(text), None) => Ok(Source::Text(text)),
        (None, Some(path)) => Ok(Source::File(path.into())),
        // Ork sets one. The other is from outside, such as a task that runs Ork again, and nobody knows which.
        (Some(_), Some(_)) => Err(Error::permanent(format_args!(
            "{variable} and {in_file} are both set: remove the one that is not meant"
        ))),
    }
}

/// The JSON of `ORK_<NAME>_JSON` or of its file.
pub(crate) fn json(env: Env<'_>, name: &str) -> Result<Option<String>, Error> {
    match source(env, name)? {
        Source::None => Ok(None),
        Source::Text(text) => Ok(Some(text)),
        Source::File(path) => std::fs::read_to_string(&path).map(Some).map_err(|error| {
            Error::new(format_args!(
                "{}, which ORK_{name}_JSON_FILE names, cannot be read: {error}",
                path.display()
            ))
        }),
    }
}

/// A file that a variable names.
pub(crate) fn path(env: Env<'_>, name: &str) -> Option<PathBuf> {
    env(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The context of the attempt that this process is for.
pub(crate) fn context(env: Env<'_>) -> Result<Context, Error> {
    let word = |name| text(env, name).map(Option::unwrap_or_default);
    Ok(Context {
        task_id: word("ORK_TASK_ID")?,
        run_id: word("ORK_RUN_ID")?,
        task_name: word("ORK_TASK_NAME")?,
        workflow_name: word("ORK_WORKFLOW_NAME")?,
        attempt: number(env, "ORK_ATTEMPT", 1)?,
        parallel_index: number(env, "ORK_PARALLEL_INDEX", 0)?,
        parallel_count: number(env, "ORK_PARALLEL_COUNT", 1)?,
        log: crate::Log::default(),
        metrics: metrics(env),
        upstream: Upstream::of(source(env, "UPSTREAM")?),
    })
}

/// Where metrics go.
pub(crate) fn metrics(env: Env<'_>) -> Metrics {
    Metrics::to_file(path(env, "ORK_METRICS_FILE"))
}

/// The environment of this process.
pub(crate) fn ours(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An environment of these variables.
    pub(crate) fn of(
        variables: &[(&'static str, &str)],
    ) -> impl Fn(&str) -> Option<OsString> + use<> {
        let variables: Vec<(&'static str, OsString)> = variables
            .iter()
            .map(|(name, value)| (*name, value.into()))
            .collect();
        move |wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone())
        }
    }

    #[test]
    fn a_context_is_what_the_variables_say() {
        let env = of(&[
            ("ORK_TASK_ID", "r/load.3"),
            ("ORK_RUN_ID", "r"),
            ("ORK_TASK_NAME", "load"),
            ("ORK_WORKFLOW_NAME", "w"),
            ("ORK_ATTEMPT", "2"),
            ("ORK_PARALLEL_INDEX", "3"),
            ("ORK_PARALLEL_COUNT", "9"),
            ("ORK_UPSTREAM_JSON", r#"{"a": 1}"#),
        ]);
        let ctx = context(&env).expect("a context");
        assert_eq!(
            (
                ctx.task_id.as_str(),
                ctx.run_id.as_str(),
                ctx.task_name.as_str(),
                ctx.workflow_name.as_str()
            ),
            ("r/load.3", "r", "load", "w")
        );
        assert_eq!(
            (ctx.attempt, ctx.parallel_index, ctx.parallel_count),
            (2, 3, 9)
        );
        assert_eq!(ctx.output_of::<u8>("a").expect("known"), 1);
        let bare = context(&of(&[])).expect("a context");
        assert_eq!(
            (bare.attempt, bare.parallel_index, bare.parallel_count),
            (1, 0, 1)
        );
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (variables, words) in [
            (&[("ORK_ATTEMPT", "two")][..], "ORK_ATTEMPT is `two`"),
            (
                &[
                    ("ORK_UPSTREAM_JSON", "{}"),
                    ("ORK_UPSTREAM_JSON_FILE", "/x"),
                ],
                "ORK_UPSTREAM_JSON and ORK_UPSTREAM_JSON_FILE are both set",
            ),
        ] {
            let error = context(&of(variables)).expect_err("wrong").to_string();
            assert!(error.contains(words), "{error}");
        }
        let env = of(&[("ORK_INPUT_JSON_FILE", "/no/such/file")]);
        let error = json(&env, "INPUT").expect_err("no file").to_string();
        assert!(error.contains("/no/such/file"), "{error}");
        assert_eq!(json(&of(&[]), "INPUT").expect("absent"), None);
    }
}
