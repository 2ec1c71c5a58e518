//! Python tasks on warm interpreters, scripts, environments.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ork_core::definition::{Executor, Isolation, PythonSource};
use ork_core::limits::OUTPUT_BYTES;
use ork_core::run::Category;
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;

use super::harness::{Bench, gone, json};

const TASKS: &str = r#"
import os, sys, time

def add(a: int, b: int = 1):
    print("adding", a, b)
    print("careful", file=sys.stderr)
    return {"sum": a + b, "pid": os.getpid()}

def context(ctx):
    return [ctx.run_id, ctx.task_name, ctx.workflow_name, ctx.attempt, ctx.parallel_index, os.getcwd(), os.environ["MINE"], os.environ.get("ORK_UPSTREAM_JSON")]

def fails():
    raise ValueError("no good")

def big(n: int):
    return "x" * n

def hog():
    held = []
    while True:
        held.append(bytearray(8 << 20))

def sleeps():
    print("sleeping", flush=True)
    time.sleep(1000)

def stubborn():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(0.01)

def dies():
    os.kill(os.getpid(), 11)

def leaves():
    sys.exit(75)

def noisy(mb: int):
    for _ in range(mb):
        sys.stdout.write("y" * (1 << 20))
    return "done"

def text():
    sys.stdout.buffer.write(b"\xff\xfe bytes\n")
    return "ü"
"#;

fn bench(parallel: usize) -> Bench {
    let bench = Bench::new(parallel);
    bench.file("tasks.py", TASKS);
    bench
}

#[test]
fn a_function_gets_its_arguments_and_returns_json() {
    let mut bench = bench(2);
    let mut pids = Vec::new();
    for reuse in [false, false, true, true] {
        let mut spec = if reuse {
            bench.reused("tasks.py", "add")
        } else {
            bench.python("tasks.py", "add")
        };
        spec.input = json(r#"{"a": 40, "b": 2}"#);
        let id = bench.submit(spec);
        let pid = bench.started(&id);
        let end = bench.ended(&id);
        let output: serde_json::Value = serde_json::from_str(end.output()).expect("JSON");
        assert_eq!(output, serde_json::json!({"sum": 42, "pid": pid}));
        pids.push(pid);
        let log = std::fs::read_to_string(bench.object(id.index, "log.txt")).expect("a log");
        assert!(
            log.contains("adding 40 2\n") && log.contains("careful\n"),
            "{log}"
        );
        assert_eq!(end.log_bytes, log.len() as u64);
        assert!(
            reuse || end.maxrss.is_some_and(|bytes| bytes > 1 << 20),
            "{end:?}"
        );
    }
    assert_ne!(pids[0], pids[1], "a process for each");
    assert_eq!(pids[2], pids[3], "one process for both");
}

#[test]
fn a_function_knows_its_attempt_folder_and_environment() {
    let mut bench = bench(1);
    for reuse in [false, true] {
        let mut spec = if reuse {
            bench.reused("tasks.py", "context")
        } else {
            bench.python("tasks.py", "context")
        };
        spec.env = vec![("MINE".to_owned(), "ü".to_owned())];
        spec.upstream = json(r#"{"up":1}"#);
        let index = spec.id.index;
        let end = bench.run(spec);
        let expected = serde_json::json!([
            "run1",
            "job",
            "flow",
            1,
            index,
            bench.dir.workflow_dir,
            "ü",
            "{\"up\":1}"
        ]);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(end.output()).expect("JSON"),
            expected
        );
    }
}

#[test]
fn failures_say_what_where_and_which_kind() {
    let mut bench = bench(2);
    bench.file("broken.py", "def main(:\n");
    for reuse in [false, true] {
        for (file, function, category, words) in [
            (
                "tasks.py",
                "fails",
                Category::Unknown,
                "ValueError: no good",
            ),
            ("gone.py", "main", Category::Permanent, "gone.py"),
            ("tasks.py", "nothing", Category::Permanent, "nothing"),
            ("broken.py", "main", Category::Permanent, "SyntaxError"),
            ("tasks.py", "dies", Category::Unknown, "SIGSEGV"),
            ("tasks.py", "leaves", Category::Transient, "75"),
        ] {
            let spec = if reuse {
                bench.reused(file, function)
            } else {
                bench.python(file, function)
            };
            let end = bench.run(spec);
            let (found, message) = end.failure();
            assert!(
                found == category && message.contains(words),
                "{file} {function} (reuse: {reuse}): {:?}",
                end.verdict
            );
        }
    }
    let source = PythonSource::Module("no_such_module".to_owned());
    let spec = bench.spec(Executor::Python {
        source,
        function: "main".to_owned(),
        isolation: Isolation::Process,
        preload: false,
    });
    let end = bench.run(spec);
    assert!(
        end.failure().0 == Category::Permanent && end.failure().1.contains("no_such_module"),
        "{:?}",
        end.verdict
    );
    let spec = bench.python("tasks.py", "fails");
    let end = bench.run(spec);
    assert!(
        end.tail()
            .iter()
            .any(|line| line.contains("tasks.py\", line")),
        "a traceback: {:?}",
        end.tail()
    );
}

#[test]
fn a_missing_or_unfit_interpreter_is_named_with_what_was_tried() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = |name: &str, text: &str| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        path
    };
    let old = program(
        "old",
        "#!/bin/sh\necho '{\"executable\": \"/x/python\", \"version\": \"3.8.10\"}'\n",
    );
    let mute = program("mute", "#!/bin/sh\necho what >&2; exit 1\n");
    for (python, words) in [
        (
            PathBuf::from("/no/such/python"),
            ["ORK_PYTHON=/no/such/python", "does not exist"],
        ),
        (old, ["Python 3.8.10", "3.9 or newer"]),
        (mute, ["does not answer", "what"]),
    ] {
        let mut bench = Bench::with(1, |config| config.python = Some(python));
        let spec = bench.python("tasks.py", "add");
        let end = bench.run(spec);
        let (category, message) = end.failure();
        assert!(
            category == Category::Permanent
                && words.iter().all(|word| message.contains(word))
                && !end.started,
            "{message}"
        );
    }
    let empty = dir.path().as_os_str().to_owned();
    let mut bench = Bench::with(1, |config| {
        config.env_passthrough = vec![("PATH".into(), empty)]
    });
    let spec = bench.python("tasks.py", "add");
    let end = bench.run(spec);
    assert!(
        end.failure().1.contains("neither `python3` nor `python`")
            && end.failure().1.contains("ORK_PYTHON"),
        "{:?}",
        end.verdict
    );
}

