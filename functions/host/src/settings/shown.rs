//! The table of variables as people read it.

use super::Role;
use super::variables::Absent::{Default, Means, Refused};
use super::variables::{ALL, CALLED, NONE, SERVICES, SERVING, STATE, VARIABLES};

/// The table as Markdown, for functions/README.md.
pub fn markdown() -> String {
    let mut text = String::from(
        "| variable | roles | without it | meaning | example |\n|---|---|---|---|---|\n",
    );
    for one in VARIABLES {
        let roles = if one.roles == ALL {
            "all".to_owned()
        } else if one.roles == SERVICES {
            "services".to_owned()
        } else if one.roles == SERVING {
            format!("services, {}, {}", Role::WorkerService, Role::Api)
        } else if one.roles == CALLED {
            format!("services, {}", Role::WorkerService)
        } else if one.roles == STATE {
            format!("services, {}", Role::Api)
        } else {
            words(one.roles)
        };
        let absent = match one.absent {
            Refused(roles) if roles == one.roles => "does not start".to_owned(),
            Refused(roles) => format!("{} do not start", words(roles)),
            Default(value) => format!("`{value}`"),
            Means(what) => what.to_owned(),
        };
        text.push_str(&format!(
            "| `{}` | {roles} | {absent} | {} | `{}` |\n",
            one.name, one.doc, one.example
        ));
    }
    text
}

/// The table as `--help` shows it.
pub fn help() -> String {
    let width = VARIABLES.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for one in VARIABLES {
        let absent = match one.absent {
            Refused(NONE) | Means(_) => String::new(),
            Refused(_) => " (needed)".to_owned(),
            Default(value) => format!(" (default {value})"),
        };
        text.push_str(&format!("  {:width$}  {}{absent}\n", one.name, one.doc));
    }
    text
}

fn words(roles: &[Role]) -> String {
    let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    words.join(", ")
}
