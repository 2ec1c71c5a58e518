//! `--project`: what can be said of it without one. What works in a project is in functions/service/tests/e2e.

use crate::support::Project;

const ALPHA: &str = "name: alpha\ntasks:\n  a: {}\n";

fn alpha() -> Project {
    Project::with("a.yaml", ALPHA)
}

#[test]
fn a_project_without_a_bucket_is_an_error_that_names_the_option() {
    let project = alpha();
    for args in [
        &["run", "list", "--project", "p"][..],
        &["run", "status", "--project", "p"],
        &["run", "logs", "latest", "--project", "p"],
        &["run", "cost", "--project", "p"],
        &["run", "start", "alpha", "--project", "p"],
        &["run", "cancel", "latest", "--project", "p"],
        &["run", "retry", "latest", "--project", "p"],
        &["workflow", "list", "--project", "p"],
        &["workflow", "status", "alpha", "--project", "p"],
        &["workflow", "versions", "alpha", "--project", "p"],
        &["workflow", "enable", "alpha", "--project", "p"],
        &["workflow", "delete", "alpha", "--project", "p"],
        &["workflow", "deploy", "a.yaml", "--project", "p"],
    ] {
        project
            .ork(args)
            .exits(2)
            .says("the bucket of project `p` is not named")
            .says("--bucket BUCKET");
    }
    let ran = project.finish(
        project
            .command(&["run", "list", "--json"])
            .env("ORK_PROJECT", "p"),
    );
    let errors = ran.exits(2).json();
    assert!(
        errors["errors"][0]["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("ORK_BUCKET")),
        "{errors:#}"
    );
    project
        .ork(&["run", "list", "--bucket", "b"])
        .exits(2)
        .says("--project PROJECT");
}

#[test]
fn a_folder_that_is_named_comes_before_a_project_of_the_environment() {
    let project = alpha();
    project.ork(&["execute", "a.yaml", "--state", "s"]).ok();
    let mut command = project.command(&["run", "status", "--state", "s"]);
    project
        .finish(command.env("ORK_PROJECT", "p").env("ORK_BUCKET", "b"))
        .ok();
    project
        .ork(&["run", "list", "--state", "s", "--project", "p"])
        .exits(2)
        .says("cannot be used with");
}

#[test]
fn files_are_executed_here_whatever_the_environment_says() {
    let project = alpha();
    let mut command = project.command(&["execute", "a.yaml"]);
    project
        .finish(command.env("ORK_PROJECT", "p").env("ORK_BUCKET", "b"))
        .ok();
    project
        .ork(&["execute", "a.yaml", "--project", "p"])
        .exits(2)
        .says("--project");
}

#[test]
fn a_run_in_a_state_folder_costs_nothing() {
    let project = alpha();
    project.ork(&["execute", "a.yaml"]).ok();
    let said = project.ork(&["run", "cost"]).ok().out;
    assert!(said.contains("costs nothing"), "{said}");
    let document = project
        .ork(&["run", "cost", "latest", "--json"])
        .ok()
        .json();
    assert_eq!(document["total"]["dollars"], 0.0);
    assert_eq!(document["total"]["store_reads"], 0);
    assert_eq!(document["dollars_per_task"], 0.0);
    // Every key that one of a project has (docs/cli.md), so that a program can read either.
    let keys: Vec<&String> = document.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "dollars_per_task",
            "functions",
            "prices_of",
            "run_id",
            "task_instances",
            "total",
            "worker_compute",
            "workflow"
        ]
    );
}

#[test]
fn a_folder_with_workflows_is_deployed_whole() {
    let project = alpha();
    project.write("b.yml", "name: beta\ntasks:\n  b: {}\n");
    project.write("ork.yaml", "pools:\n  p: 1\n");
    project.write("notes.txt", "no workflow");
    let deployed = project
        .ork(&["workflow", "deploy", ".", "--json"])
        .ok()
        .json();
    let names: Vec<&str> = deployed["workflows"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["workflow"].as_str())
        .collect();
    assert_eq!(names, ["alpha", "beta"]);
    project
        .ork(&["workflow", "deploy", "."])
        .ok()
        .says("alpha: version")
        .says("was current already");
    project.write("c.yaml", "name: gamma\ntasks: 3\n");
    project.ork(&["workflow", "deploy", "."]).exits(2);
    // What has no tasks is some other YAML, as for `ork dev`; by its own name it is wrong.
    project.write("c.yaml", "name: gamma\n");
    project.ork(&["workflow", "deploy", "."]).ok();
    project.ork(&["workflow", "deploy", "c.yaml"]).exits(2);
    std::fs::create_dir(project.path("empty")).expect("made");
    project
        .ork(&["workflow", "deploy", "empty"])
        .exits(2)
        .says("no workflow file in the folder `empty`");
}

#[test]
fn two_files_of_one_workflow_are_refused_before_anything_is_stored() {
    let project = alpha();
    project.write("b.yaml", "name: alpha\ntasks:\n  b: {}\n");
    for args in [
        &["workflow", "deploy", "."][..],
        &["workflow", "deploy", "a.yaml", "b.yaml"],
        &["workflow", "deploy", "--project", "p", "--bucket", "b", "."],
    ] {
        project
            .ork(args)
            .exits(2)
            .says("`a.yaml` and `b.yaml` are both called alpha");
    }
    assert!(!project.path(".ork").exists());
    // One file twice is one file; and each state folder has its own workflows.
    std::fs::create_dir(project.path("below")).expect("made");
    project.write("below/c.yaml", ALPHA);
    let args = ["workflow", "deploy", "a.yaml", "below/../a.yaml", "below"];
    project.ork(&args).ok();
    assert!(project.path("below/.ork").exists());
    project
        .ork(&[&args[..], &["--state", "s"]].concat())
        .exits(2)
        .says("`a.yaml` and `below/c.yaml`");
    assert!(!project.path("s").exists());
}

