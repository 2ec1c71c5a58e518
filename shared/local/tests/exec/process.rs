//! Commands: what they are told, what they give back, how they end.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use ork_core::definition::{CommandLine, Executor, SecretMount, SecretRef};
use ork_core::run::Category;
use ork_core::task::{Output, Verdict};
use ork_local::exec::{ExecEvent, check};

use super::harness::{Bench, appears, gone, is_alive, json, text};

#[test]
fn a_command_that_says_nothing_gives_null_and_leaves_nothing() {
    let mut bench = Bench::new(2);
    let spec = bench.shell("/bin/true");
    let id = bench.submit(spec);
    bench.started(&id);
    let end = bench.ended(&id);
    assert_eq!(end.output(), "null");
    assert_eq!((end.log_bytes, end.started, end.stopped), (0, true, false));
    assert!(!bench.objects.exists(), "no object for a silent task");
    assert_eq!(
        (bench.executor.backlog(), bench.executor.running().len()),
        (0, 0)
    );
}

#[test]
fn the_attempt_is_told_by_environment_and_standard_input() {
    let mut bench = Bench::new(1);
    let script = r#"cat; echo; echo "$ORK_INPUT_JSON|$ORK_UPSTREAM_JSON|$ORK_RUN_ID|$ORK_TASK_NAME|$ORK_WORKFLOW_NAME|$ORK_ATTEMPT|$ORK_PARALLEL_INDEX|$ORK_PARALLEL_COUNT|$MINE|$(pwd)"; echo "on stderr" >&2"#;
    let mut spec = bench.shell(script);
    spec.input = json(r#"{"a": 1}"#);
    spec.upstream = json(r#"{"up": [2]}"#);
    spec.env = vec![("MINE".to_owned(), "my value".to_owned())];
    let end = bench.run(spec);
    assert_eq!(end.output(), "null");
    let log = std::fs::read_to_string(bench.object(1, "log.txt")).expect("a log");
    let dir = bench.dir.workflow_dir.display();
    assert!(
        log.contains("{\"a\": 1}\n{\"a\": 1}|{\"up\": [2]}|run1|job|flow|1|1|1000|my value|"),
        "{log}"
    );
    assert!(
        log.contains(&format!("|{dir}")) && log.contains("on stderr\n"),
        "{log}"
    );
    assert_eq!(end.log_bytes, log.len() as u64);
}

#[test]
fn large_inputs_arrive_as_files_and_by_standard_input() {
    let mut bench = Bench::new(1);
    let mut spec = bench.shell(r#"cmp - "$ORK_INPUT_JSON_FILE" && cmp "$ORK_INPUT_JSON_FILE" "$ORK_UPSTREAM_JSON_FILE" && test -z "$ORK_INPUT_JSON" && echo ORK_OUTPUT:1"#);
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(3_000_000));
    (spec.input, spec.upstream) = (json(&large), json(&large));
    assert_eq!(bench.run(spec).output(), "1");
}

#[test]
fn the_output_is_the_last_output_line_then_the_file_then_null() {
    let mut bench = Bench::new(1);
    for (command, expected) in [
        (
            "echo 'ORK_OUTPUT:{\"a\":1}'; echo 'ORK_OUTPUT: [2] '; echo bye; echo 7 > $ORK_OUTPUT_FILE",
            "[2]",
        ),
        ("printf 'no newline\\nORK_OUTPUT:3'", "3"),
        (
            "echo ' \"from the file\" ' > $ORK_OUTPUT_FILE",
            "\"from the file\"",
        ),
        ("echo 'ORK_OUTPUT:4' >&2", "null"),
        (": > $ORK_OUTPUT_FILE", "null"),
    ] {
        let spec = bench.shell(command);
        assert_eq!(bench.run(spec).output(), expected, "{command}");
    }
}

#[test]
fn output_that_is_not_json_fails_for_good_and_quotes_it() {
    let mut bench = Bench::new(1);
    for (command, words) in [
        (
            "echo 'ORK_OUTPUT:{\"rows\": 12,}'",
            [
                "the ORK_OUTPUT line is not JSON",
                "column 13",
                "`{\"rows\": 12,}`",
            ],
        ),
        (
            "echo 'hello world' > $ORK_OUTPUT_FILE",
            [
                "the file ORK_OUTPUT_FILE is not JSON",
                "column 1",
                "`hello world`",
            ],
        ),
        (
            "printf '\"a\\377\"' > $ORK_OUTPUT_FILE",
            ["is not JSON", "byte 2 is not UTF-8", "begins"],
        ),
        (
            "echo ORK_OUTPUT:1e999",
            ["is not JSON", "number out of range", "1e999"],
        ),
    ] {
        let spec = bench.shell(command);
        let end = bench.run(spec);
        let (category, message) = end.failure();
        assert_eq!(category, Category::Permanent);
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_pipe_left_where_the_output_belongs_fails_the_task_and_blocks_nobody() {
    let mut bench = Bench::new(1);
    let spec = bench.shell("rm -f $ORK_OUTPUT_FILE; mkfifo $ORK_OUTPUT_FILE");
    let end = bench.run(spec);
    let (_, message) = end.failure();
    assert!(message.contains("not a regular file"), "{message}");
    let spec = bench.shell("echo ORK_OUTPUT:1");
    bench.run(spec).output();
}

#[test]
fn exit_codes_and_signals_say_which_kind_of_failure_it_was() {
    let mut bench = Bench::new(2);
    for (command, category, words, code) in [
        (
            "echo no such table >&2; exit 64",
            Category::Permanent,
            "code 64 (permanent): no such table",
            Some(64),
        ),
        ("exit 75", Category::Transient, "code 75", Some(75)),
        ("exit 3", Category::Unknown, "exited with code 3", Some(3)),
        (
            "exit 137",
            Category::Unknown,
            "code 137 (SIGKILL",
            Some(137),
        ),
        (
            "kill -SEGV $$",
            Category::Unknown,
            "killed by SIGSEGV",
            None,
        ),
        (
            "kill -KILL $$",
            Category::Unknown,
            "killed by SIGKILL",
            None,
        ),
        (
            "no_such_program --help",
            Category::Unknown,
            "not found",
            Some(127),
        ),
    ] {
        let spec = bench.shell(command);
        let end = bench.run(spec);
        let Verdict::Failed {
            category: found,
            message,
            exit_code,
            ..
        } = &end.verdict
        else {
            panic!("{command}: {:?}", end.verdict)
        };
        assert_eq!(
            (*found, *exit_code),
            (category, code),
            "{command}: {message}"
        );
        assert!(message.contains(words), "{command}: {message}");
    }
}

#[test]
fn what_cannot_be_started_is_a_permanent_failure_that_says_why() {
    let mut bench = Bench::new(1);
    bench.file("plain.dat", "text");
    let no_interpreter = bench.file("odd", "#!/no/such/interpreter\n");
    std::fs::set_permissions(&no_interpreter, std::fs::Permissions::from_mode(0o755)).expect("set");
    let argv = |words: &[&str]| CommandLine::Argv(words.iter().map(|word| text(word)).collect());
    for (command, words) in [
        (argv(&["no_such_program"]), "not on PATH"),
        (argv(&["./no/such/file"]), "does not exist"),
        (argv(&[]), "empty"),
        (CommandLine::File("gone.sh".to_owned()), "gone.sh"),
        (CommandLine::File("plain.dat".to_owned()), "chmod +x"),
        (CommandLine::File("odd".to_owned()), "interpreter"),
    ] {
        let spec = bench.spec(Executor::Process {
            command: command.clone(),
        });
        let end = bench.run(spec);
        let (category, message) = end.failure();
        assert!(
            category == Category::Permanent && message.contains(words) && !end.started,
            "{command:?}: {message}"
        );
    }
    let spec = bench.shell("/bin/true");
    let id = spec.id.clone();
    let nowhere = ork_local::exec::RunDir::new(bench.dir.workflow_dir.join("nowhere"));
    bench.executor.submit(spec, nowhere.into());
    let end = bench.ended(&id);
    assert!(
        end.failure().1.contains("folder") && end.failure().1.contains("nowhere"),
        "{:?}",
        end.verdict
    );
}

#[test]
fn scripts_run_by_permission_first_line_or_ending() {
    let mut bench = Bench::new(1);
    bench.file("a.sh", "echo \"ORK_OUTPUT:\\\"$0\\\"\"\n");
    bench.file("b", "#!/bin/sh -e\nfalse\necho ORK_OUTPUT:1\n");
    let executable = bench.file("c", "#!/bin/sh\necho ORK_OUTPUT:3\n");
    std::fs::set_permissions(executable, std::fs::Permissions::from_mode(0o755)).expect("set");
    let mut run = |file: &str| {
        let spec = bench.spec(Executor::Process {
            command: CommandLine::File(file.to_owned()),
        });
        bench.run(spec)
    };
    assert!(run("a.sh").output().ends_with("a.sh\""));
    assert_eq!(run("c").output(), "3");
    assert!(
        run("b").failure().1.contains("code 1"),
        "its first line has -e"
    );
}

#[test]
fn secrets_are_variables_or_private_files_and_missing_ones_fail() {
    let mut bench = Bench::with(1, |config| {
        config.secret_lookup = |name| (name == "KEY").then(|| "s3cret".to_owned())
    });
    let mount = |name: &str, secret: &str, path: Option<&str>| SecretMount {
        name: name.to_owned(),
        secret: SecretRef {
            name: secret.to_owned(),
        },
        path: path.map(str::to_owned),
    };
    let mut spec = bench.shell(r#"test "$TOKEN" = s3cret && test "$(cat $KEY_FILE)" = s3cret && stat -c %a "$KEY_FILE" && printf 'ORK_OUTPUT:"%s"\n' "$KEY_FILE""#);
    spec.secrets = vec![
        mount("TOKEN", "KEY", None),
        mount("KEY_FILE", "KEY", Some("/secrets/key.pem")),
    ];
    let end = bench.run(spec);
    let path = end.output().trim_matches('"').to_owned();
    assert!(
        path.ends_with("key.pem") && !std::path::Path::new(&path).exists(),
        "{path}"
    );
    assert_eq!(
        std::fs::read_to_string(bench.object(1, "log.txt"))
            .expect("a log")
            .lines()
            .next(),
        Some("600")
    );
    let mut spec = bench.shell("printf 'ORK_OUTPUT:%s' \"$ORK_INPUT_JSON\"");
    spec.input = json("{\"a\":1}");
    spec.input_secrets = vec![(
        "token".to_owned(),
        SecretRef {
            name: "KEY".to_owned(),
        },
    )];
    assert_eq!(bench.run(spec).output(), r#"{"a":1,"token":"s3cret"}"#);
    let mut spec = bench.shell("true");
    spec.secrets = vec![mount(
        "TOKEN",
        "projects/p/secrets/NOPE/versions/latest",
        None,
    )];
    let end = bench.run(spec);
    assert_eq!(end.failure().0, Category::Permanent);
    assert!(
        end.failure()
            .1
            .contains("set the environment variable NOPE"),
        "{:?}",
        end.verdict
    );
}

#[test]
fn a_daemon_left_behind_neither_lives_on_nor_holds_up_the_end() {
    let mut bench = Bench::new(1);
    let pid_file = bench.dir.workflow_dir.join("daemon.pid");
    let spec = bench.shell("sh -c 'echo $$ > daemon.tmp; mv daemon.tmp daemon.pid; exec sleep 1000' & while ! test -e daemon.pid; do sleep 0.01; done; echo ORK_OUTPUT:1");
    let end = bench.run(spec);
    assert_eq!(end.output(), "1");
    assert!(end.duration.0 < 60_000, "{}", end.duration);
    gone(appears(&pid_file).trim().parse().expect("a number"));
}

#[test]
fn a_process_that_left_its_group_does_not_hold_up_the_end() {
    let mut bench = Bench::new(1);
    let spec = bench.shell("setsid sh -c 'echo $$ > d.tmp; mv d.tmp d.pid; while :; do echo still here; sleep 0.001; done' & while ! test -e d.pid; do sleep 0.01; done; echo ORK_OUTPUT:1");
    let end = bench.run(spec);
    assert_eq!(end.output(), "1");
    // Its pipe is closed, so it ends at its next word.
    gone(
        appears(&bench.dir.workflow_dir.join("d.pid"))
            .trim()
            .parse()
            .expect("a number"),
    );
}

#[test]
fn a_custom_executor_runs_its_command_with_the_options_of_the_task() {
    let argv = [
        "/bin/sh",
        "-c",
        "printf 'ORK_OUTPUT:[%s,%s]' \"$ORK_OPTIONS_JSON\" \"$ORK_INPUT_JSON\"",
    ];
    let mut bench = Bench::with(1, |config| {
        config.custom.insert(
            "batch".to_owned(),
            argv.iter().map(|word| (*word).to_owned()).collect(),
        );
    });
    let options = BTreeMap::from([("queue".to_owned(), serde_json::json!("fast"))]);
    let spec = bench.spec(Executor::Custom {
        name: "batch".to_owned(),
        options: options.clone(),
    });
    assert_eq!(bench.run(spec).output(), r#"[{"queue":"fast"},{}]"#);
    let unknown = Executor::Custom {
        name: "other".to_owned(),
        options,
    };
    let error = check(&unknown, bench.executor.config()).expect_err("not declared");
    assert!(
        error.contains("`other`") && error.contains("ork.yaml") && error.contains("batch"),
        "{error}"
    );
    let spec = bench.spec(unknown);
    assert!(bench.run(spec).failure().1.contains("not declared"));
}

#[test]
fn executors_of_the_cloud_are_refused_with_what_can_run_here() {
    let bench = Bench::new(1);
    for executor in [
        Executor::CloudRun {
            job: None,
            command: None,
        },
        Executor::Service {
            source: None,
            function: None,
        },
        Executor::Docker { command: None },
        Executor::Kubernetes { command: None },
        Executor::Dbt {
            project: "p".to_owned(),
            models: Vec::new(),
        },
    ] {
        let error = check(&executor, bench.executor.config()).expect_err("not here");
        assert!(
            error.contains(&format!("`{}`", executor.word()))
                && error.contains("ork execute")
                && error.contains("process"),
            "{error}"
        );
    }
    assert_eq!(check(&Executor::Marker, bench.executor.config()), Ok(()));
}

#[test]
fn deferred_jobs_come_through_as_such() {
    let mut bench = Bench::new(1);
    let spec =
        bench.shell(r#"echo 'ORK_OUTPUT:{"deferred":[{"service_type":"custom_http","url":"x"}]}'"#);
    let jobs = Output::Inline(r#"[{"service_type":"custom_http","url":"x"}]"#.into());
    assert_eq!(
        bench.run(spec).verdict,
        Verdict::Deferred {
            jobs,
            count: 1,
            every: None
        }
    );
}

#[test]
fn who_hands_over_when_it_is_told_to_end_has_handed_over() {
    for timeout in [false, true] {
        let mut bench = Bench::new(1);
        let mut spec = bench.shell(
            r#"trap 'echo "ORK_OUTPUT:{\"deferred\":[{\"url\":\"x\"}]}"; exit 0' TERM; touch began; while :; do sleep 0.01; done"#,
        );
        if timeout {
            spec.timeout = ork_core::time::Millis::from_secs(1);
        }
        let id = bench.submit(spec);
        appears(&bench.dir.workflow_dir.join("began"));
        if !timeout {
            bench.executor.stop(&id);
        }
        let end = bench.ended(&id);
        assert_eq!(end.stopped, !timeout);
        let jobs = Output::Inline(r#"[{"url":"x"}]"#.into());
        assert_eq!(
            end.verdict,
            Verdict::Deferred {
                jobs,
                count: 1,
                every: None
            }
        );
    }
}

#[test]
fn attempts_run_in_order_of_submission_and_no_more_than_allowed() {
    let mut bench = Bench::new(1);
    let ids: Vec<_> = (0..20)
        .map(|_| {
            let spec = bench.shell("/bin/true");
            bench.submit(spec)
        })
        .collect();
    bench.ended(&ids[19]);
    let mut running = 0;
    let mut order = Vec::new();
    for event in &bench.seen {
        match event {
            ExecEvent::Started { .. } => running += 1,
            ExecEvent::Ended { id, .. } => {
                running -= 1;
                order.push(id.clone());
            }
            ExecEvent::Setup { .. } => {}
        }
        assert!(running <= 1, "one at a time");
    }
    assert_eq!(order, ids);
}

#[test]
fn submitting_an_attempt_twice_runs_it_once() {
    let mut bench = Bench::new(2);
    let spec = bench.shell("echo once >> count");
    bench.submit(spec.clone());
    let id = bench.submit(spec);
    bench.ended(&id);
    let after = bench.shell("/bin/true");
    bench.run(after);
    assert_eq!(
        std::fs::read_to_string(bench.dir.workflow_dir.join("count")).expect("written"),
        "once\n"
    );
}

#[test]
fn stopping_a_queued_attempt_takes_it_out_and_a_running_one_ends_its_group() {
    let mut bench = Bench::new(1);
    let spec = bench.shell("sh -c 'echo $$ > c.tmp; mv c.tmp c.pid; sleep 1000' & wait");
    let running = bench.submit(spec);
    let pid = bench.started(&running);
    let spec = bench.shell("/bin/true");
    let queued = bench.submit(spec);
    let child: u32 = appears(&bench.dir.workflow_dir.join("c.pid"))
        .trim()
        .parse()
        .expect("a number");
    bench.executor.stop(&queued);
    let end = bench.ended(&queued);
    assert!(end.stopped && !end.started);
    assert!(is_alive(pid));
    bench.executor.stop(&running);
    let end = bench.ended(&running);
    assert!(end.stopped && end.started);
    assert_eq!(end.failure(), (Category::Unknown, "stopped"));
    gone(pid);
    gone(child);
    assert_eq!(bench.executor.backlog(), 0);
    bench.executor.stop(&running);
}

#[test]
fn shutdown_ends_everything_and_says_so() {
    let mut bench = Bench::new(2);
    let ids: Vec<_> = (0..6)
        .map(|_| {
            let spec = bench.shell("trap '' TERM; while :; do sleep 0.01; done");
            bench.submit(spec)
        })
        .collect();
    let pids: Vec<u32> = [&ids[0], &ids[1]].map(|id| bench.started(id)).into();
    bench.executor.shutdown();
    for pid in pids {
        assert!(!is_alive(pid), "shutdown returns when they are gone");
    }
    let mut ended = 0;
    while ended < ids.len() {
        if let ExecEvent::Ended { stopped, .. } = bench.next() {
            assert!(stopped);
            ended += 1;
        }
    }
    let spec = bench.shell("/bin/true");
    assert!(bench.run(spec).stopped, "nothing starts after it");
}