#[test]
fn results_of_every_size_arrive_or_are_refused() {
    let mut bench = bench(1);
    for reuse in [false, true] {
        for (size, ok) in [
            (10, true),
            (70_000, true),
            (OUTPUT_BYTES - 2, true),
            (OUTPUT_BYTES - 1, false),
            (3 * OUTPUT_BYTES, false),
        ] {
            let mut spec = if reuse {
                bench.reused("tasks.py", "big")
            } else {
                bench.python("tasks.py", "big")
            };
            spec.input = json(&format!("{{\"n\": {size}}}"));
            let index = spec.id.index;
            let end = bench.run(spec);
            match &end.verdict {
                Verdict::Success {
                    output: Output::Inline(text),
                } => assert!(ok && text.len() == size + 2),
                Verdict::Success {
                    output: Output::Object { bytes },
                } => {
                    assert!(ok && *bytes == size as u64 + 2, "{size}");
                    assert_eq!(
                        std::fs::metadata(bench.object(index, "output.json"))
                            .expect("an object")
                            .len(),
                        *bytes
                    );
                }
                Verdict::Failed {
                    category, message, ..
                } => {
                    assert!(
                        !ok && *category == Category::Permanent
                            && message.contains("return the file's path"),
                        "{size}: {message}"
                    );
                }
                Verdict::Deferred { .. } => panic!("not deferred"),
            }
        }
    }
}

#[test]
fn a_large_input_arrives_whole() {
    let mut bench = bench(1);
    bench.file(
        "len.py",
        "import os\ndef main(text: str):\n    return [len(text), 'ORK_INPUT_JSON' in os.environ]\n",
    );
    for reuse in [false, true] {
        let mut spec = if reuse {
            bench.reused("len.py", "main")
        } else {
            bench.python("len.py", "main")
        };
        spec.input = json(&format!("{{\"text\": \"{}\"}}", "x".repeat(2_000_000)));
        let end = bench.run(spec);
        assert!(
            end.output().replace(' ', "").starts_with("[2000000,"),
            "{}",
            end.output()
        );
    }
}

