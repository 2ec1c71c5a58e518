//! The profiles of the command line: names for the places that somebody works with. What is wrong is said without values, of which one may
//! be a key that stands where it must not.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostics;

use super::codes;
use super::fields::{Field, Fields};
use super::node::{Kind, Node};

/// The version of the file that this Ork knows.
const VERSION: i64 = 1;
/// Keys of the file.
const KEYS: &[&str] = &["version", "default", "profiles"];
/// Keys of a profile.
const PROFILE_KEYS: &[&str] = &[
    "server", "key", "id_token", "project", "bucket", "database", "state",
];
/// Keys of where a secret is.
const SECRET_KEYS: &[&str] = &["env", "file", "command"];
/// What to write where a secret is asked for.
const SECRET_HINT: &str = "what is secret is not written into this file: say where it is, with {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}";
/// Characters of a profile's name.
const NAME: usize = 63;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    /// Which of them applies when nobody says anything.
    pub default: Option<String>,
    /// By name.
    pub profiles: BTreeMap<String, Profile>,
}

/// A place that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// Ork's HTTP API.
    Server {
        /// Its URL, as [`server_url`] leaves it.
        server: String,
        /// Where the API key is.
        key: Option<SecretSource>,
        /// Where an identity token of Google's is.
        id_token: Option<SecretSource>,
    },
    /// A project on Google Cloud.
    Project {
        /// Its id.
        project: String,
        /// Its bucket.
        bucket: String,
        /// Its database, where it is another one than `(default)`.
        database: Option<String>,
    },
    /// A state folder; a path that is not absolute begins where the file is.
    Folder {
        /// The folder.
        state: String,
    },
}

/// Where something secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file, which nobody else may read; a path that is not absolute begins where the file with the profiles is.
    File(String),
    /// This program prints it.
    Command(Vec<String>),
}

/// The URL of a server as it is used: without a slash at its end. `https` only, unless it is this very machine. An error never repeats
/// the URL, which may hold a password.
pub fn server_url(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("it has to begin with https://")?;
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("it may have no blanks and only ASCII characters");
    }
    if rest.contains(['?', '#']) {
        return Err("it may have no query and no fragment");
    }
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path.trim_end_matches('/')),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err("it may hold no user and no password: a key is shown in a header");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("its port is no number up to 65535");
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if bare.is_empty() || !bare.chars().all(is_host) {
        return Err("it names no host");
    }
    if path == "api" || path.ends_with("/api") {
        return Err("it is the address that the pages have: leave out `/api` at the end");
    }
    if !path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._~/".contains(c))
        || path.split('/').any(|part| part == "..")
    {
        return Err("its path may have letters, digits, `-`, `.`, `_` and `~`");
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(bare) => {}
        "http" => {
            return Err("it has to begin with https://; http:// is for this very machine only");
        }
        _ => return Err("it has to begin with https://"),
    }
    let slash = if path.is_empty() { "" } else { "/" };
    Ok(format!("{scheme}://{authority}{slash}{path}"))
}

fn is_loopback(host: &str) -> bool {
    let is_four = |rest: &str| {
        let numbers: Vec<&str> = rest.split('.').collect();
        let is_number = |text: &&str| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u8>().is_ok()
        };
        numbers.len() == 3 && numbers.iter().all(is_number)
    };
    host.eq_ignore_ascii_case("localhost")
        || host == "::1"
        || host.strip_prefix("127.").is_some_and(is_four)
}

