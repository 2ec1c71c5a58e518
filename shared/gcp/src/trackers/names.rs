//! Names that tasks give: they become part of an address, so only what is a name is let through.

use ork_engine::ports::TrackerError;
use sha2::{Digest, Sha256};

/// What an id may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Letters, digits, `_` and `-`.
    Words,
    /// Small letters, digits and `-`, a letter first and no `-` last.
    Dns,
}

impl Alphabet {
    fn holds(self, id: &str) -> bool {
        let legal = |byte: u8| match self {
            Self::Words => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
            Self::Dns => byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-',
        };
        let ends = match self {
            Self::Words => true,
            Self::Dns => id.starts_with(|c: char| c.is_ascii_lowercase()) && !id.ends_with('-'),
        };
        !id.is_empty() && ends && id.bytes().all(legal)
    }
}

/// Checks a project: `my-project`, `example.com:my-project` or its number.
pub(super) fn project(project: &str) -> Result<(), TrackerError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    let dotted = project.starts_with('.') || project.contains("..");
    checked(
        project.len() <= 100 && !project.is_empty() && !dotted && project.bytes().all(legal),
        "project",
        project,
        "my-project",
    )
}

/// Checks a region, which becomes part of the service's host name.
pub(super) fn region(region: &str) -> Result<(), TrackerError> {
    checked(
        region.len() <= 40 && Alphabet::Dns.holds(region),
        "region",
        region,
        "us-central1",
    )
}

/// Checks where BigQuery runs something, a region or one of `US` and `EU`.
pub(super) fn location(location: &str) -> Result<(), TrackerError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    checked(
        location.len() <= 40 && !location.is_empty() && location.bytes().all(legal),
        "location",
        location,
        "EU or us-central1",
    )
}

/// Checks the id of `what` in `alphabet`, no longer than `longest`.
pub(super) fn id(
    what: &str,
    id: &str,
    alphabet: Alphabet,
    longest: usize,
) -> Result<(), TrackerError> {
    let form = match alphabet {
        Alphabet::Words => "letters, digits, _ and - only",
        Alphabet::Dns => "its short name, of small letters, digits and - only",
    };
    checked(id.len() <= longest && alphabet.holds(id), what, id, form)
}

fn checked(legal: bool, what: &str, value: &str, form: &str) -> Result<(), TrackerError> {
    if legal {
        return Ok(());
    }
    let shown: String = value.chars().take(120).collect();
    Err(TrackerError::Permanent(format!(
        "`{shown}` is no {what}: write {form}"
    )))
}

/// `id` as a service takes it: as it is when it fits, else a name made of its hash, which is the same every time.
pub(super) fn fitting(id: &str, alphabet: Alphabet, longest: usize) -> String {
    // Of Dataproc's ids none may be shorter.
    if (4..=longest).contains(&id.len()) && alphabet.holds(id) {
        return id.to_owned();
    }
    let hash = Sha256::digest(id.as_bytes());
    let hex = hash.iter().take(20).fold(String::new(), |mut hex, byte| {
        hex.push_str(&format!("{byte:02x}"));
        hex
    });
    format!("ork-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_elsewhere() {
        for good in ["my-project", "example.com:my-project", "123456"] {
            assert_eq!(project(good), Ok(()), "{good}");
        }
        for bad in [
            "", ".", "..", "a/b", "a..b", "p?x=1", "p#", "p%2F", "p q", "é",
        ] {
            let error = project(bad).expect_err(bad).to_string();
            assert!(error.contains("is no project"), "{error}");
        }
        for good in ["us-central1", "global"] {
            assert_eq!(region(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example/",
            "a@b",
            "US",
            "-a",
            "a-",
            "1a",
        ] {
            assert!(region(bad).is_err(), "{bad}");
        }
        for good in ["US", "EU", "europe-west3"] {
            assert_eq!(location(good), Ok(()), "{good}");
        }
        for bad in ["", "EU&x=1", "a/b", "e.u"] {
            assert!(location(bad).is_err(), "{bad}");
        }
        for bad in ["", "a/cancel", "a?b", "a.b", "..", "a b"] {
            assert!(id("job", bad, Alphabet::Words, 100).is_err(), "{bad}");
        }
        assert!(id("job", &"a".repeat(101), Alphabet::Words, 100).is_err());
        assert_eq!(id("job", "Job_1-a", Alphabet::Words, 100), Ok(()));
    }

    #[test]
    fn an_id_fits_its_service_and_stays_the_same_and_its_own() {
        assert_eq!(fitting("run-1-t-0", Alphabet::Dns, 63), "run-1-t-0");
        let long = "a".repeat(64);
        let ids = ["Run_1", "run-1-", "1run", "run.1", "", "abc", &long];
        let fitted: Vec<String> = ids
            .iter()
            .map(|id| fitting(id, Alphabet::Dns, 63))
            .collect();
        for (n, id) in fitted.iter().enumerate() {
            assert!(Alphabet::Dns.holds(id) && id.len() == 44, "{id}");
            assert!(!fitted[..n].contains(id), "two ids are one: {id}");
            assert_eq!(*id, fitting(ids[n], Alphabet::Dns, 63));
        }
        assert_eq!(fitting("Run_1", Alphabet::Words, 100), "Run_1");
    }
}
