//! What a path of the JSON API names.

use percent_encoding::percent_decode_str;

use super::refusal::Refusal;

/// A resource, or an action on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Buckets,
    Bucket(String),
    BucketLayout(String),
    BucketPolicy(String),
    BucketPermissions(String),
    ServiceAccount(String),
    Notifications(String),
    Notification(String, String),
    Objects(String),
    Object(Name),
    /// Always the bytes, whatever `alt` says.
    Download(Name),
    Upload(String),
    Compose(Name),
    Move {
        bucket: String,
        from: String,
        to: String,
    },
    Copy {
        from: Name,
        to: Name,
    },
    Rewrite {
        from: Name,
        to: Name,
    },
}

/// An object's bucket and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) bucket: String,
    pub(super) object: String,
}

impl Target {
    /// Reads a path as it was sent: the slashes of an object's name are percent-encoded.
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8().map(String::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Refusal::invalid(format!("The path is not UTF-8: {path}")))?;
        let segments = segments.iter().map(String::as_str).collect::<Vec<_>>();
        let target = match segments[..] {
            ["upload", "storage", "v1", "b", bucket, "o"]
            | ["resumable", "upload", "storage", "v1", "b", bucket, "o"] => {
                Some(Self::Upload(bucket.to_owned()))
            }
            ["download", "storage", "v1", "b", bucket, "o", object] => {
                Some(Self::Download(name(bucket, object)))
            }
            ["storage", "v1", ref rest @ ..] => Self::resource(rest),
            _ => None,
        };
        target.ok_or_else(|| {
            Refusal::not_found(format!(
                "No such resource: {path} (are the slashes of the object's name percent-encoded?)"
            ))
        })
    }

    fn resource(segments: &[&str]) -> Option<Self> {
        Some(match *segments {
            ["b"] => Self::Buckets,
            ["b", bucket] => Self::Bucket(bucket.to_owned()),
            ["b", bucket, "storageLayout"] => Self::BucketLayout(bucket.to_owned()),
            ["b", bucket, "iam"] => Self::BucketPolicy(bucket.to_owned()),
            ["b", bucket, "iam", "testPermissions"] => Self::BucketPermissions(bucket.to_owned()),
            ["projects", project, "serviceAccount"] => Self::ServiceAccount(project.to_owned()),
            ["b", bucket, "notificationConfigs"] => Self::Notifications(bucket.to_owned()),
            ["b", bucket, "notificationConfigs", id] => {
                Self::Notification(bucket.to_owned(), id.to_owned())
            }
            ["b", bucket, "o"] => Self::Objects(bucket.to_owned()),
            ["b", bucket, "o", object] => Self::Object(name(bucket, object)),
            ["b", bucket, "o", object, "compose"] => Self::Compose(name(bucket, object)),
            ["b", bucket, "o", from, "moveTo", "o", to] => Self::Move {
                bucket: bucket.to_owned(),
                from: from.to_owned(),
                to: to.to_owned(),
            },
            ["b", bucket, "o", object, "copyTo", "b", to, "o", target] => Self::Copy {
                from: name(bucket, object),
                to: name(to, target),
            },
            ["b", bucket, "o", object, "rewriteTo", "b", to, "o", target] => Self::Rewrite {
                from: name(bucket, object),
                to: name(to, target),
            },
            _ => return None,
        })
    }
}

fn name(bucket: &str, object: &str) -> Name {
    Name {
        bucket: bucket.to_owned(),
        object: object.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn the_slashes_of_a_name_are_encoded() {
        assert_eq!(
            Target::parse("/storage/v1/b/bkt/o/runs%2Fr%201%2F%C3%A9").unwrap(),
            Target::Object(name("bkt", "runs/r 1/é"))
        );
        assert_eq!(
            Target::parse("/storage/v1/b/bkt/o/compose/compose").unwrap(),
            Target::Compose(name("bkt", "compose"))
        );
        assert_eq!(
            Target::parse("/storage/v1/b/bkt/o/runs/r")
                .unwrap_err()
                .status,
            404
        );
        assert_eq!(
            Target::parse("/storage/v1/b/bkt/o/%ff").unwrap_err().status,
            400
        );
    }
}
