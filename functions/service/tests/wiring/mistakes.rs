//! Mistakes, made in a copy of `terraform/`: each has to be noticed. They stand in `terraform/tests/mistakes/mistakes.json`; `terraform/tests/run`
//! shows those to Terraform that an assertion of `terraform test` should notice, too.

use std::path::Path;

use serde::Deserialize;

use crate::{CONFIGURATIONS, problems, terraform};

/// One mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    what: String,
    file: String,
    from: String,
    to: String,
    /// A part of what is said about it here.
    said: String,
    /// Values of the configuration that shows it, where it is not the usual one.
    values: Option<String>,
    /// The assertion of `terraform test` that has to fail as well, in its words.
    terraform: Option<String>,
}

fn all() -> Vec<Mistake> {
    let file = terraform().join("tests/mistakes/mistakes.json");
    let text = std::fs::read_to_string(file).expect("it is there");
    serde_json::from_str(&text).expect("a list of mistakes")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".terraform" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("copied");
        }
    }
}

#[test]
fn every_mistake_is_noticed() {
    let mut unnoticed = Vec::new();
    for mistake in all() {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&terraform(), folder.path());
        let file = folder.path().join(&mistake.file);
        let text = std::fs::read_to_string(&file).expect("the file is there");
        assert_eq!(
            text.matches(&mistake.from).count(),
            1,
            "{}: where it is made in {}",
            mistake.what,
            mistake.file
        );
        std::fs::write(&file, text.replace(&mistake.from, &mistake.to)).expect("written");
        let usual = CONFIGURATIONS[0];
        let values = mistake.values.as_deref().unwrap_or(usual.1);
        let found = problems(folder.path(), &[(usual.0, values)]);
        if !found.iter().any(|one| one.contains(&mistake.said)) {
            unnoticed.push(format!(
                "{}: nothing says `{}`, only {found:#?}",
                mistake.what, mistake.said
            ));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn there_are_enough_of_them() {
    let all = all();
    assert!(all.len() >= 15, "{}", all.len());
    assert!(all.iter().filter(|one| one.terraform.is_some()).count() >= 5);
}
