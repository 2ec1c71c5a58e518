//! What the code that the macros write calls. Nothing here is for people.

use serde::Serialize;

use crate::Error;
use crate::error::Boxed;

pub use crate::block_on::block_on;
pub use crate::library::{ABI, call as library_call};
pub use crate::task::Call;
pub use ork_sdk_macros::unless_program;

/// A type with the name of a function, which carries what the attribute made of it.
pub trait Registered {
    /// The function as Ork calls it.
    const TASK: crate::Task;
}

/// Chosen for what a function returns if it is a `Result`, however it is spelled.
///
/// A method is looked for on the value itself before it is looked for on a reference to it, so a `Result` finds this trait
/// and everything else [`PlainKind`]. (`Result` can be serialized as well, so one trait for both cannot be.)
pub trait ResultKind {
    /// How it is made into an output.
    fn __ork_kind(&self) -> ResultTag {
        ResultTag
    }
}
impl<T, E> ResultKind for Result<T, E> {}

/// Chosen for what a function returns if it is anything else.
pub trait PlainKind {
    /// How it is made into an output.
    fn __ork_kind(&self) -> PlainTag {
        PlainTag
    }
}
impl<T: ?Sized> PlainKind for &T {}

/// Makes an output of a `Result`.
#[derive(Debug)]
pub struct ResultTag;

impl ResultTag {
    /// The output as JSON, or the failure.
    pub fn finish<T: Serialize, E: Into<Boxed>>(
        self,
        returned: Result<T, E>,
    ) -> Result<String, Error> {
        match returned {
            Ok(output) => PlainTag.finish(output),
            Err(error) => Err(Error::from_boxed(error.into())),
        }
    }
}

/// Makes an output of a value.
#[derive(Debug)]
pub struct PlainTag;

impl PlainTag {
    /// The output as JSON.
    pub fn finish<T: Serialize>(self, output: T) -> Result<String, Error> {
        serde_json::to_string(&output)
            .map_err(|error| Error::permanent(format_args!("the result cannot be JSON: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::task::Call;
    use crate::{Category, Context, Error, Task};

    /// A `Result` under a name that no macro could know.
    type Outcome = Result<u8, String>;

    #[crate::task]
    fn nothing() {}

    #[crate::task]
    fn plain() -> &'static str {
        "text"
    }

    #[crate::task(name = "hidden-result")]
    fn hidden(input: u8) -> Outcome {
        if input == 0 {
            return Err("nought".to_owned());
        }
        Ok(input)
    }

    #[crate::task]
    fn boxed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(Error::transient("busy").into())
    }

    #[crate::task]
    async fn io() -> std::io::Result<Vec<u8>> {
        std::fs::read("/no/such/file")
    }

    #[crate::task]
    fn odd_keys() -> std::collections::BTreeMap<(u8, u8), u8> {
        [((1, 2), 3)].into()
    }

    fn called(tasks: &[Task], input: &str) -> Result<String, (Category, String)> {
        let call = Call {
            function: tasks[0].name(),
            input,
            options: "{}",
            context: &Context::default(),
        };
        let result = tasks[0].call(&call);
        result.map_err(|error| (error.category(), error.to_string()))
    }

    #[test]
    fn what_a_function_returns_becomes_an_output_or_a_failure() {
        let works = |tasks, input| called(tasks, input).expect("an output");
        assert_eq!(works(crate::tasks![nothing], "{}"), "null");
        assert_eq!(works(crate::tasks![plain], "{}"), "\"text\"");
        assert_eq!(works(crate::tasks![hidden], "7"), "7");
        let fails = |tasks, input| called(tasks, input).expect_err("a failure");
        assert_eq!(
            fails(crate::tasks![hidden], "0"),
            (Category::Unknown, "nought".to_owned())
        );
        assert_eq!(
            fails(crate::tasks![boxed], "{}"),
            (Category::Transient, "busy".to_owned())
        );
        assert_eq!(fails(crate::tasks![io], "{}").0, Category::Unknown);
        let (category, message) = fails(crate::tasks![odd_keys], "{}");
        assert!(
            category == Category::Permanent && message.contains("cannot be JSON"),
            "{message}"
        );
        let (category, message) = fails(crate::tasks![hidden], "-1");
        assert!(
            category == Category::Permanent && message.contains("`hidden-result`"),
            "{message}"
        );
    }
}
