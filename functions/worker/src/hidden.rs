//! What a worker starts of itself: the host of a library task, the reaper of processes. Not for people.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Wrong words after the hidden command.
const WRONG: u8 = 2;

/// Runs the command if `args` (the program's name first) is one of these. Whoever calls [`crate::run`] asks this first thing: the worker
/// starts the program it is part of again, as `PROGRAM __library PATH FUNCTION` and as `PROGRAM __reaper`.
pub fn hidden(args: &[OsString]) -> Option<ExitCode> {
    match args.get(1)?.to_str()? {
        "__library" => Some(match args {
            [_, _, path, function] if let Some(function) = function.to_str() => {
                ork_library_host::main(Path::new(path), function)
            }
            _ => ExitCode::from(WRONG),
        }),
        "__reaper" => Some(ork_local::exec::reaper_main()),
        _ => None,
    }
}