#[test]
fn too_much_memory_is_oom() {
    let mut bench = bench(1);
    for reuse in [false, true] {
        let mut spec = if reuse {
            bench.reused("tasks.py", "hog")
        } else {
            bench.python("tasks.py", "hog")
        };
        spec.memory_bytes = Some(100 << 20);
        let end = bench.run(spec);
        assert_eq!(end.failure().0, Category::Oom, "{:?}", end.verdict);
    }
}

#[test]
fn time_out_and_stop_end_a_python_task_however_stubborn() {
    let mut bench = bench(2);
    for reuse in [false, true] {
        for function in ["sleeps", "stubborn"] {
            let mut spec = if reuse {
                bench.reused("tasks.py", function)
            } else {
                bench.python("tasks.py", function)
            };
            spec.timeout = Millis(300);
            let id = bench.submit(spec);
            let pid = bench.started(&id);
            let end = bench.ended(&id);
            assert_eq!(
                end.failure().0,
                Category::Timeout,
                "{function}: {:?}",
                end.verdict
            );
            gone(pid);
            let spec = if reuse {
                bench.reused("tasks.py", function)
            } else {
                bench.python("tasks.py", function)
            };
            let id = bench.submit(spec);
            let pid = bench.started(&id);
            bench.executor.stop(&id);
            assert!(bench.ended(&id).stopped);
            gone(pid);
        }
    }
}

#[test]
fn a_template_that_dies_loses_its_attempts_and_is_started_again() {
    let mut bench = bench(1);
    bench.file(
        "parent.py",
        "import os, time\ndef main():\n    while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):\n        time.sleep(0.005)\n    os.kill(os.getppid(), 9)\n    time.sleep(1000)\n",
    );
    let spec = bench.python("parent.py", "main");
    let id = bench.submit(spec);
    // Before its template dies: nobody promises that the news of its start survives that.
    let pid = bench.started(&id);
    bench.file("go", "");
    let end = bench.ended(&id);
    assert_eq!(end.failure().0, Category::Lost, "{:?}", end.verdict);
    gone(pid);
    let mut spec = bench.python("tasks.py", "add");
    spec.input = json("{\"a\": 1}");
    assert!(
        bench.run(spec).output().contains("\"sum\":"),
        "the next one runs"
    );
}

#[test]
fn noise_and_bytes_that_are_no_text_do_no_harm() {
    let mut bench = bench(1);
    for reuse in [false, true] {
        let mut spec = if reuse {
            bench.reused("tasks.py", "noisy")
        } else {
            bench.python("tasks.py", "noisy")
        };
        spec.input = json("{\"mb\": 20}");
        let end = bench.run(spec);
        assert_eq!(end.output(), "\"done\"");
        assert!(
            end.log_bytes > 8_000_000 && end.log_bytes < 8_500_000,
            "{}",
            end.log_bytes
        );
        let spec = if reuse {
            bench.reused("tasks.py", "text")
        } else {
            bench.python("tasks.py", "text")
        };
        let index = spec.id.index;
        let end = bench.run(spec);
        assert_eq!(
            serde_json::from_str::<String>(end.output()).expect("text"),
            "ü"
        );
        assert_eq!(
            std::fs::read(bench.object(index, "log.txt")).expect("a log"),
            b"\xff\xfe bytes\n"
        );
    }
}

#[test]
fn preloaded_modules_are_imported_once() {
    let mut bench = bench(1);
    bench.file("heavy.py", "import os\nwith open(os.path.dirname(__file__) + '/imports', 'a') as file:\n    file.write(f'{os.getpid()}\\n')\ndef main():\n    return os.getpid()\n");
    for _ in 0..3 {
        let source = PythonSource::File("heavy.py".to_owned());
        let spec = bench.spec(Executor::Python {
            source,
            function: "main".to_owned(),
            isolation: Isolation::Process,
            preload: true,
        });
        bench.run(spec).output();
    }
    let imports = std::fs::read_to_string(bench.dir.workflow_dir.join("imports")).expect("written");
    assert_eq!(imports.lines().count(), 1, "{imports}");
}