#[test]
fn options_of_projects_are_refused_where_they_say_nothing() {
    let project = alpha();
    for option in [&["--no-bundle"][..], &["--timeout", "5s"]] {
        let args = [&["workflow", "deploy", "a.yaml"], option].concat();
        project.ork(&args).exits(2).says(option[0]);
    }
    assert!(!project.path(".ork").exists());
    project.ork(&["execute", "a.yaml"]).ok();
    project
        .ork(&["run", "retry", "latest", "--wait"])
        .exits(2)
        .says("--wait is about a project");
}

#[cfg(feature = "cloud")]
mod connecting {
    use std::net::TcpListener;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use rustix::process::Signal;

    use super::*;
    use crate::support::Ran;

    /// Far less than clients try by themselves, far more than saying no takes.
    const SOON: Duration = Duration::from_secs(30);

    /// The command with the emulators at one address that nobody answers at.
    fn nowhere(project: &Project, args: &[&str], address: &str) -> Command {
        let mut command = project.command(args);
        for name in ["FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"] {
            command.env(name, address);
        }
        command.env("STORAGE_EMULATOR_HOST", format!("http://{address}"));
        command
    }

    /// An address that was free a moment ago.
    fn free_address() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").to_string()
    }

    fn in_time(run: impl FnOnce() -> Ran) -> Ran {
        let begun = Instant::now();
        let ran = run();
        assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
        ran
    }

    const PLACE: [&str; 4] = ["--project", "p", "--bucket", "a-bucket"];

    fn with_place<'a>(args: &[&'a str]) -> Vec<&'a str> {
        [args, &PLACE].concat()
    }

    #[test]
    fn one_emulator_alone_is_refused_and_the_missing_one_named() {
        let project = alpha();
        let all = [
            "FIRESTORE_EMULATOR_HOST",
            "PUBSUB_EMULATOR_HOST",
            "STORAGE_EMULATOR_HOST",
        ];
        for missing in &all {
            let args = with_place(&["run", "list"]);
            let mut command = nowhere(&project, &args, "127.0.0.1:1");
            project
                .finish(command.env_remove(missing))
                .exits(2)
                .says(&format!("{missing} is not"));
        }
    }

    #[test]
    fn nobody_listening_is_an_error_soon() {
        let project = alpha();
        for args in [
            &["run", "list"][..],
            &["workflow", "deploy", "a.yaml"],
            &["run", "start", "alpha", "--wait"],
        ] {
            let args = with_place(args);
            let address = free_address();
            let ran = in_time(|| project.finish(&mut nowhere(&project, &args, &address)));
            ran.exits(3)
                .says("error: ")
                .says("project p")
                .says("is it running")
                .says("FIRESTORE_EMULATOR_HOST is 127.0.0.1");
        }
    }

    #[test]
    fn ctrl_c_while_deploying_leaves_at_once_and_says_what_may_come_of_it() {
        let project = alpha();
        for signal in [Signal::INT, Signal::TERM] {
            // Somebody who takes the call and says nothing.
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("its address").to_string();
            let args = with_place(&["workflow", "deploy", "a.yaml", "--json"]);
            let ork = project.begin(&mut nowhere(&project, &args, &address));
            let _call = listener.accept().expect("it calls");
            ork.signal(signal);
            let ran = in_time(|| ork.end());
            let ran = ran.exits(130).says("may still become current");
            assert_eq!(ran.out, "");
        }
    }

    #[test]
    fn no_credentials_are_an_error_that_says_how_to_get_some() {
        let project = alpha();
        let address = free_address();
        let args = with_place(&["run", "list"]);
        let mut command = project.command(&args);
        command
            .env("HOME", project.path(""))
            .env("GCE_METADATA_HOST", &address);
        in_time(|| project.finish(&mut command))
            .exits(3)
            .says("no credentials")
            .says("gcloud auth application-default login");
        let mut command = project.command(&args);
        command.env("GOOGLE_APPLICATION_CREDENTIALS", project.path("gone.json"));
        in_time(|| project.finish(&mut command))
            .exits(2)
            .says("gone.json");
    }

    #[test]
    fn nothing_is_asked_of_a_project_while_a_file_is_wrong() {
        let project = Project::with("a.yaml", "name: alpha\n");
        let args = with_place(&["workflow", "deploy", "a.yaml"]);
        let address = free_address();
        let ran = project
            .finish(&mut nowhere(&project, &args, &address))
            .exits(2);
        assert!(
            ran.err.contains("tasks") && !ran.err.contains("emulator"),
            "{}",
            ran.err
        );
    }

    #[test]
    fn an_engine_s_options_are_refused() {
        let project = alpha();
        for command in [&["run", "start", "alpha"][..], &["run", "retry", "latest"]] {
            let args = with_place(&[command, &["--max-parallel", "2"]].concat());
            project
                .ork(&args)
                .exits(2)
                .says("--max-parallel is about an engine");
        }
        let args = with_place(&["run", "retry", "latest", "--timeout", "1m"]);
        project.ork(&args).exits(2).says("--timeout needs --wait");
    }
}

#[cfg(not(feature = "cloud"))]
#[test]
fn without_google_cloud_a_project_is_an_error_that_says_how_to_get_it() {
    alpha()
        .ork(&["run", "list", "--project", "p", "--bucket", "b"])
        .exits(2)
        .says("was built without Google Cloud")
        .says("make install");
}