/// Reads a whole file.
pub(super) fn read(root: &Node, found: &mut Diagnostics) -> Profiles {
    let mut all = Profiles::default();
    let Some(top) = Fields::read(root, "the file".to_owned(), root.at, KEYS, found) else {
        return all;
    };
    if let Some(field) = top.field("version")
        && let Some(version) = field.integer::<i64>(1..=i64::MAX, found)
        && version != VERSION
    {
        let message =
            format!("the file has version {version}, and this Ork knows version {VERSION}");
        found
            .error(codes::OUT_OF_RANGE, field.node.at, message)
            .hint("use a newer Ork");
    }
    if let Some(profiles) = top.field("profiles").and_then(|field| field.open(found)) {
        for (key, node) in profiles.entries() {
            if !is_name(&key.text) {
                let message = format!(
                    "a profile's name has 1 to {NAME} letters, digits, `-` and `_`, and begins with a letter"
                );
                found.error(codes::BAD_NAME, key.at, message);
                continue;
            }
            let field = Field {
                label: format!("profile `{}`", key.text),
                key_at: key.at,
                node,
            };
            if let Some(profile) = profile(&field, found) {
                all.profiles.insert(key.text.clone(), profile);
            }
        }
        if let Some(field) = top.field("default")
            && let Some(name) = field.text(found)
        {
            if profiles.entries().iter().any(|(key, _)| key.text == name) {
                all.default = Some(name.to_owned());
            } else {
                found
                    .error(
                        codes::UNKNOWN_WORD,
                        field.node.at,
                        "`default` names no profile of this file",
                    )
                    .hint("write one of the names below `profiles`");
            }
        }
    } else if let Some(field) = top.field("default") {
        let message = "`default` names a profile, and there are none";
        found.error(codes::MISSING_KEY, field.key_at, message);
    }
    all
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn profile(field: &Field<'_>, found: &mut Diagnostics) -> Option<Profile> {
    let fields = field.fields(PROFILE_KEYS, found)?;
    let kinds: Vec<&str> = ["server", "project", "state"]
        .into_iter()
        .filter(|kind| fields.field(kind).is_some())
        .collect();
    let kind = match kinds.as_slice() {
        [one] => *one,
        [] => {
            let message = format!("{} says not where it is", field.label);
            found
                .error(codes::MISSING_KEY, field.key_at, message)
                .hint("write one of `server`, `project` and `state`");
            return None;
        }
        [one, other, ..] => {
            let message = format!(
                "{} is at one place, not at a {one} and a {other}",
                field.label
            );
            found.error(codes::KEYS_EXCLUDE, field.key_at, message);
            return None;
        }
    };
    let fit: &[&str] = match kind {
        "server" => &["server", "key", "id_token"],
        "project" => &["project", "bucket", "database"],
        _ => &["state"],
    };
    for (key, _) in fields.entries() {
        if PROFILE_KEYS.contains(&key.text.as_str()) && !fit.contains(&key.text.as_str()) {
            let message = format!("`{}` says nothing of a {kind} ({})", key.text, field.label);
            found.error(codes::KEYS_EXCLUDE, key.at, message);
        }
    }
    let text = |key: &str, found: &mut Diagnostics| {
        let field = fields.field(key)?;
        field.text(found).map(str::to_owned)
    };
    match kind {
        "server" => {
            let place = fields.field("server")?;
            let server = match server_url(place.text(found)?) {
                Ok(server) => Some(server),
                Err(why) => {
                    let message = format!("{} is no URL of a server: {why}", place.label);
                    found.error(codes::BAD_URL, place.node.at, message);
                    None
                }
            };
            let secret = |key: &str, found: &mut Diagnostics| match fields.field(key) {
                Some(field) => secret(&field, found).map(Some),
                None => Some(None),
            };
            let (key, id_token) = (secret("key", found), secret("id_token", found));
            Some(Profile::Server {
                server: server?,
                key: key?,
                id_token: id_token?,
            })
        }
        "project" => {
            let project = text("project", found);
            let hint = "write the project's bucket, without gs://";
            let bucket = fields.need("bucket", hint, found);
            let bucket = bucket.and_then(|field| field.text(found).map(str::to_owned));
            Some(Profile::Project {
                project: project?,
                bucket: bucket?,
                database: text("database", found),
            })
        }
        _ => Some(Profile::Folder {
            state: text("state", found)?,
        }),
    }
}

fn secret(field: &Field<'_>, found: &mut Diagnostics) -> Option<SecretSource> {
    let Kind::Map(_) = field.node.kind else {
        let message = format!("{} must say where it is", field.label);
        found
            .error(codes::WRONG_KIND, field.node.at, message)
            .hint(SECRET_HINT);
        return None;
    };
    let fields = field.open(found)?;
    let [(key, node)] = fields.entries() else {
        let message = format!("{} is at one place", field.label);
        found
            .error(codes::KEYS_EXCLUDE, field.key_at, message)
            .hint(SECRET_HINT);
        return None;
    };
    if !SECRET_KEYS.contains(&key.text.as_str()) {
        let message = format!("{} has an unknown key", field.label);
        found
            .error(codes::UNKNOWN_KEY, key.at, message)
            .hint(SECRET_HINT);
        return None;
    }
    let inner = Field {
        label: format!("`{}` of {}", key.text, field.label),
        key_at: key.at,
        node,
    };
    match key.text.as_str() {
        "env" => {
            let name = inner.text(found)?;
            let is_variable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with("ork_");
            if !is_variable {
                let message = format!("{} is no name of an environment variable", inner.label);
                found
                    .error(codes::BAD_NAME, node.at, message)
                    .hint(SECRET_HINT);
                return None;
            }
            Some(SecretSource::Env(name.to_owned()))
        }
        "file" => inner
            .text(found)
            .map(|path| SecretSource::File(path.to_owned())),
        _ => {
            let words = inner.texts(found)?;
            if words.is_empty() {
                let message = format!("{} names no program", inner.label);
                found.error(codes::WRONG_KIND, node.at, message);
                return None;
            }
            Some(SecretSource::Command(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_profiles;
    use super::*;

    /// `line:column code message` of each problem.
    fn wrong(text: &str) -> Vec<String> {
        let found = parse_profiles("config.yaml", text.as_bytes()).expect_err("it is wrong");
        let line = |one: &crate::diagnostic::Diagnostic| {
            format!(
                "{}:{} {} {}",
                one.at.line, one.at.column, one.code, one.message
            )
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn all_that_can_be_said_is_read() {
        let text = "\
version: 1
default: prod
profiles:
  prod: {server: 'https://ork.example/', key: {env: ORK_PROD_KEY}, id_token: {command: [gcloud, auth]}}
  here: {server: 'http://127.0.0.1:4000'}
  filed: {server: 'https://ork.example:8443/ork', key: {file: keys/prod}}
  staging: {project: p, bucket: b, database: d}
  old: {state: ../flows/.ork}
";
        let all = parse_profiles("config.yaml", text.as_bytes()).expect("it is right");
        assert_eq!(all.default.as_deref(), Some("prod"));
        assert_eq!(
            all.profiles["prod"],
            Profile::Server {
                server: "https://ork.example".into(),
                key: Some(SecretSource::Env("ORK_PROD_KEY".into())),
                id_token: Some(SecretSource::Command(vec!["gcloud".into(), "auth".into()])),
            }
        );
        assert_eq!(
            all.profiles["staging"],
            Profile::Project {
                project: "p".into(),
                bucket: "b".into(),
                database: Some("d".into()),
            }
        );
        assert_eq!(all.profiles.len(), 5);
        let nothing = parse_profiles("config.yaml", b"# nothing yet\n").expect("it is right");
        assert_eq!(nothing, Profiles::default());
    }

    #[test]
    fn each_problem_is_told_with_its_line_and_no_secret() {
        let text = "\
version: 2
default: gone
colour: red
profiles:
  a: {server: 'http://ork.example'}
  b: {server: 'https://me:ork_1_secret@ork.example'}
  c: {server: 'https://ork.example', key: ork_1_secret}
  d: {server: 'https://ork.example', key: {env: ork_1_secret}}
  e: {server: 'https://ork.example', key: {env: A, file: B}}
  f: {server: 'https://ork.example', key: {ork_1_secret: x}}
  g: {server: 'https://ork.example', project: p}
  h: {project: p}
  i: {}
  j: {state: s, bucket: b}
  k: {server: 'https://ork.example', key: {command: []}}
  '1': {state: s}
  l: {server: 'https://ork.example', token: x}
  m: nothing
";
        let found = wrong(text);
        let all = found.join("\n");
        assert!(!all.contains("ork_1_secret"), "{all}");
        let lines: Vec<&str> = found
            .iter()
            .filter_map(|one| one.split(':').next())
            .collect();
        let wanted: Vec<String> = [1, 2, 3]
            .into_iter()
            .chain(5..=18)
            .map(|line: u32| line.to_string())
            .collect();
        assert_eq!(lines, wanted, "{all}");
        assert!(all.contains("`bucket` says nothing of a state"), "{all}");
        assert!(all.contains("not at a server and a project"), "{all}");
        assert!(all.contains("lacks the key `bucket`"), "{all}");
        assert_eq!(
            wrong("default: a\n"),
            ["1:1 ORK021 `default` names a profile, and there are none"]
        );
    }

    #[test]
    fn a_server_is_https_or_here() {
        for (text, url) in [
            ("https://ork.example", Some("https://ork.example")),
            ("https://ork.example/", Some("https://ork.example")),
            (
                "https://ork.example:8443/a//",
                Some("https://ork.example:8443/a"),
            ),
            ("http://localhost:4000", Some("http://localhost:4000")),
            ("http://[::1]:4000/", Some("http://[::1]:4000")),
            ("http://127.9.9.9", Some("http://127.9.9.9")),
            ("http://10.0.0.1", None),
            ("http://127.1.evil.example", None),
            ("http://127.0.0.1.evil.example", None),
            ("http://127.0.0.+1", None),
            ("http://localhost.evil.example", None),
            ("http://127.0.0.1@evil.example", None),
            ("https://", None),
            ("https:///x", None),
            ("https://a b", None),
            ("https://ork.example/api", None),
            ("https://ork.example?x", None),
            ("https://ork.example/../x", None),
            ("https://ork.example:99999", None),
            ("ftp://ork.example", None),
            ("ork.example", None),
            ("", None),
        ] {
            assert_eq!(server_url(text).ok().as_deref(), url, "{text}");
        }
    }
}
