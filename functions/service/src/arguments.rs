//! `ork-service ROLE`.

use std::ffi::OsString;

use ork_host::Role;
use ork_host::settings;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Role(Role),
    /// To be printed.
    Help(String),
    /// Not understood; what to say.
    Wrong(String),
}

/// Reads the arguments, the program's name first.
pub(crate) fn read(arguments: &[OsString]) -> Asked {
    let words: Vec<String> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match words.as_slice() {
        [word] if word == "--help" || word == "-h" || word == "help" => Asked::Help(help()),
        [word] if word == "--version" || word == "-V" => {
            Asked::Help(format!("ork-service {}\n", env!("CARGO_PKG_VERSION")))
        }
        [word] => match Role::parse(word) {
            Some(role) => Asked::Role(role),
            None => Asked::Wrong(format!("`{word}` is no role\n\n{}", usage())),
        },
        [] => Asked::Wrong(format!("which role?\n\n{}", usage())),
        _ => Asked::Wrong(format!("one role, and nothing else\n\n{}", usage())),
    }
}

fn usage() -> String {
    let mut text = "Usage: ork-service ROLE\n\nRoles:\n".to_owned();
    for role in Role::ALL {
        text.push_str(&format!("  {:14}  {}\n", role.as_str(), role.about()));
    }
    text.push_str("\n`ork-service --help` lists the environment variables.\n");
    text
}

fn help() -> String {
    let mut text = "One function of Ork on Google Cloud. Settings come from the environment.\n\nUsage: ork-service ROLE\n\nRoles:\n".to_owned();
    for role in Role::ALL {
        text.push_str(&format!("  {:14}  {}\n", role.as_str(), role.about()));
    }
    text.push_str("\nEnvironment:\n");
    text.push_str(&settings::help());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Asked {
        let all = ["ork-service"].iter().chain(words);
        read(&all.map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn one_role_is_asked_for() {
        for role in Role::ALL {
            assert_eq!(asked(&[role.as_str()]), Asked::Role(role));
        }
        for wrong in [&[][..], &["web"], &["tick", "poll"], &["--fast"]] {
            let Asked::Wrong(text) = asked(wrong) else {
                panic!("{wrong:?} is not understood");
            };
            assert!(text.contains("Usage: ork-service ROLE"), "{text}");
        }
    }

    #[test]
    fn help_lists_every_role_and_variable() {
        let Asked::Help(text) = asked(&["--help"]) else {
            panic!("help is help");
        };
        for role in Role::ALL {
            assert!(text.contains(role.about()), "{role}");
        }
        for one in settings::VARIABLES {
            assert!(text.contains(one.name), "{}", one.name);
        }
    }
}
