//! Names of Google Cloud that files write out: projects, regions, places where queries run.

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Project,
    Region,
    Location,
    /// A job of Cloud Run.
    RunJob,
    /// A table of BigQuery.
    Table,
}

impl Name {
    /// Whether `text` can be such a name. Whether there is one called so, only the service knows.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Project => is_project(text),
            Self::Region => text.len() <= 40 && is_label(text),
            Self::Location => {
                text.len() <= 40
                    && text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && !text.ends_with('-')
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }
            Self::RunJob => text.len() <= 63 && is_label(text),
            Self::Table => is_table(text),
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Project => "the id of a Google Cloud project",
            Self::Region => "the name of a Google Cloud region",
            Self::Location => "a location of BigQuery",
            Self::RunJob => "the name of a Cloud Run job",
            Self::Table => "a table of BigQuery",
        }
    }

    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Project => {
                "write its id, such as my-project-42: 6 to 30 small letters, digits and `-`, a letter first and no `-` last"
            }
            Self::Region => "write one such as europe-west1",
            Self::Location => "write EU, US or a region such as europe-west1",
            Self::RunJob => {
                "write its short name, of small letters, digits and `-`, a letter first and no `-` last"
            }
            Self::Table => "write dataset.table or project.dataset.table, without backquotes",
        }
    }
}

/// `my-project`, the older `example.com:my-project`, or a project's number.
fn is_project(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (domain, id) = match text.split_once(':') {
        Some((domain, id)) => (Some(domain), id),
        None => (None, text),
    };
    if let Some(domain) = domain {
        let part = |part: &str| is_host_part(part);
        return domain.contains('.')
            && domain.split('.').all(part)
            && id.len() <= 30
            && is_label(id);
    }
    (is_number(id) && id.len() <= 20) || ((6..=30).contains(&id.len()) && is_label(id))
}

/// `dataset.table`, or `project.dataset.table`. A project may have dots of its own: `example.com:project`.
fn is_table(text: &str) -> bool {
    // Letters of every script; `$` stands before a partition.
    let part = |text: &str, more: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || more.contains(c))
    };
    let mut parts = text.rsplitn(3, '.');
    parts.next().is_some_and(|table| part(table, "_-$ "))
        && parts.next().is_some_and(|dataset| part(dataset, "_-"))
        && parts.next().is_none_or(is_project)
}

/// Small letters, digits and `-`, a letter first and no `-` last.
fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && is_host_part(text)
}

fn is_host_part(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::Name::{Location, Project, Region, RunJob, Table};

    #[test]
    fn names_that_google_would_take_fit_and_others_do_not() {
        for (name, good, bad) in [
            (
                Project,
                &[
                    "my-project",
                    "ork-local",
                    "a23456",
                    "123456789012",
                    "example.com:p",
                    "2nd.example.com:my-project",
                ][..],
                &[
                    "",
                    "acme",
                    "Acme-Data",
                    "my_project",
                    "-project",
                    "project-",
                    "1project",
                    "my project",
                    "com:p",
                    "a.:p",
                    ".a:p",
                    "a.b:",
                    "a.b:P",
                    "projects/acme-data",
                ][..],
            ),
            (
                Region,
                &["europe-west1", "us-central1", "global", "r"],
                &[
                    "",
                    "EU",
                    "europe_west1",
                    "europe-west1-",
                    "1a",
                    "evil.example/",
                ],
            ),
            (
                Location,
                &["EU", "US", "europe-west3", "asia-northeast1"],
                &["", "E U", "EU&x=1", "europe_west3", "-EU", "EU-", "1EU"],
            ),
            (
                RunJob,
                &["export", "export-2", "e"],
                &[
                    "",
                    "Export",
                    "2nd",
                    "export-",
                    "projects/p/locations/r/jobs/export",
                ],
            ),
            (
                Table,
                &[
                    "shop.days",
                    "acme-data.shop.days",
                    "example.com:acme.shop.days$20260601",
                    "shop.Umsätze 2026-06",
                    "123456.shop.days",
                ],
                &[
                    "",
                    "days",
                    "shop.",
                    ".days",
                    "..",
                    ".shop.days",
                    "`shop.days`",
                    "acme:shop.days",
                    "shop.days;",
                    "a.b.shop.days",
                    "acme/shop.days",
                ],
            ),
        ] {
            for good in good {
                assert!(name.fits(good), "{name:?} {good}");
            }
            for bad in bad {
                assert!(!name.fits(bad), "{name:?} {bad}");
            }
        }
        assert!(Project.fits(&"a".repeat(30)) && !Project.fits(&"a".repeat(31)));
        assert!(Region.fits(&"a".repeat(40)) && !Region.fits(&"a".repeat(41)));
        assert!(!Location.fits(&"a".repeat(41)) && !Project.fits(&"1".repeat(21)));
    }
}
