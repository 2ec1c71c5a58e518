//! `ork completions` and `ork man`: every command is in them.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::Project;

/// Every command that has a page in the manual, as it is typed: `ork`, `ork run`, `ork run start`, …
pub(crate) fn commands(project: &Project) -> Vec<Vec<String>> {
    project
        .ork(&["man", "--dir", "man/pages"])
        .ok()
        .says("man man/pages/ork.1");
    let pages = fs::read_dir(project.path("man/pages")).expect("a folder");
    let synopsis = |name: String| {
        let text = project.read(&format!("man/pages/{name}")).replace('\\', "");
        let line = text.split(".SH SYNOPSIS\nfB").nth(1).expect("a synopsis");
        let typed = line.split("fR").next().expect("a command");
        let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        assert_eq!(name, format!("{}.1", words.join("-")));
        words
    };
    let mut commands: Vec<Vec<String>> = pages
        .map(|page| page.expect("a page").file_name().display().to_string())
        .map(synopsis)
        .collect();
    commands.sort();
    commands
}

/// Whether a command has others below it.
pub(crate) fn is_group(commands: &[Vec<String>], one: &[String]) -> bool {
    let is_below = |other: &Vec<String>| other.len() > one.len() && other.starts_with(one);
    commands.iter().any(is_below)
}

#[test]
fn there_is_a_page_for_every_command_that_says_what_its_help_says() {
    let project = Project::new();
    let commands = commands(&project);
    assert!(commands.len() > 30, "{commands:?}");
    for command in &commands {
        let page = command.join("-");
        let text = project.read(&format!("man/pages/{page}.1"));
        let words: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
        let help = project.ork(&[&words[..], &["--help"]].concat()).ok().out;
        let about = help.lines().next().expect("a line");
        let plain = text.replace(r"\*(Aq", "'").replace('\\', "");
        assert!(plain.contains(about), "{page} says {about:?}: {text}");
    }
    let first = project.ork(&["man"]).ok().out;
    assert_eq!(first, project.read("man/pages/ork.1"));
    project.write("taken", "");
    project
        .ork(&["man", "--dir", "taken"])
        .exits(2)
        .says("taken");
}

#[test]
fn scripts_are_whole_for_every_shell_and_bash_reads_its_own() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = project.ork(&["completions", shell]).ok().out;
        assert!(script.contains("explain"), "{shell}");
        project.write(shell, script);
    }
    project
        .ork(&["completions", "csh"])
        .exits(2)
        .says("powershell");
    let read = Command::new("bash")
        .arg("-n")
        .arg(project.path("bash"))
        .output()
        .expect("bash is there");
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
}

/// Asks the script as bash does when somebody presses the key.
const ASK: &str = r#"
source "$1"
while read -r -a words; do
    COMP_WORDS=("${words[@]}" "")
    COMP_CWORD=${#words[@]}
    COMPREPLY=()
    _ork ork "" "${words[-1]}"
    echo "${words[*]}: ${COMPREPLY[*]}"
done
"#;

#[test]
fn bash_completes_the_commands_of_every_group() {
    let project = Project::new();
    let commands = commands(&project);
    let groups: Vec<&Vec<String>> = commands
        .iter()
        .filter(|one| is_group(&commands, one))
        .collect();
    assert!(groups.len() > 4, "{groups:?}");
    project.write("bash", project.ork(&["completions", "bash"]).ok().out);
    project.write("ask", ASK);
    let lines: String = groups
        .iter()
        .map(|one| format!("{}\n", one.join(" ")))
        .collect();
    project.write("lines", lines);
    let lines = fs::File::open(project.path("lines")).expect("written");
    let asked = Command::new("bash")
        .arg(project.path("ask"))
        .arg(project.path("bash"))
        .stdin(lines)
        .stderr(Stdio::inherit())
        .output()
        .expect("bash is there");
    let answers = String::from_utf8(asked.stdout).expect("UTF-8");
    for command in &commands {
        let Some((name, group)) = command.split_last().filter(|(_, group)| !group.is_empty())
        else {
            continue;
        };
        let group = format!("{}: ", group.join(" "));
        let line = answers.lines().find(|line| line.starts_with(&group));
        let line = line.unwrap_or_else(|| panic!("no {group:?} in {answers}"));
        assert!(line.split(' ').any(|word| word == name), "{name}: {line}");
    }
}
