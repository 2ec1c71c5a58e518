//! `Context`: what a running task may know about its run.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Log, Metrics};

/// What a running task may know about its run, its log and its metrics. A function that takes a `&Context` receives it.
///
/// In a test, start from the default and set what matters:
///
/// ```
/// # use ork::Context;
/// fn greeting(ctx: &Context) -> String {
///     format!("attempt {}", ctx.attempt)
/// }
///
/// let mut ctx = Context::default();
/// ctx.attempt = 2;
/// assert_eq!(greeting(&ctx), "attempt 2");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Context {
    /// What people call the instance: run, task and, where it fans out, index.
    pub task_id: String,
    /// The run.
    pub run_id: String,
    /// The task, as the workflow calls it.
    pub task_name: String,
    /// The workflow.
    pub workflow_name: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Which of the instances of the task this is, from 0.
    pub parallel_index: u32,
    /// How many instances there are; 1 without fan-out.
    pub parallel_count: u32,
    /// Writes to the attempt's log.
    pub log: Log,
    /// Counts and measures.
    pub metrics: Metrics,
    pub(crate) upstream: Upstream,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            task_id: String::new(),
            run_id: String::new(),
            task_name: String::new(),
            workflow_name: String::new(),
            attempt: 1,
            parallel_index: 0,
            parallel_count: 1,
            log: Log::default(),
            metrics: Metrics::default(),
            upstream: Upstream::default(),
        }
    }
}

impl Context {
    /// The instance's index among all of its task, which `foreach` and `parallel` together make different from `parallel_index`.
    pub fn index(&self) -> u32 {
        let last = self.task_id.rsplit_once('.');
        last.and_then(|(_, index)| index.parse().ok())
            .unwrap_or(self.parallel_index)
    }

    /// The outputs of the tasks in `depends_on`, by name: null where there is none, a list where there are several instances.
    ///
    /// They are read when they are asked for the first time; an error says that Ork handed over something else than a JSON object.
    pub fn upstream(&self) -> Result<&Map<String, Value>, Error> {
        self.upstream.read()
    }

    /// The output of one task in `depends_on`, as a type of its own.
    ///
    /// ```
    /// # fn main() -> Result<(), ork::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Extracted {
    ///     rows: Vec<u32>,
    /// }
    ///
    /// let ctx = ork::Context::default().with_upstream(ork::json!({"extract": {"rows": [1, 2]}}));
    /// let extracted: Extracted = ctx.output_of("extract")?;
    /// assert_eq!(extracted.rows, [1, 2]);
    /// assert!(ctx.output_of::<u32>("load").unwrap_err().to_string().contains("depends_on"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn output_of<T: DeserializeOwned>(&self, task: &str) -> Result<T, Error> {
        let upstream = self.upstream()?;
        let output = upstream.get(task).ok_or_else(|| {
            Error::permanent(format_args!(
                "the output of `{task}` is not known here: put it into `depends_on`"
            ))
        })?;
        T::deserialize(output).map_err(|error| {
            Error::permanent(format_args!("the output of `{task}` does not fit: {error}"))
        })
    }

    /// The same with these outputs of other tasks, for tests. `outputs` is an object.
    #[must_use]
    pub fn with_upstream(mut self, outputs: Value) -> Self {
        self.upstream = Upstream::of(Source::Text(outputs.to_string()));
        self
    }
}

/// Where the outputs of other tasks are.
#[derive(Debug, Default)]
pub(crate) enum Source {
    #[default]
    None,
    Text(String),
    File(PathBuf),
}

/// Outputs of other tasks, read when they are first asked for: they may be large and of no interest.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    source: Source,
    read: OnceLock<Map<String, Value>>,
}

impl Upstream {
    pub(crate) const fn of(source: Source) -> Self {
        Self {
            source,
            read: OnceLock::new(),
        }
    }

    fn read(&self) -> Result<&Map<String, Value>, Error> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let found = match &self.source {
            Source::None => Map::new(),
            Source::Text(text) => parse(text.as_bytes())?,
            Source::File(path) => {
                let bytes = std::fs::read(path).map_err(|error| {
                    Error::new(format_args!(
                        "the outputs of other tasks cannot be read from {}: {error}",
                        path.display()
                    ))
                })?;
                parse(&bytes)?
            }
        };
        Ok(self.read.get_or_init(|| found))
    }
}

fn parse(json: &[u8]) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(json).map_err(|error| {
        Error::permanent(format_args!(
            "the outputs of other tasks are no JSON object: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_other_tasks_are_read_from_text_and_file() {
        let file = std::env::temp_dir().join(format!("ork-upstream-{}", std::process::id()));
        std::fs::write(&file, r#"{"a": [1, 2]}"#).expect("written");
        let mut ctx = Context {
            upstream: Upstream::of(Source::File(file.clone())),
            ..Context::default()
        };
        assert_eq!(ctx.output_of::<Vec<u8>>("a").expect("read"), [1, 2]);
        std::fs::remove_file(&file).expect("it is there");
        // It is not read again, and a context without outputs is one with none.
        assert_eq!(ctx.upstream().expect("kept").len(), 1);
        ctx.upstream = Upstream::default();
        assert!(ctx.upstream().expect("none").is_empty());
    }

    #[test]
    fn outputs_that_cannot_be_had_are_errors_that_say_why() {
        let ctx = Context::default().with_upstream(serde_json::json!([1]));
        let error = ctx.upstream().expect_err("a list").to_string();
        assert!(error.contains("no JSON object"), "{error}");
        let ctx = Context::default().with_upstream(serde_json::json!({"a": "x"}));
        let error = ctx.output_of::<u8>("a").expect_err("a text").to_string();
        assert!(error.contains("the output of `a` does not fit"), "{error}");
        let ctx = Context {
            upstream: Upstream::of(Source::File("/no/such/file".into())),
            ..Context::default()
        };
        let error = ctx.upstream().expect_err("no file").to_string();
        assert!(error.contains("/no/such/file"), "{error}");
    }
}
