//! Opens a page in a browser: the one that `BROWSER` names, or the desktop's.

use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workflow_file::reason;

/// Whether somebody waits until the browser's command has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may use the terminal, as a browser of text does.
    Yes,
    /// Nobody waits, and it has no terminal.
    No,
}

/// Opens `address`. `named` is what `BROWSER` says: commands with colons between them, of which the first that works is taken; the address
/// stands where a command says `%s`, or at its end.
pub(crate) fn open(address: &str, named: Option<&str>, wait: Wait) -> Result<(), Failure> {
    let Some(named) = named else {
        return open::that_detached(address)
            .map_err(|error| failed(&format!("the desktop's browser: {}", reason(&error))));
    };
    let mut why = Vec::new();
    for command in named.split(':').filter(|one| !one.trim().is_empty()) {
        match start(&words(command, address), wait) {
            Ok(()) => return Ok(()),
            Err(error) => why.push(format!("`{}`: {error}", command.trim())),
        }
    }
    if why.is_empty() {
        why.push("BROWSER names none".to_owned());
    }
    Err(failed(&why.join("; ")))
}

fn failed(why: &str) -> Failure {
    Failure::trouble(format!("no browser could be started ({why})"))
        .hint("`ork open --print` prints the address; BROWSER names the command of a browser")
}

/// A command with the address in it.
fn words(command: &str, address: &str) -> Vec<String> {
    let mut words: Vec<String> = command
        .split_whitespace()
        .map(|word| word.replace("%s", address))
        .collect();
    if !command.contains("%s") {
        words.push(address.to_owned());
    }
    words
}

fn start(words: &[String], wait: Wait) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("it is empty".to_owned());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if wait == Wait::No {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    }
    let mut child = command.spawn().map_err(|error| reason(&error))?;
    if wait == Wait::No {
        // Somebody has to hear of its end, or it stays in the table of processes.
        std::thread::spawn(move || child.wait());
        return Ok(());
    }
    let ended = child.wait().map_err(|error| reason(&error))?;
    if ended.success() {
        Ok(())
    } else {
        Err(ended.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_where_a_command_wants_it() {
        assert_eq!(words("firefox", "a"), ["firefox", "a"]);
        assert_eq!(words(" w3m  -T x ", "a"), ["w3m", "-T", "x", "a"]);
        assert_eq!(words("x --url=%s -n", "a"), ["x", "--url=a", "-n"]);
    }

    #[test]
    fn the_first_that_works_is_taken() {
        assert!(open("a", Some("/nowhere/browser:false:true"), Wait::Yes).is_ok());
        let wrong = open("a", Some("/nowhere/browser:false"), Wait::Yes).expect_err("none works");
        assert!(
            wrong.message.contains("`/nowhere/browser`: ") && wrong.message.contains("`false`: "),
            "{wrong:?}"
        );
        let wrong = open("a", Some(":"), Wait::Yes).expect_err("none is named");
        assert!(wrong.message.contains("BROWSER names none"), "{wrong:?}");
    }
}
