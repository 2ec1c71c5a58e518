//! Putting a definition into a project: its bundle, its settings, then itself; and waiting for what monitor says about it.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use ork_core::Value;
use ork_core::bundle::{has_header, header};
use ork_core::diagnostic::{Diagnostic, Position, Severity};
use ork_core::ids::{VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::parse::codes;
use ork_engine::ports::{Generation, ObjectError, Objects};
use ork_engine::{AuditDetail, AuditTarget, EngineError};
use tokio::sync::oneshot;

use super::Sending;
use super::bundle::{self, Bounds, Bundle, Wanted};
use super::remote::Remote;
use super::verdict::{became_current, verdict};
use crate::config::Config;
use crate::engine::failure;
use crate::failure::Failure;
use crate::output::Output;
use crate::user;
use crate::workflow_file::{self, PROJECT_FILE, WorkflowFile, absolute, count, reason, shown};

/// Bundles from this size on go up from a file: that may take longer, and begins again where it broke off.
const FROM_FILE: usize = 8 << 20;

/// Uploads `file` and waits until its version is current. Who does so is recorded before anything goes up, and what came of it afterwards:
/// monitor, which takes what lies in the bucket, cannot know who put it there.
pub(super) async fn upload(
    remote: &Remote,
    file: &WorkflowFile,
    sending: Sending,
    config: &Config,
    out: &Output,
) -> Result<VersionHash, Failure> {
    let target = AuditTarget {
        workflow: Some(file.workflow.name.clone()),
        ..AuditTarget::default()
    };
    let made = |sent: &(VersionHash, Generation)| -> AuditDetail {
        [
            ("version".to_owned(), sent.0.short().into()),
            ("generation".to_owned(), sent.1.0.into()),
        ]
        .into()
    };
    let work = Box::pin(send(remote, file, sending, config, out));
    let by = remote.engine().by(user::act());
    let recorded = by.attempt("workflow.upload", target, AuditDetail::new(), work, made);
    let sent = recorded.await.map_err(|error| {
        let message = format!(
            "nothing was uploaded, since that could not be recorded: {}",
            error.message
        );
        failure(EngineError::new(error.kind, message))
    })?;
    sent.map(|(version, _)| version)
}

async fn send(
    remote: &Remote,
    file: &WorkflowFile,
    sending: Sending,
    config: &Config,
    out: &Output,
) -> Result<(VersionHash, Generation), Failure> {
    let name = &file.workflow.name;
    let settings = match workflow_file::project_file(&file.path)? {
        Some(path) => Some((workflow_file::read(&path)?, path)),
        None => None,
    };
    let settings = settings
        .as_ref()
        .map(|(bytes, path)| Settings { bytes, path });
    let bundle = match sending.bundle {
        true => Some(packed(remote, &file.path, settings, config).await?),
        false => None,
    };
    let text = Text::of(&file.path, bundle.as_deref().map(|bundle| &bundle.hash))?;
    if let Some(bundle) = &bundle {
        send_bundle(remote, name, bundle).await?;
    }
    let objects = remote.objects();
    let place = ObjectName::UploadProject(name.clone());
    match &settings {
        Some(settings) => objects.put(&place, settings.bytes, None).await.map(|_| ()),
        None => objects.delete(&place).await,
    }
    .map_err(|error| remote.object_failure(&error))?;
    // Before the file that names them.
    for (path, bytes) in &file.queries {
        let place = ObjectName::UploadQuery(name.clone(), path.clone());
        let bytes = bytes.as_deref().unwrap_or_default();
        let sent = objects.put(&place, bytes, None).await;
        sent.map_err(|error| remote.object_failure(&error))?;
    }
    let place = ObjectName::Upload(name.clone());
    let sent = objects.put(&place, &text.bytes, None).await;
    let generation = sent.map_err(|error| remote.object_failure(&error))?;
    let patience = sending.patience.to_duration();
    let verdict = verdict(remote, name, generation, patience).await?;
    let version = judged(&verdict, file, &text, settings, out)?;
    became_current(remote, name, &version).await?;
    Ok((version, generation))
}

/// The `ork.yaml` that a workflow file belongs to.
#[derive(Clone, Copy)]
struct Settings<'a> {
    bytes: &'a [u8],
    path: &'a Path,
}

