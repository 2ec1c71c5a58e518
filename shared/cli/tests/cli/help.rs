//! What people read first.

use crate::support::{Project, steady};

#[test]
fn the_help_of_every_command_reads_well() {
    let project = Project::new();
    let commands: [&[&str]; 35] = [
        &[],
        &["execute"],
        &["run"],
        &["run", "start"],
        &["run", "list"],
        &["run", "status"],
        &["run", "explain"],
        &["run", "logs"],
        &["run", "cost"],
        &["run", "notices"],
        &["run", "cancel"],
        &["run", "pause"],
        &["run", "resume"],
        &["run", "retry"],
        &["run", "recover"],
        &["run", "resend"],
        &["run", "prune"],
        &["dev"],
        &["open"],
        &["doctor"],
        &["completions"],
        &["man"],
        &["validate"],
        &["graph"],
        &["init"],
        &["schema"],
        &["schema", "export"],
        &["schedule", "preview"],
        &["workflow"],
        &["workflow", "deploy"],
        &["workflow", "list"],
        &["workflow", "status"],
        &["workflow", "versions"],
        &["workflow", "enable"],
        &["workflow", "delete"],
    ];
    let mut text = String::new();
    for command in commands {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let ran = project.ork(&args).ok();
        assert_eq!(ran.err, "");
        text.push_str(&format!("$ ork {}\n{}\n", args.join(" "), ran.out));
    }
    steady(|| insta::assert_snapshot!("help", text));
}

#[test]
fn no_command_shows_the_help_and_a_wrong_one_what_was_meant() {
    let project = Project::new();
    project.ork(&[]).exits(2).says("Usage: ork");
    project.ork(&["exeucte"]).exits(2).says("execute");
    project
        .ork(&["run", "strat"])
        .exits(2)
        .says("neither a file here nor something `ork run` can do");
    project.ork(&["execute"]).exits(2).says("<FILE>");
    project
        .ork(&["execute", "a.yaml", "--max-parallel", "0"])
        .exits(2)
        .says("--max-parallel");
    assert_eq!(
        project.ork(&["--version"]).ok().out,
        format!("ork {}\n", env!("CARGO_PKG_VERSION"))
    );
}
