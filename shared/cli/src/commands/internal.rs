//! What Ork starts of itself: the host of a library task, the reaper of processes. Not for people.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::failure::Exit;

/// Runs the command if it is one of these.
pub(crate) fn run(args: &[OsString]) -> Option<ExitCode> {
    match args.get(1)?.to_str()? {
        "__library" => Some(match args {
            [_, _, path, function] => match function.to_str() {
                Some(function) => ork_library_host::main(Path::new(path), function),
                None => Exit::Invalid.into(),
            },
            _ => Exit::Invalid.into(),
        }),
        "__reaper" => Some(ork_local::exec::reaper_main()),
        _ => None,
    }
}
