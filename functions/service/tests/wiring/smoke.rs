//! `terraform/smoke` makes nothing before it is certain that it can, and says what is missing. Tools of its own stand in for Terraform and gcloud.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::terraform;

/// A folder with these programs, each of which notes that it was called.
fn tools(programs: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, does) in programs {
        let file = folder.path().join(name);
        let text = format!(
            "#!/bin/sh\necho \"{name} $*\" >>\"{}/called\"\n{does}\n",
            folder.path().display()
        );
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
    }
    // What the script needs before it knows that it can begin.
    for name in ["bash", "dirname", "env"] {
        let at = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        let at = at.iter().find(|path| path.exists()).expect("a system");
        std::os::unix::fs::symlink(at, folder.path().join(name)).expect("linked");
    }
    folder
}

fn smoke(tools: &Path, project: &str, images: bool) -> (Option<i32>, String) {
    let mut command = Command::new(tools.join("bash"));
    command
        .arg(terraform().join("smoke"))
        .arg(project)
        .env_clear()
        .env("PATH", tools);
    if images {
        command.envs([("IMAGE", "r/i:1"), ("WORKER_IMAGE", "r/w:1")]);
    }
    let ended = command.output().expect("it starts");
    (
        ended.status.code(),
        String::from_utf8_lossy(&ended.stderr).into_owned(),
    )
}

#[test]
fn it_says_what_is_missing_and_makes_nothing() {
    const NO_LOGIN: &str = "case \"$1 $2\" in 'auth application-default') exit 1;; esac";
    const NO_ACCOUNT: &str = "exit 0";
    const NO_PROJECT: &str = "case \"$1 $2\" in 'config get-value') echo ada@example.com;; 'projects describe') exit 1;; esac";
    const ALL: &str = "case \"$1 $2\" in 'config get-value') echo ada@example.com;; esac";
    for (gcloud, project, images, said) in [
        (Some(ALL), "", true, "which project?"),
        (None, "p", true, "gcloud is not on PATH"),
        (
            Some(NO_LOGIN),
            "p",
            true,
            "gcloud auth application-default login",
        ),
        (Some(NO_ACCOUNT), "p", true, "gcloud auth login"),
        (
            Some(NO_PROJECT),
            "p",
            true,
            "ada@example.com sees no project p",
        ),
        (Some(ALL), "p", false, "IMAGE and WORKER_IMAGE"),
    ] {
        let mut programs = vec![("terraform", "exit 1")];
        programs.extend(gcloud.map(|does| ("gcloud", does)));
        let tools = tools(&programs);
        let (code, told) = smoke(tools.path(), project, images);
        assert_eq!(code, Some(1), "{said}: {told}");
        assert!(told.contains(said), "{said}: {told}");
        let called = std::fs::read_to_string(tools.path().join("called")).unwrap_or_default();
        assert!(!called.contains("terraform"), "{said}: {called}");
    }
}
