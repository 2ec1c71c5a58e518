//! Runs one task of a shared object, in a process of its own: `ork __library PATH FUNCTION`.
//!
//! Loading a library runs its code, and calling a function of it trusts its declaration: neither can be made safe, so
//! this crate is where Ork's unsafe code lives, all of it in `entry.rs`. A crash of the library is the crash of this
//! process and of nothing else. README.md says how a library is written.

mod entry;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The version of the C interface.
pub const ABI: u32 = 1;

/// Exit code of a failure that will not pass: also when the library itself cannot be used.
const PERMANENT: u8 = 64;

/// What can be wrong before the task runs.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such file, or it is no library for this machine, or something it needs is missing.
    #[error("the library {path} cannot be loaded: {source}")]
    Load {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: libloading::Error,
    },
    /// It does not export what Ork calls.
    #[error(
        "the library {path} does not export `{symbol}`: export Ork's two entry points with #[unsafe(no_mangle)] pub extern \"C\""
    )]
    Symbol {
        /// Which file.
        path: PathBuf,
        /// What is missing.
        symbol: &'static str,
    },
    /// It was built for another Ork.
    #[error(
        "the library {path} has version {found} of Ork's task interface, this Ork calls version {ABI}: build it again with a matching SDK"
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
}

/// Calls `function` of the library at `path` with the JSON on standard input. Its output goes to the file named by
/// `ORK_OUTPUT_FILE`, or to standard output as an `ORK_OUTPUT:` line; its message on failure to standard error. The exit code is
/// 0, or the category the library gave (64 permanent, 75 transient, 137 out of memory, anything else unknown).
pub fn main(path: &Path, function: &str) -> ExitCode {
    match run(path, function) {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(PERMANENT)
        }
    }
}

fn run(path: &Path, function: &str) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let name = std::ffi::CString::new(function)?;
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let library = entry::Library::open(path)?;
    let (code, emitted) = library.call(&name, &input);
    if code != 0 {
        let message = String::from_utf8_lossy(&emitted);
        complain(if message.trim().is_empty() {
            "the task failed without a message"
        } else {
            message.trim()
        });
        return Ok(ExitCode::from(
            u8::try_from(code)
                .ok()
                .filter(|code| *code != 0)
                .unwrap_or(1),
        ));
    }
    match std::env::var_os("ORK_OUTPUT_FILE") {
        Some(file) => std::fs::write(file, &emitted)?,
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(b"\nORK_OUTPUT:")?;
            // A line of its own, whatever white space the library put between its tokens.
            out.write_all(
                &emitted
                    .iter()
                    .map(|byte| {
                        if *byte == b'\n' || *byte == b'\r' {
                            b' '
                        } else {
                            *byte
                        }
                    })
                    .collect::<Vec<u8>>(),
            )?;
            out.write_all(b"\n")?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn complain(message: &str) {
    // Without a standard error there is nobody to tell; the exit code still says it.
    let _ = writeln!(std::io::stderr(), "{message}");
}
