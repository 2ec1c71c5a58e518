//! The host against real shared objects, each call in a process of its own as `ork __library` makes it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::OnceLock;

/// A library as README.md has it, with a task for each way to end.
const SOURCE: &str = r#"
use std::ffi::{CStr, c_char, c_void};
type Emit = unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32;

#[unsafe(no_mangle)]
pub extern "C" fn ork_task_abi_version() -> u32 { VERSION }

#[unsafe(no_mangle)]
pub unsafe extern "C" fn NAME(function: *const c_char, input: *const u8, len: usize, ctx: *mut c_void, emit: Emit) -> i32 {
    let function = unsafe { CStr::from_ptr(function) }.to_str().unwrap_or("");
    let input = std::str::from_utf8(unsafe { std::slice::from_raw_parts(input, len) }).unwrap();
    let (code, text) = match function {
        "echo" => (0, format!("[{input},\n{}]", input.len())),
        "nothing" => (0, String::new()),
        "busy" => (75, "the server is busy".to_string()),
        "odd" => (-7, "odd".to_string()),
        "crash" => std::process::abort(),
        other => (64, format!("there is no task `{other}`")),
    };
    for part in text.as_bytes().chunks(3) { unsafe { emit(ctx, part.as_ptr(), part.len()) }; }
    code
}
"#;

/// The test program run with these words is the host.
#[test]
fn __library() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "__library") {
        let code = ork_library_host::main(Path::new(&words[at + 1]), &words[at + 2]);
        let known = (0..=255)
            .find(|number| format!("{:?}", ExitCode::from(*number)) == format!("{code:?}"));
        std::process::exit(i32::from(known.expect("an exit code")));
    }
}

fn built(name: &str, version: u32, symbol: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("ork-library-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        path
    });
    let (source, library) = (
        folder.join(format!("{name}.rs")),
        folder.join(format!("lib{name}.so")),
    );
    std::fs::write(
        &source,
        SOURCE
            .replace("VERSION", &version.to_string())
            .replace("NAME", symbol),
    )
    .expect("written");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Cprefer-dynamic=no",
            "-o",
        ])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(status.expect("rustc").success());
    library
}

/// Runs one task; gives how the process ended and what it wrote as its output.
fn call(library: &Path, function: &str, input: &str) -> (Output, Option<String>) {
    let file = library.with_extension(format!("{function}.out"));
    // Of a test program the words after `--` would be refused; the first one selects the test above.
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "__library".as_ref(),
            library.as_os_str(),
            function.as_ref(),
            "--nocapture".as_ref(),
        ])
        .env("ORK_OUTPUT_FILE", &file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("ended");
    let written = std::fs::read_to_string(&file).ok();
    (output, written)
}

#[test]
fn a_task_gives_its_output_or_its_kind_of_failure() {
    let library = built("good", 1, "ork_task_call");
    let input = r#"{"input":{"n":1},"context":{}}"#;
    let (output, written) = call(&library, "echo", input);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(written, Some(format!("[{input},\n{}]", input.len())));
    let (output, written) = call(&library, "nothing", "{}");
    assert_eq!(
        (output.status.code(), written.as_deref()),
        (Some(0), Some(""))
    );
    for (function, code, words) in [
        ("busy", 75, "the server is busy"),
        ("odd", 1, "odd"),
        ("unknown", 64, "there is no task `unknown`"),
    ] {
        let (output, written) = call(&library, function, "{}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), written),
            (Some(code), None),
            "{function}: {said}"
        );
        assert!(said.contains(words), "{function}: {said}");
    }
    let (output, written) = call(&library, "crash", "{}");
    assert_eq!(
        (
            std::os::unix::process::ExitStatusExt::signal(&output.status),
            written
        ),
        (Some(6), None)
    );
}

#[test]
fn what_is_no_ork_library_is_said_to_be_none() {
    let text = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("ork-no-library-{}.so", std::process::id()));
    std::fs::write(&text, "not a library").expect("written");
    for (library, words) in [
        (built("other", 7, "ork_task_call"), "has version 7"),
        (
            built("nameless", 1, "something_else"),
            "does not export `ork_task_call`",
        ),
        (text.clone(), "cannot be loaded"),
        (
            PathBuf::from("/no/such/library.so"),
            "/no/such/library.so cannot be loaded",
        ),
    ] {
        let (output, _) = call(&library, "echo", "{}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(words), "{said}");
    }
    std::fs::remove_file(text).expect("removed");
}
