//! Profiles: what the configuration file may say, which place applies and why, and where keys come from.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::server::Far;
use crate::support::{Project, WAITS, steady};

fn with_settings(project: &Project, text: &str) {
    fs::create_dir_all(project.path("config/ork")).expect("a folder");
    project.write("config/ork/config.yaml", text);
}

const ALL: &str = "\
version: 1
default: prod
profiles:
  prod: {server: 'https://ork.example', key: {env: ORK_PROD_KEY}}
  iam: {server: 'https://iam.example/', key: {file: keys/iam}, id_token: {command: [gcloud, auth, print-identity-token]}}
  staging: {project: staging-project, bucket: staging-bucket, database: other}
  laptop: {state: ../../.ork}
";

#[test]
fn the_list_says_which_applies_and_why() {
    let project = Project::new();
    with_settings(&project, ALL);
    let list = |options: &[&str], env: &[(&str, &str)]| {
        let args = [&["profile", "list"], options].concat();
        let mut command = project.command(&args);
        for (name, value) in env {
            command.env(name, value);
        }
        project.finish(&mut command)
    };
    let mut text = String::new();
    let mut show = |what: &str, options: &[&str], env: &[(&str, &str)]| {
        let ran = list(options, env);
        let all = ran.text();
        text.push_str(&format!("{what}\n{}\n", all.replace("bold", "")));
    };
    show("the default", &[], &[]);
    show(
        "with everything",
        &["--json"],
        &[("ORK_PROFILE", "staging")],
    );
    let applies = |options: &[&str], env: &[(&str, &str)]| {
        let document = list(&[options, &["--json"]].concat(), env).ok().json();
        let of = |key: &str| document["applies"][key].as_str().unwrap_or("-").to_owned();
        [of("profile"), of("server"), of("project"), of("because")].join(" ")
    };
    let here = "http://127.0.0.1:1";
    let mut line = |found: String| text.push_str(&format!("{found}\n"));
    line(applies(
        &["--profile", "iam"],
        &[("ORK_PROFILE", "staging")],
    ));
    line(applies(&["--server", here], &[("ORK_PROFILE", "staging")]));
    line(applies(
        &["--project", "p", "--bucket", "b"],
        &[("ORK_SERVER", here)],
    ));
    line(applies(&["--state", "x"], &[("ORK_SERVER", here)]));
    line(applies(&[], &[("ORK_SERVER", here)]));
    line(applies(
        &[],
        &[
            ("ORK_PROJECT", "p"),
            ("ORK_BUCKET", "b"),
            ("ORK_STATE", "x"),
        ],
    ));
    line(applies(&[], &[("ORK_STATE", "x")]));
    line(applies(&["--profile", "laptop"], &[]));
    steady(|| insta::assert_snapshot!("profiles", text.trim_end()));

    for (options, env, said) in [
        (
            &["--server", here, "--project", "p"][..],
            &[][..],
            "--project",
        ),
        (&["--server", here, "--profile", "prod"], &[], "--profile"),
        (&["--profile", "prod", "--state", "x"], &[], "--state"),
        (&["--profile", "gone"], &[], "there is no profile `gone`"),
        (&["--server", "http://ork.example"], &[], "https://"),
        (
            &[],
            &[("ORK_SERVER", here), ("ORK_PROJECT", "p")],
            "ORK_SERVER and ORK_PROJECT are both set",
        ),
        (
            &[],
            &[("ORK_SERVER", here), ("ORK_PROFILE", "prod")],
            "ORK_PROFILE and ORK_SERVER are both set",
        ),
    ] {
        list(options, env).exits(2).says(said);
    }
    let nothing = Project::new();
    nothing
        .ork(&["profile", "list"])
        .ok()
        .says("no profiles in");
    nothing
        .ork(&["run", "list", "--profile", "prod"])
        .exits(2)
        .says("there is no configuration file");
}

#[test]
fn a_wrong_file_is_told_line_by_line_and_without_its_text() {
    let project = Project::new();
    with_settings(
        &project,
        "\
default: gone
profiles:
  a: {server: 'https://ork.example', key: ork_1_secret}
  b: {server: 'http://ork.example'}
  c: {server: 'https://u:secret@ork.example'}
  d: {project: p}
colour: red
",
    );
    let ran = project.ork(&["run", "list", "--json"]).exits(2);
    for at in [
        "\n  1:10 ",
        "\n  3:43 ",
        "\n  4:15 ",
        "\n  5:15 ",
        "\n  6:3 ",
        "\n  7:1 ",
    ] {
        assert!(ran.err.contains(at), "{at:?} is not in:\n{}", ran.err);
    }
    let all = format!("{}{}", ran.out, ran.err);
    assert!(!all.contains("secret@") && !all.contains("ork_1"), "{all}");
    assert!(all.contains("say where it is, with {env: NAME}"), "{all}");
    // Whoever says where to work needs no profile.
    project
        .ork(&["workflow", "deploy", "gone.yaml", "--state", "x"])
        .exits(2)
        .says("gone.yaml");
}

#[test]
fn keys_come_from_where_a_profile_says() {
    let far = Far::new("w.yaml", WAITS, &["--keys"]);
    let create = ["auth", "key", "create", "ci", "--role", "viewer"];
    let key = far.there.ork(&create).ok().out;
    let url = &far.url;
    with_settings(
        &far.here,
        &format!(
            "\
default: filed
profiles:
  filed: {{server: '{url}', key: {{file: key}}}}
  said: {{server: '{url}', key: {{env: CI_KEY}}}}
  printed: {{server: '{url}', key: {{command: [cat, config/ork/key]}}}}
  failing: {{server: '{url}', key: {{command: [sh, -c, 'echo {key}; exit 3']}}}}
  nothing: {{server: '{url}'}}
",
            key = key.trim()
        ),
    );
    far.here.write("config/ork/key", &key);
    let mode = |mode| {
        let path = far.here.path("config/ork/key");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    };
    let list = |profile: &str| {
        let args = ["run", "list", "--profile", profile];
        // What is said without a server is shown to none that a profile names.
        let mut command = far.here.command(&args);
        let ran = far.here.finish(command.env("ORK_API_KEY", key.trim()));
        let secret = key.trim().rsplit('_').next().unwrap_or_default();
        assert!(!ran.err.contains(secret), "{}", ran.err);
        ran
    };
    mode(0o644);
    list("filed")
        .exits(2)
        .says("others may read `config/ork/key` (its mode is 0644)");
    mode(0o600);
    list("filed").ok();
    far.here.ork(&["run", "list"]).ok().says("no runs");
    list("printed").ok();
    list("failing")
        .exits(2)
        .says("`sh`, which is to print it, ended with exit status: 3");
    list("said").exits(2).says("in CI_KEY, which is not set");
    list("nothing").exits(2).says("nothing was shown");
    let mut said = far.here.command(&["run", "list", "--profile", "said"]);
    far.here.finish(said.env("CI_KEY", key.trim())).ok();
    fs::remove_file(far.here.path("config/ork/key")).expect("removed");
    list("filed").exits(2).says("cannot read `config/ork/key`");
    far.end();
}
