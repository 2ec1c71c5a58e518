//! What a server is shown: an API key, an identity token of Google's, or both. They are shown to that server and to nobody else.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ork_core::parse::SecretSource;
use reqwest::header::HeaderMap;
use tokio::process::Command;

use super::http;
use crate::config;
use crate::failure::Failure;
use crate::profiles::placed;
use crate::site::{Secret, ServerAt};
use crate::workflow_file::{reason, shown, unreadable};

/// Bytes of a key or token; far more than any has.
const BYTES: u64 = 16 << 10;
/// How long a program may take to print one. It may ask somebody.
const PATIENCE: Duration = Duration::from_secs(60);
/// Permissions that a file with a secret must not have.
const OF_OTHERS: u32 = 0o077;

/// See the module. It has no `Debug`.
pub(super) struct Credentials {
    key: Option<String>,
    id_token: Option<String>,
    withheld: Option<String>,
}

impl Credentials {
    /// Looks up what is to be shown.
    pub(super) async fn of(at: &ServerAt) -> Result<Self, Failure> {
        let (key, id_token) = (
            found(at.key.as_ref(), "the API key").await?,
            found(at.id_token.as_ref(), "the identity token").await?,
        );
        Ok(Self {
            key,
            id_token,
            withheld: at.withheld.clone(),
        })
    }

    /// As headers.
    pub(super) fn headers(&self) -> HeaderMap {
        http::headers(self.key.as_deref(), self.id_token.as_deref())
    }

    /// A text without them.
    pub(super) fn without(&self, text: &str) -> String {
        let all = [&self.key, &self.id_token].into_iter().flatten();
        all.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// What was shown, and what could be, for whoever was not let in.
    pub(super) fn told(&self) -> String {
        if let Some(why) = &self.withheld {
            return why.clone();
        }
        match (&self.key, &self.id_token) {
            (None, None) => "nothing was shown: ORK_API_KEY holds a key, ORK_ID_TOKEN an identity token of Google's, or a profile says where they are".to_owned(),
            (Some(_), None) => "an API key was shown; ORK_ID_TOKEN is for services that IAM guards, too".to_owned(),
            (None, Some(_)) => "an identity token was shown and no API key".to_owned(),
            (Some(_), Some(_)) => "an API key and an identity token were shown".to_owned(),
        }
    }
}

async fn found(secret: Option<&Secret>, what: &str) -> Result<Option<String>, Failure> {
    let Some(secret) = secret else {
        return Ok(None);
    };
    let (text, place) = match secret {
        Secret::Said(name, value) => (value.0.clone(), (*name).to_owned()),
        Secret::From(SecretSource::Env(name), _) => {
            let value = config::variable(name).ok_or_else(|| {
                Failure::new(format!("{what} is to be in {name}, which is not set")).hint(
                    "set it, or have the profile say another place; `ork profile list` shows them",
                )
            })?;
            (value, name.clone())
        }
        Secret::From(SecretSource::File(path), folder) => {
            let path = placed(path, folder);
            (in_file(&path, what)?, format!("`{}`", shown(&path)))
        }
        Secret::From(SecretSource::Command(words), _) => {
            let program = words.first().map_or("", String::as_str);
            (
                printed(words, what).await?,
                format!("what `{program}` prints"),
            )
        }
    };
    let text = text.trim();
    let is_fit = |byte: u8| byte.is_ascii_graphic();
    if text.is_empty() || text.len() as u64 > BYTES || !text.bytes().all(is_fit) {
        return Err(Failure::new(format!(
            "{place} holds nothing that can be {what}: one word of printable characters"
        )));
    }
    Ok(Some(text.to_owned()))
}

/// What a file holds that nobody else may read.
fn in_file(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::of(
            error.kind(),
            format!("{what}: {}", unreadable(path, &error)),
        )
    };
    let file = File::open(path).map_err(failed)?;
    let known = file.metadata().map_err(failed)?;
    if !known.is_file() {
        return Err(Failure::new(format!(
            "{what}: `{}` is no file",
            shown(path)
        )));
    }
    let mode = known.mode() & 0o777;
    if mode & OF_OTHERS != 0 {
        return Err(Failure::new(format!(
            "{what}: others may read `{}` (its mode is {mode:04o})",
            shown(path)
        ))
        .hint(format!("chmod 600 {}", shown(path))));
    }
    let mut bytes = Vec::new();
    file.take(BYTES + 2)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    // What is not text is refused with what is not printable.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a program prints. It may talk to people on standard error.
async fn printed(words: &[String], what: &str) -> Result<String, Failure> {
    let (program, args) = words
        .split_first()
        .ok_or_else(|| Failure::new(format!("{what}: no program is named")))?;
    let failed =
        |why: String| Failure::new(format!("{what}: `{program}`, which is to print it, {why}"));
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {}", reason(&error))))?;
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let ended = ended
        .map_err(|_| failed(format!("took more than {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(format!("cannot be waited for: {}", reason(&error))))?;
    if !ended.status.success() {
        return Err(failed(format!("ended with {}", ended.status)));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}