/// The bundle of a workflow file's folder.
async fn packed(
    remote: &Remote,
    file: &Path,
    settings: Option<Settings<'_>>,
    config: &Config,
) -> Result<Rc<Bundle>, Failure> {
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    if let Some(known) = remote.bundles.borrow().get(folder) {
        return Ok(known.clone());
    }
    let state = config.state.as_deref().map(absolute).transpose()?;
    let (here, project) = (
        folder.to_owned(),
        settings.map(|settings| settings.bytes.to_owned()),
    );
    // Apart from this thread, which is to hear of Ctrl-C while a large folder is packed.
    let (done, packed) = oneshot::channel();
    std::thread::spawn(move || {
        let wanted = Wanted {
            folder: &here,
            project: project.as_deref(),
            state: state.as_deref(),
        };
        // Nobody waits for it any more when the command was stopped.
        let _ = done.send(bundle::pack(wanted, Bounds::default()));
    });
    let bundle = packed.await.map_err(|_| {
        Failure::trouble(format!("packing the folder `{}` broke off", shown(folder)))
    })?;
    let bundle = Rc::new(bundle?);
    let mut bundles = remote.bundles.borrow_mut();
    bundles.insert(folder.to_owned(), bundle.clone());
    Ok(bundle)
}

/// Uploads a bundle unless it is there: its name says what is in it.
async fn send_bundle(remote: &Remote, name: &WorkflowName, bundle: &Bundle) -> Result<(), Failure> {
    let place = ObjectName::Bundle(name.clone(), bundle.hash.clone());
    if remote.size(&place).await? == Some(bundle.bytes.len() as u64) {
        return Ok(());
    }
    let sent = if bundle.bytes.len() < FROM_FILE {
        remote
            .objects()
            .create(&place, &bundle.bytes)
            .await
            .map(|_| ())
    } else {
        let trouble = |error: std::io::Error| {
            Failure::trouble(format!(
                "the bundle cannot be kept for uploading: {}",
                reason(&error)
            ))
        };
        let kept = tempfile::NamedTempFile::new().map_err(trouble)?;
        fs::write(kept.path(), &bundle.bytes).map_err(trouble)?;
        let most = bundle.bytes.len() as u64;
        remote
            .objects()
            .upload(&place, kept.path(), most)
            .await
            .map(|_| ())
    };
    match sent {
        // Somebody else has uploaded the same.
        Ok(()) | Err(ObjectError::Precondition(_)) => Ok(()),
        Err(error) => Err(remote.object_failure(&error)),
    }
}

/// A definition as it is uploaded.
struct Text {
    bytes: Vec<u8>,
    /// Lines it has above those of the file, less those of the file that were left out.
    above: i64,
    /// The file's own text.
    source: String,
}

impl Text {
    fn of(path: &Path, bundle: Option<&VersionHash>) -> Result<Self, Failure> {
        let bytes = workflow_file::read(path)?;
        let source = String::from_utf8_lossy(&bytes).into_owned();
        let mut body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut head = String::new();
        let mut above = 0;
        if let Some(hash) = bundle {
            head = header(hash);
            above += 1;
            // A file that was fetched from a bucket names the bundle it had there.
            if has_header(body) {
                let end = body.iter().position(|&byte| byte == b'\n');
                body = &body[end.map_or(body.len(), |end| end + 1)..];
                above -= 1;
            }
        }
        let bytes = [head.as_bytes(), body].concat();
        if bytes.len() > limits::FILE_BYTES {
            return Err(Failure::new(format!(
                "`{}` has {} bytes with the line about its bundle, and a workflow file may have {}",
                shown(path),
                bytes.len(),
                limits::FILE_BYTES
            ))
            .hint("split the workflow, or generate its tasks with foreach"));
        }
        Ok(Self {
            bytes,
            above,
            source,
        })
    }

    /// A line of the upload as one of the file.
    fn line(&self, line: u32) -> u32 {
        let line = i64::from(line).saturating_sub(self.above);
        u32::try_from(line.max(1)).unwrap_or(u32::MAX)
    }
}

