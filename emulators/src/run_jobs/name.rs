//! Resource names of Cloud Run: taken apart and checked.

use crate::http::{ApiError, Code};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `projects/P/locations/L/jobs`
    Jobs { location: String },
    /// `…/jobs/J`
    Job { job: String },
    /// `…/jobs/J/executions`, where J may be `-`
    Executions { job: String },
    /// `…/jobs/J/executions/E`
    Execution { name: String, job: String },
    /// `projects/P/locations/L/operations/O`
    Operation { name: String },
}

/// A path without `/v2/`: the name and what follows the colon.
pub(super) fn parse(path: &str) -> Result<(Name, Option<&str>), ApiError> {
    let (path, verb) = match path.rsplit_once(':') {
        Some((path, verb)) if !verb.contains('/') => (path, Some(verb)),
        _ => (path, None),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let unknown = || {
        ApiError::new(
            Code::NotFound,
            format!("the stand-in for Cloud Run knows no resource `{path}`"),
        )
    };
    if parts.iter().any(|part| part.is_empty()) {
        return Err(unknown());
    }
    let name = match parts[..] {
        ["projects", _, "locations", _, ref rest @ ..] => {
            let location = parts[..4].join("/");
            match rest {
                ["jobs"] => Name::Jobs { location },
                ["jobs", job] => Name::Job {
                    job: format!("{location}/jobs/{job}"),
                },
                ["jobs", job, "executions"] => Name::Executions {
                    job: format!("{location}/jobs/{job}"),
                },
                ["jobs", job, "executions", _] => Name::Execution {
                    name: path.to_owned(),
                    job: format!("{location}/jobs/{job}"),
                },
                ["operations", _] => Name::Operation {
                    name: path.to_owned(),
                },
                _ => return Err(unknown()),
            }
        }
        _ => return Err(unknown()),
    };
    Ok((name, verb))
}

/// What follows the last slash.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// `projects/P/locations/L` of any name.
pub(super) fn location(name: &str) -> String {
    name.split('/').take(4).collect::<Vec<_>>().join("/")
}

/// Whether a full job name is one: `projects/P/locations/L/jobs/J` with an id that Cloud Run accepts.
pub(super) fn check_job(name: &str) -> Result<(), ApiError> {
    let bad = |why: &str| {
        Err(ApiError::new(
            Code::InvalidArgument,
            format!("`{name}` is no name of a job: {why}"),
        ))
    };
    let Ok((Name::Job { .. }, None)) = parse(name) else {
        return bad("it must be projects/PROJECT/locations/REGION/jobs/JOB");
    };
    let id = short(name);
    let fine = id.len() <= 63
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
        });
    if fine {
        Ok(())
    } else {
        bad(
            "its id must be lowercase letters, digits and dashes, begin with a letter, end with none of the dashes, and have at most 63 characters",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_with_their_verb() {
        let job = || "projects/p/locations/l/jobs/j".to_owned();
        let run = parse("projects/p/locations/l/jobs/j:run");
        assert_eq!(run, Ok((Name::Job { job: job() }, Some("run"))));
        let name = || format!("{}/executions/e", job());
        let execution = Name::Execution {
            name: name(),
            job: job(),
        };
        let cancel = format!("{}:cancel", name());
        assert_eq!(parse(&cancel), Ok((execution, Some("cancel"))));
        let list = format!("{}/executions", job());
        assert_eq!(parse(&list), Ok((Name::Executions { job: job() }, None)));
    }

    #[test]
    fn what_is_no_resource_is_not_found() {
        for path in [
            "",
            "projects",
            "projects/p/locations/l",
            "projects/p/locations//jobs/j",
            "projects/p/locations/l/services/s",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn job_ids_are_checked_as_cloud_run_does() {
        assert!(check_job("projects/p/locations/l/jobs/ork-worker2").is_ok());
        for id in ["Ork", "2ork", "ork-", "o_rk", &"o".repeat(64)] {
            assert!(
                check_job(&format!("projects/p/locations/l/jobs/{id}")).is_err(),
                "{id}"
            );
        }
        assert!(check_job("ork-worker").is_err());
    }
}
