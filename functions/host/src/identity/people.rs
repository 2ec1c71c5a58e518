//! Who has which role: addresses and organisations, as the settings name them.

use std::collections::BTreeMap;

use ork_engine::Role;

/// Roles by address and by organisation. Whoever is named nowhere has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    by_address: BTreeMap<String, Role>,
    by_organisation: BTreeMap<String, Role>,
}

/// Service accounts belong to a project and to no organisation's domain.
const SERVICE_ACCOUNTS: &str = ".gserviceaccount.com";

impl People {
    /// Reads `{"admin": ["ada@example.com"], "viewer": ["@example.com"]}`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shape = "a JSON object of roles and lists of addresses, such as {\"admin\": [\"ada@example.com\"], \"viewer\": [\"@example.com\"]}";
        let named: BTreeMap<String, Vec<String>> =
            serde_json::from_str(text).map_err(|error| format!("is not {shape}: {error}"))?;
        let mut people = Self::default();
        for (word, all) in named {
            let role: Role = word.parse()?;
            for one in all {
                people.add(&one, role)?;
            }
        }
        if people == Self::default() {
            return Err("names nobody, so nobody could be let in".to_owned());
        }
        Ok(people)
    }

    fn add(&mut self, one: &str, role: Role) -> Result<(), String> {
        let name = one.to_ascii_lowercase();
        let wrong = || {
            let shown: String = one.chars().take(80).collect();
            format!(
                "names `{shown}`, which is neither an address nor `@` and an organisation's domain"
            )
        };
        let (local, domain) = name.split_once('@').ok_or_else(wrong)?;
        let is_domain = domain.contains('.')
            && domain
                .split('.')
                .all(|label| !label.is_empty() && label.bytes().all(is_of_domain));
        let is_local = !local
            .bytes()
            .any(|b| b.is_ascii_whitespace() || b.is_ascii_control());
        if !is_domain || !is_local {
            return Err(wrong());
        }
        let (all, name) = match local {
            "" => (&mut self.by_organisation, domain.to_owned()),
            _ => (&mut self.by_address, name),
        };
        // Named twice, somebody has the higher role.
        let known = all.entry(name).or_insert(role);
        *known = role.max(*known);
        Ok(())
    }

    /// What `email` may do, whose account belongs to the organisation `hd`.
    ///
    /// An address of a domain is no proof of belonging to it: whoever once had it may have made an account of his own with it.
    pub fn role_of(&self, email: &str, hd: Option<&str>) -> Option<Role> {
        let email = email.to_ascii_lowercase();
        let of_account = email
            .split_once('@')
            .map(|(_, domain)| domain)
            .filter(|domain| domain.ends_with(SERVICE_ACCOUNTS));
        let organisation = hd.map(str::to_ascii_lowercase);
        let organisation = organisation.as_deref().or(of_account);
        let by_organisation = organisation.and_then(|domain| self.by_organisation.get(domain));
        self.by_address.get(&email).max(by_organisation).copied()
    }
}

fn is_of_domain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_the_highest_role_they_are_named_with() {
        let people = People::parse(
            r#"{"admin": ["Ada@Example.com"], "viewer": ["@example.com", "ada@example.com", "bot@p.iam.gserviceaccount.com"],
                "operator": ["@p.iam.gserviceaccount.com", "guest@gmail.com"]}"#,
        )
        .expect("it is right");
        for (email, hd, role) in [
            ("ada@example.com", Some("example.com"), Some(Role::Admin)),
            ("ADA@example.COM", None, Some(Role::Admin)),
            ("bob@example.com", Some("example.com"), Some(Role::Viewer)),
            ("bob@example.com", Some("Example.com"), Some(Role::Viewer)),
            // An account of his own, with an address that he had once.
            ("bob@example.com", None, None),
            ("bob@example.com", Some("evil.example"), None),
            ("bob@sub.example.com", Some("sub.example.com"), None),
            ("guest@gmail.com", None, Some(Role::Operator)),
            ("other@gmail.com", None, None),
            ("bot@p.iam.gserviceaccount.com", None, Some(Role::Operator)),
            ("new@p.iam.gserviceaccount.com", None, Some(Role::Operator)),
            ("bot@q.iam.gserviceaccount.com", None, None),
            ("", None, None),
        ] {
            assert_eq!(people.role_of(email, hd), role, "{email} {hd:?}");
        }
    }

    #[test]
    fn lists_that_mean_nothing_are_refused() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"admin": []}"#,
            r#"{"root": ["ada@example.com"]}"#,
            r#"{"admin": ["ada"]}"#,
            r#"{"admin": ["@"]}"#,
            r#"{"admin": ["@com"]}"#,
            r#"{"admin": ["@*.com"]}"#,
            r#"{"admin": ["*"]}"#,
            r#"{"admin": ["ada@example.com, bob@example.com"]}"#,
            r#"{"admin": ["ada bob@example.com"]}"#,
            r#"{"admin": "ada@example.com"}"#,
            r#"{"admin": ["a@b@example.com"]}"#,
        ] {
            assert!(People::parse(wrong).is_err(), "{wrong}");
        }
    }
}
