//! `ork completions` and `ork man`: every command is in them.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::Project;

/// The pages of the manual without their ending: `ork`, `ork-run`, `ork-run-start`, …
pub(crate) fn pages(project: &Project) -> Vec<String> {
    project
        .ork(&["man", "--dir", "man/pages"])
        .ok()
        .says("man man/pages/ork.1");
    let pages = fs::read_dir(project.path("man/pages")).expect("a folder");
    let mut pages: Vec<String> = pages
        .map(|page| page.expect("a page").file_name().display().to_string())
        .filter_map(|name| name.strip_suffix(".1").map(str::to_owned))
        .collect();
    pages.sort();
    pages
}

#[test]
fn there_is_a_page_for_every_command_that_says_what_its_help_says() {
    let project = Project::new();
    let pages = pages(&project);
    assert!(pages.len() > 30, "{pages:?}");
    for page in &pages {
        let text = project.read(&format!("man/pages/{page}.1"));
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
        let words: Vec<&str> = page.split('-').skip(1).collect();
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
    let pages = pages(&project);
    let groups: Vec<&String> = pages
        .iter()
        .filter(|page| {
            pages
                .iter()
                .any(|other| other.starts_with(&format!("{page}-")))
        })
        .collect();
    assert!(groups.len() > 4, "{groups:?}");
    project.write("bash", project.ork(&["completions", "bash"]).ok().out);
    project.write("ask", ASK);
    let lines: String = groups
        .iter()
        .map(|page| format!("{}\n", page.replace('-', " ")))
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
    for page in pages.iter().filter(|page| *page != "ork") {
        let (group, name) = page.rsplit_once('-').expect("it is below ork");
        let group = format!("{}: ", group.replace('-', " "));
        let line = answers.lines().find(|line| line.starts_with(&group));
        let line = line.unwrap_or_else(|| panic!("no {group:?} in {answers}"));
        assert!(line.split(' ').any(|word| word == name), "{name}: {line}");
    }
}
