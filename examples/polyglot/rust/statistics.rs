//! A task in a shared library. Ork calls it through two C functions, in a process of its own.
//!
//! A real library would read its input with serde_json; this one does without dependencies so that plain rustc builds it.

use std::ffi::{CStr, c_char, c_void};

/// Takes bytes of the output, or of the message of a failure.
type Emit = unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32;

const SUCCESS: i32 = 0;
const PERMANENT: i32 = 64;

/// Which version of the interface this library speaks.
#[unsafe(no_mangle)]
pub extern "C" fn ork_task_abi_version() -> u32 {
    1
}

/// Runs one task: JSON in, JSON out through `emit`, and a code that says how it went.
///
/// # Safety
/// Called by Ork, with pointers that are good until it returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ork_task_call(
    function: *const c_char,
    input: *const u8,
    len: usize,
    ctx: *mut c_void,
    emit: Emit,
) -> i32 {
    let function = unsafe { CStr::from_ptr(function) }.to_string_lossy();
    let input = unsafe { std::slice::from_raw_parts(input, len) };
    let result = match &*function {
        "statistics" => statistics(&String::from_utf8_lossy(input)),
        other => Err(format!("there is no task `{other}` in this library")),
    };
    let (code, text) = match result {
        Ok(output) => (SUCCESS, output),
        Err(message) => (PERMANENT, message),
    };
    unsafe { emit(ctx, text.as_ptr(), text.len()) };
    code
}

/// Number, mean and standard deviation of the throws in `{"input": {"rolls": [7, 4, …]}, …}`.
fn statistics(input: &str) -> Result<String, String> {
    let (_, rest) = input
        .split_once("\"rolls\"")
        .ok_or("the input has no `rolls`")?;
    let (_, rest) = rest.split_once('[').ok_or("`rolls` is not a list")?;
    let (list, _) = rest.split_once(']').ok_or("`rolls` has no end")?;
    let rolls: Vec<f64> = list
        .split(',')
        .map(|roll| {
            roll.trim()
                .parse()
                .map_err(|_| format!("`{roll}` is not a number"))
        })
        .collect::<Result<_, _>>()?;
    let count = rolls.len() as f64;
    let mean = rolls.iter().sum::<f64>() / count;
    let deviation = (rolls.iter().map(|roll| (roll - mean).powi(2)).sum::<f64>() / count).sqrt();
    println!("{} throws", rolls.len());
    Ok(format!(
        "{{\"throws\": {}, \"mean\": {mean}, \"deviation\": {deviation}}}",
        rolls.len()
    ))
}
