//! Who uses this machine: the account that the process belongs to.

use ork_engine::{Act, Actor};

/// The name of this process's account; its number where no name is known.
pub(crate) fn name() -> String {
    let number = rustix::process::getuid().as_raw();
    // Accounts of a directory service have no line; their number will do.
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&accounts, number).unwrap_or_else(|| number.to_string())
}

/// What this user does by the command line.
pub(crate) fn act() -> Act {
    Act::of(Actor::new("cli", name()))
}

fn named(accounts: &str, number: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, uid) = (fields.next()?, fields.next()?, fields.next()?);
        (uid.parse() == Ok(number) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\n# odd\nada:x:1000:1000::/var/ada:/bin/sh\n:x:7:7::/:\n";
        assert_eq!(named(accounts, 1000).as_deref(), Some("ada"));
        assert_eq!(named(accounts, 0).as_deref(), Some("root"));
        assert_eq!(named(accounts, 7), None);
        assert_eq!(named("", 0), None);
    }
}