/// The version that was stored, or everything that is wrong with the file.
fn judged(
    said: &Value,
    file: &WorkflowFile,
    text: &Text,
    settings: Option<Settings<'_>>,
    out: &Output,
) -> Result<VersionHash, Failure> {
    let name = &file.workflow.name;
    if said["accepted"] == true {
        let version = said["version"].as_str().and_then(VersionHash::parse);
        return version.ok_or_else(|| {
            Failure::trouble(format!(
                "`{name}` was taken, and monitor does not say as which version"
            ))
            .hint("is the deployed Ork older than this one?")
        });
    }
    let all = said["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for one in all {
        let of_settings = settings.filter(|_| one["file"] == PROJECT_FILE);
        let diagnostic = match of_settings {
            Some(settings) => diagnostic(one, settings.path, |line| line),
            None => diagnostic(one, &file.path, |line| text.line(line)),
        };
        match diagnostic {
            Some(diagnostic) => {
                let source = of_settings.map(|settings| String::from_utf8_lossy(settings.bytes));
                let source = source.as_deref().unwrap_or(&text.source);
                out.diagnostics(std::slice::from_ref(&diagnostic), source);
                found.push(diagnostic);
            }
            None => others.push(one),
        }
    }
    if !found.is_empty() {
        out.say(&format!(
            "\n{}; what was current of {name} still is",
            count(found.len(), "error")
        ));
    }
    if others.is_empty() && !found.is_empty() {
        return Err(Failure::in_file(found));
    }
    let messages: Vec<&str> = others
        .iter()
        .filter_map(|one| one["message"].as_str())
        .collect();
    let why = match messages.as_slice() {
        [] => "monitor does not say why".to_owned(),
        many => many.join("; "),
    };
    let failure = Failure::new(format!("`{name}` was not taken: {why}"));
    Err(match others.iter().find_map(|one| one["hint"].as_str()) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// One finding of monitor's in the file as it is here; `None` when it is not about the file, or of a kind that this ork does not know.
fn diagnostic(said: &Value, file: &Path, line: impl Fn(u32) -> u32) -> Option<Diagnostic> {
    let code = said["code"].as_str()?;
    let code = codes::ALL.iter().find(|known| known.id == code)?;
    let number = |key: &str| u32::try_from(said[key].as_u64()?).ok();
    Some(Diagnostic {
        file: shown(file),
        at: Position::new(line(number("line")?), number("column")?, 1),
        code: code.id,
        message: said["message"].as_str()?.to_owned(),
        hint: said["hint"].as_str().map(str::to_owned),
        severity: Severity::Error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, contents: &str, bundle: Option<&VersionHash>) -> (String, Text) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, contents).expect("written");
        let text = Text::of(&path, bundle).expect("read");
        let bytes = String::from_utf8(text.bytes.clone()).expect("text");
        (bytes, text)
    }

    #[test]
    fn the_line_about_the_bundle_comes_first_and_is_not_counted() {
        let hash = VersionHash::of(b"bundle");
        let head = format!("# bundle: sha256:{hash}\n");
        let (bytes, sent) = text("w.yaml", "name: w\n", Some(&hash));
        assert_eq!(bytes, format!("{head}name: w\n"));
        assert_eq!((sent.line(2), sent.line(1)), (1, 1));
        let (bytes, _) = text("w.yaml", "\u{feff}name: w\n", Some(&hash));
        assert_eq!(bytes, format!("{head}name: w\n"));
        // One that names a bundle already is about another one.
        let old = format!("# bundle: sha256:{}\nname: w\n", VersionHash::of(b"old"));
        let (bytes, sent) = text("w.yaml", &old, Some(&hash));
        assert_eq!(bytes, format!("{head}name: w\n"));
        assert_eq!(sent.line(2), 2);
        let (bytes, sent) = text("w.yaml", &old, None);
        assert_eq!((bytes, sent.line(7)), (old, 7));
    }

    #[test]
    fn a_file_that_is_too_large_with_that_line_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.yaml");
        fs::write(&path, vec![b'#'; limits::FILE_BYTES - 10]).expect("written");
        Text::of(&path, None).expect("it fits");
        let wrong = Text::of(&path, Some(&VersionHash::of(b"x")));
        let wrong = wrong.err().expect("it does not fit");
        assert!(
            wrong.message.contains("with the line about its bundle"),
            "{wrong:?}"
        );
    }

    #[test]
    fn what_monitor_finds_is_shown_where_it_is_in_the_file() {
        let said = serde_json::json!({
            "file": "workflow.yaml", "line": 5, "column": 3, "code": "ORK091", "message": "no command", "hint": "add one",
        });
        let path = Path::new("/flows/w.yaml");
        let shown = diagnostic(&said, path, |line| line - 1).expect("a place");
        assert_eq!(
            (shown.at.line, shown.at.column, shown.code),
            (4, 3, "ORK091")
        );
        assert_eq!(shown.hint.as_deref(), Some("add one"));
        for (key, value) in [
            ("code", Value::Null),
            ("code", "ORK999".into()),
            ("line", Value::Null),
        ] {
            let mut other = said.clone();
            other[key] = value;
            assert_eq!(diagnostic(&other, path, |line| line), None, "{other}");
        }
    }
}