#[test]
fn a_script_gets_files_and_its_standard_output_is_its_output() {
    let mut bench = bench(1);
    let body = "import sys, os\nprint(open('raw').read().upper())\nprint('note', file=sys.stderr)\nopen('left', 'w').write(os.getcwd())\nprint(os.getcwd())\n";
    let mut spec = bench.spec(Executor::Script {
        body: body.to_owned(),
        line: 7,
    });
    spec.files = vec![("raw".to_owned(), "hello\n".into())];
    let end = bench.run(spec);
    let text: String = serde_json::from_str(end.output()).expect("text");
    let (first, cwd) = text.trim_end().split_once("\n\n").expect("two parts");
    assert_eq!(first, "HELLO");
    assert!(!std::path::Path::new(cwd).exists(), "{cwd} is removed");
    let log = std::fs::read_to_string(bench.object(1, "log.txt")).expect("a log");
    assert!(log.contains("HELLO") && log.contains("note"), "{log}");
    let spec = bench.spec(Executor::Script {
        body: "x = 1\nraise SystemExit('no luck')\n".to_owned(),
        line: 7,
    });
    let end = bench.run(spec);
    assert!(
        end.tail().iter().any(|line| line.contains("no luck"))
            || end.failure().1.contains("no luck"),
        "{:?}",
        end.verdict
    );
    let spec = bench.spec(Executor::Script {
        body: "x = 1\nnonsense\n".to_owned(),
        line: 7,
    });
    let end = bench.run(spec);
    assert!(
        end.tail().iter().any(|line| line.contains("line 8")),
        "{:?}",
        end.tail()
    );
}

/// A wheel is a zip file; with one at hand no network is needed.
const MAKE_WHEEL: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + '/ork_demo-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('ork_demo.py', 'VALUE = 42\\n')
    wheel.writestr('ork_demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: ork-demo\\nVersion: 1.0\\n')
    wheel.writestr('ork_demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('ork_demo-1.0.dist-info/RECORD', 'ork_demo.py,,\\nork_demo-1.0.dist-info/METADATA,,\\nork_demo-1.0.dist-info/WHEEL,,\\nork_demo-1.0.dist-info/RECORD,,\\n')
";

#[test]
fn requirements_get_an_environment_of_their_own_built_once() {
    let mut bench = bench(2);
    let wheels = bench.dir.workflow_dir.join("wheels");
    std::fs::create_dir(&wheels).expect("a folder");
    let made = std::process::Command::new("python3")
        .args(["-c", MAKE_WHEEL])
        .arg(&wheels)
        .status()
        .expect("python3");
    assert!(made.success());
    bench.file(
        "demo.py",
        "import sys, ork_demo\ndef main():\n    return [ork_demo.VALUE, sys.prefix]\n",
    );
    bench.file(
        "requirements.txt",
        "--no-index\n--find-links wheels\nork-demo==2.0\n",
    );
    let spec = bench.python("demo.py", "main");
    let end = bench.run(spec);
    let (category, message) = end.failure();
    assert_eq!(category, Category::Recoverable, "{message}");
    assert!(
        message.contains("requirements.txt") && message.contains("ork-demo==2.0"),
        "{message}"
    );

    bench.file(
        "requirements.txt",
        "# ours\n--no-index\n--find-links wheels\nork-demo==1.0\n",
    );
    for round in 0..3 {
        let before = bench.setup().matches("building").count();
        let spec = bench.python("demo.py", "main");
        let end = bench.run(spec);
        let (value, prefix): (u32, PathBuf) =
            serde_json::from_str(end.output()).expect("two values");
        assert!(
            value == 42 && prefix.starts_with(bench.state.join("venvs")),
            "{prefix:?}"
        );
        let built = bench.setup().matches("building").count() - before;
        assert_eq!(built, usize::from(round == 0), "{}", bench.setup());
    }
    assert!(
        bench
            .setup()
            .contains("requirements.txt: the virtual environment is ready"),
        "{}",
        bench.setup()
    );
    // A folder that asks for nothing any more goes back to the plain interpreter, once it is looked at again.
    bench.file("requirements.txt", "# nothing\n");
    bench.executor.refresh(&bench.dir);
    let spec = bench.python("demo.py", "main");
    let end = bench.run(spec);
    assert!(end.failure().1.contains("ork_demo"), "{:?}", end.verdict);
}
