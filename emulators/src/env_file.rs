//! The file of `export` lines.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A file of `export` lines that goes away with what it describes.
#[derive(Debug)]
pub(crate) struct EnvFile {
    path: PathBuf,
    text: String,
}

impl EnvFile {
    /// Writes it in one step: whoever sees the file sees all of it.
    pub(crate) fn write(path: &Path, env: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let failed = || format!("the environment file {} cannot be written", path.display());
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let text = exports(env);
        let mut file = NamedTempFile::new_in(folder).with_context(failed)?;
        file.write_all(text.as_bytes()).with_context(failed)?;
        file.persist(path).with_context(failed)?;
        Ok(Self {
            path: path.to_path_buf(),
            text,
        })
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        // Somebody else may have written it anew, for what they started.
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            // It may have been removed just now; then there is nothing left to say.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// One `export NAME='value'` a line, for any POSIX shell.
pub(crate) fn exports(env: &BTreeMap<String, String>) -> String {
    env.iter()
        .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env.sh");
        let value = r#"{"default": "it's $HOME `x` \"y\""}"#;
        let file = EnvFile::write(
            &path,
            &BTreeMap::from([("ORK_TEST".to_owned(), value.to_owned())]),
        )
        .unwrap();
        let script = format!(". {}; printf %s \"$ORK_TEST\"", path.display());
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_somebody_else_has_written_since_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env.sh");
        let env = |value: &str| BTreeMap::from([("ORK_TEST".to_owned(), value.to_owned())]);
        let first = EnvFile::write(&path, &env("1")).unwrap();
        let second = EnvFile::write(&path, &env("2")).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = EnvFile::write(Path::new("/nowhere/env.sh"), &BTreeMap::new()).unwrap_err();
        assert!(
            format!("{error:#}").contains("/nowhere/env.sh"),
            "{error:#}"
        );
    }
}
