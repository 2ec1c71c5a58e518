//! Tasks in a shared object, which `executor: library` loads: the C entry points, and what they call.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::context::Upstream;
use crate::environment;
use crate::task::{self, Call, Task};
use crate::{Context, Error, Log};

/// The version of the C interface that [`library!`](crate::library) exports.
pub const ABI: u32 = 1;

/// Exports these tasks from a shared object, for `executor: library`, and nothing else: [`main!`](crate::main) does it too, and makes a
/// program of them as well. A crate has one of the two, once.
///
/// Put it into a crate with `crate-type = ["cdylib"]`; add `"rlib"` to use the same tasks in a program of other tasks.
/// Ork loads the object in a process of its own for each attempt.
///
/// The code that it writes is unsafe, because C is: it turns the pointers that Ork passes into slices, for the time of the
/// call, and passes the output back through the function that came with them. Nothing else of this crate is.
///
/// ```
/// #[ork::task]
/// fn score(input: std::collections::BTreeMap<String, f64>) -> f64 {
///     input.values().sum()
/// }
///
/// ork::library!(score);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! library {
    ($($task:ty),+ $(,)?) => {
        const _: () = {
            type Emit = unsafe extern "C" fn(*mut ::core::ffi::c_void, *const u8, usize) -> i32;

            /// Which version of Ork's task interface this library has.
            #[unsafe(no_mangle)]
            pub extern "C" fn ork_task_abi_version() -> u32 {
                $crate::__private::ABI
            }

            /// Calls one task.
            ///
            /// # Safety
            /// `function` ends in NUL, `input` has `input_len` readable bytes, and `emit` may be called with `ctx`, all until this returns.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn ork_task_call(
                function: *const ::core::ffi::c_char,
                input: *const u8,
                input_len: usize,
                ctx: *mut ::core::ffi::c_void,
                emit: Emit,
            ) -> i32 {
                let function = if function.is_null() {
                    &[][..]
                } else {
                    // SAFETY: it is not null, and the caller promises the NUL at its end.
                    unsafe { ::core::ffi::CStr::from_ptr(function) }.to_bytes()
                };
                let input = if input.is_null() {
                    &[][..]
                } else {
                    // SAFETY: it is not null, and the caller promises so many bytes.
                    unsafe { ::core::slice::from_raw_parts(input, input_len) }
                };
                let (code, text) = $crate::__private::library_call($crate::tasks![$($task),+], function, input);
                // SAFETY: the caller promises that it may be called with its `ctx`; the bytes are there until it returns.
                let taken = unsafe { emit(ctx, text.as_ptr(), text.len()) };
                if taken == 0 { code } else { 1 }
            }
        };
    };
}

/// What comes as the input of a library's task.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    context: Told,
}

#[derive(Deserialize)]
#[serde(default)]
struct Told {
    task_id: String,
    run_id: String,
    task_name: String,
    workflow_name: String,
    attempt: u32,
    parallel_index: u32,
    parallel_count: u32,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            task_id: String::new(),
            run_id: String::new(),
            task_name: String::new(),
            workflow_name: String::new(),
            attempt: 1,
            parallel_index: 0,
            parallel_count: 1,
        }
    }
}

/// Calls a task: its exit code, and its output or the message of its failure.
pub fn call(tasks: &[Task], function: &[u8], input: &[u8]) -> (i32, Vec<u8>) {
    match answer(tasks, function, input) {
        Ok(output) => (0, output.into_bytes()),
        Err(error) => (
            error.category().exit_code().into(),
            error.to_string().into_bytes(),
        ),
    }
}

fn answer(tasks: &[Task], function: &[u8], input: &[u8]) -> Result<String, Error> {
    task::check(tasks)?;
    let task = task::find(tasks, &String::from_utf8_lossy(function))?;
    let envelope: Envelope<'_> = serde_json::from_slice(input).map_err(|error| {
        Error::permanent(format_args!(
            "what Ork passed is not an object of input and context: {error}"
        ))
    })?;
    let told = envelope.context;
    let context = Context {
        task_id: told.task_id,
        run_id: told.run_id,
        task_name: told.task_name,
        workflow_name: told.workflow_name,
        attempt: told.attempt,
        parallel_index: told.parallel_index,
        parallel_count: told.parallel_count,
        log: Log::default(),
        // The rest is in the environment: the process is there for this attempt alone.
        metrics: environment::metrics(&environment::ours),
        upstream: Upstream::of(environment::source(&environment::ours, "UPSTREAM")?),
    };
    task.call(&Call {
        function: task.name(),
        input: envelope.input.get(),
        options: "{}",
        context: &context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[crate::task]
    fn who(input: serde_json::Value, ctx: &Context) -> String {
        format!("{} {} {input}", ctx.task_name, ctx.attempt)
    }

    #[crate::task]
    fn broken() {
        panic!("out of cheese");
    }

    fn called(function: &str, input: &str) -> (i32, String) {
        let (code, text) = call(
            crate::tasks![who, broken],
            function.as_bytes(),
            input.as_bytes(),
        );
        (code, String::from_utf8(text).expect("text"))
    }

    #[test]
    fn a_call_is_answered_with_a_code_and_a_text() {
        let input = r#"{"input": {"a": 1}, "context": {"task_name": "t", "attempt": 2}}"#;
        assert_eq!(called("who", input), (0, r#""t 2 {\"a\":1}""#.to_owned()));
        assert_eq!(
            called("broken", input),
            (1, "panicked: out of cheese".to_owned())
        );
        let (code, text) = called("hwo", input);
        assert!(code == 64 && text.contains("did you mean `who`"), "{text}");
        let (code, text) = called("who", "[]");
        assert!(code == 64 && text.contains("input and context"), "{text}");
    }
}
