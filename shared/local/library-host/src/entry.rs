//! The C interface: the only unsafe code of Ork.

use std::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};

use super::{ABI, HostError};

/// Takes a part of the output, or of the message of a failure. 0 means that it was taken.
type Emit = unsafe extern "C" fn(ctx: *mut c_void, bytes: *const u8, len: usize) -> i32;
/// `uint32_t ork_task_abi_version(void)`
type AbiVersion = unsafe extern "C" fn() -> u32;
/// `int32_t ork_task_call(const char *function, const uint8_t *input, size_t input_len, void *ctx, emit)`
type Call = unsafe extern "C" fn(
    function: *const c_char,
    input: *const u8,
    input_len: usize,
    ctx: *mut c_void,
    emit: Emit,
) -> i32;

const VERSION_SYMBOL: &str = "ork_task_abi_version";
const CALL_SYMBOL: &str = "ork_task_call";

/// A loaded library of the right version.
pub(crate) struct Library {
    call: Call,
    /// Never unloaded: its threads may still run, and this process ends soon.
    _library: std::mem::ManuallyDrop<libloading::Library>,
}

impl Library {
    /// Loads the library and checks its version.
    pub(crate) fn open(path: &Path) -> Result<Self, HostError> {
        // SAFETY: the initialisers of the library run here. They are the user's own code, which asked to be run; this
        // process exists for nothing else and holds nothing that they could harm.
        let library =
            unsafe { libloading::Library::new(path) }.map_err(|source| HostError::Load {
                path: path.into(),
                source,
            })?;
        let library = std::mem::ManuallyDrop::new(library);
        let missing = |symbol| {
            move |_| HostError::Symbol {
                path: PathBuf::from(path),
                symbol,
            }
        };
        // SAFETY: the symbol is declared as in README.md, which is what a library exporting this name promises.
        let version: AbiVersion =
            *unsafe { library.get(VERSION_SYMBOL) }.map_err(missing(VERSION_SYMBOL))?;
        // SAFETY: as declared it takes nothing and touches nothing of ours.
        let found = unsafe { version() };
        if found != ABI {
            return Err(HostError::Version {
                path: path.into(),
                found,
            });
        }
        // SAFETY: as above, and the version says that the declaration is this one.
        let call: Call = *unsafe { library.get(CALL_SYMBOL) }.map_err(missing(CALL_SYMBOL))?;
        Ok(Self {
            call,
            _library: library,
        })
    }

    /// Calls a task; gives its code and what it emitted.
    pub(crate) fn call(&self, function: &CStr, input: &[u8]) -> (i32, Vec<u8>) {
        let mut emitted: Vec<u8> = Vec::new();
        let ctx: *mut Vec<u8> = &raw mut emitted;
        // SAFETY: `function` ends in NUL, `input` is as long as said, `ctx` is what `emit` casts it back to; all three outlive the
        // call, and the interface forbids the library to keep them.
        let code = unsafe {
            (self.call)(
                function.as_ptr(),
                input.as_ptr(),
                input.len(),
                ctx.cast(),
                emit,
            )
        };
        (code, emitted)
    }
}

/// Appends to the vector behind `ctx`.
unsafe extern "C" fn emit(ctx: *mut c_void, bytes: *const u8, len: usize) -> i32 {
    if ctx.is_null() || (bytes.is_null() && len > 0) || isize::try_from(len).is_err() {
        return 1;
    }
    if len > 0 {
        // SAFETY: the interface has the library pass back the `ctx` of the running call, from one thread at a time, and `len`
        // readable bytes.
        unsafe {
            (*ctx.cast::<Vec<u8>>()).extend_from_slice(std::slice::from_raw_parts(bytes, len))
        };
    }
    0
}
