//! Waiting for what monitor says about an upload, and seeing that the project knows what it said.

use std::time::Duration;

use ork_core::Value;
use ork_core::ids::{VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_engine::ports::{Generation, ObjectError, Objects};
use tokio::time::Instant;

use super::Deployment;
use super::remote::Remote;
use crate::engine;
use crate::failure::Failure;

/// Bytes of a verdict, far above what it comes to.
const STATUS_BYTES: u64 = 8 << 20;
/// Between the first two looks for a verdict, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Waits for what monitor says about one upload.
pub(super) async fn verdict(
    remote: &Remote,
    name: &WorkflowName,
    generation: Generation,
    patience: Duration,
) -> Result<Value, Failure> {
    let place = ObjectName::UploadStatus(name.clone());
    let until = Instant::now() + patience;
    let (mut pause, longest) = LOOK;
    let trouble = loop {
        let trouble = match remote.objects().get(&place, STATUS_BYTES).await {
            Ok(Some(object)) => {
                let said = serde_json::from_slice::<Value>(&object.bytes).unwrap_or_default();
                match About::of(&said, generation) {
                    About::Ours => return Ok(said),
                    About::Later => return Err(overtaken(name)),
                    About::Earlier => None,
                }
            }
            Ok(None) => None,
            Err(error @ ObjectError::Unavailable(_)) => Some(error),
            Err(error) => return Err(remote.object_failure(&error)),
        };
        let now = Instant::now();
        if now >= until {
            break trouble;
        }
        tokio::time::sleep(pause.min(until - now)).await;
        pause = (pause * 3 / 2).min(longest);
    };
    if let Some(error) = trouble {
        return Err(remote.object_failure(&error));
    }
    Err(silence(remote, name, generation, patience).await)
}

/// Why nothing was heard.
async fn silence(
    remote: &Remote,
    name: &WorkflowName,
    generation: Generation,
    patience: Duration,
) -> Failure {
    let now = remote
        .objects()
        .metadata(&ObjectName::Upload(name.clone()))
        .await;
    if let Ok(now) = now
        && now.is_none_or(|now| now.generation != generation)
    {
        return overtaken(name);
    }
    let bucket = &remote.deployment().bucket;
    Failure::trouble(format!(
        "`{name}` is uploaded, and nobody has said anything about it within {} s",
        patience.as_secs_f64()
    ))
    .hint(format!(
        "is the function `monitor` running, and does bucket `{bucket}` notify its topic of new objects? The upload stays: monitor takes it \
         when the notice arrives (--timeout waits longer)"
    ))
}

fn overtaken(name: &WorkflowName) -> Failure {
    Failure::trouble(format!(
        "somebody else uploaded or removed `{name}` at the same moment; what is current is theirs"
    ))
    .hint(format!(
        "look at it with `ork workflow status {name}`, and deploy again if it is to be yours"
    ))
}

/// Which upload a verdict is about.
#[derive(Debug, PartialEq, Eq)]
enum About {
    /// One before ours, or one that cannot be told: the verdict on ours replaces it.
    Earlier,
    Ours,
    /// Somebody's after ours. There will be no verdict on ours.
    Later,
}

impl About {
    fn of(said: &Value, ours: Generation) -> Self {
        match said["generation"].as_u64() {
            Some(theirs) if theirs == ours.0 => Self::Ours,
            Some(theirs) if theirs > ours.0 => Self::Later,
            Some(_) | None => Self::Earlier,
        }
    }
}

/// Makes sure that the project's own database knows the version that was taken: the bucket may be one of another project, whose
/// monitor has taken it.
pub(super) async fn became_current(
    remote: &Remote,
    name: &WorkflowName,
    version: &VersionHash,
) -> Result<(), Failure> {
    let known = remote.engine().workflows().await.map_err(engine::failure)?;
    let current = known.into_iter().find(|one| one.name == *name);
    if current.is_some_and(|one| one.current == *version) {
        return Ok(());
    }
    let versions = remote.engine().versions(name).await;
    let versions = versions.map_err(engine::failure)?;
    Err(not_current(remote.deployment(), name, version, &versions))
}

/// Why a version that was taken is not the current one of a project with these versions.
fn not_current(
    deployment: &Deployment,
    name: &WorkflowName,
    version: &VersionHash,
    versions: &[VersionHash],
) -> Failure {
    if versions.contains(version) {
        return overtaken(name);
    }
    Failure::new(format!(
        "bucket {} belongs to another deployment: project {} (database {}) does not know version {} of {name}, which was taken there",
        deployment.bucket,
        deployment.project,
        deployment.database,
        version.short()
    ))
    .hint("name the bucket of that project with --bucket, its database with --database; what was uploaded is current in the project that the bucket belongs to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_about_the_upload_that_it_names() {
        let about = |said: Value| About::of(&said, Generation(7));
        assert_eq!(about(serde_json::json!({"generation": 7})), About::Ours);
        assert_eq!(about(serde_json::json!({"generation": 8})), About::Later);
        for said in ["6", "null", r#""8""#] {
            let said = format!("{{\"generation\": {said}}}");
            let said = serde_json::from_str(&said).expect("JSON");
            assert_eq!(about(said), About::Earlier);
        }
        assert_eq!(about(Value::Null), About::Earlier);
    }

    #[test]
    fn a_bucket_of_another_project_is_told_from_somebody_else_s_upload() {
        let deployment = Deployment {
            project: "other".to_owned(),
            bucket: "b".to_owned(),
            database: "(default)".to_owned(),
            topic_dispatch: String::new(),
            topic_poll: String::new(),
            emulators: None,
        };
        let name = WorkflowName::new("w").expect("a name");
        let of = |text: &str| VersionHash::of(text.as_bytes());
        let said = |versions: &[VersionHash]| {
            not_current(&deployment, &name, &of("ours"), versions).message
        };
        let unknown = said(&[of("old")]);
        assert!(
            unknown.starts_with("bucket b belongs to another deployment: project other"),
            "{unknown}"
        );
        assert_eq!(said(&[]), unknown);
        let known = said(&[of("old"), of("ours")]);
        assert!(known.starts_with("somebody else uploaded"), "{known}");
    }
}
