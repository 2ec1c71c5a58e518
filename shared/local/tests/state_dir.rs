//! The state folder: its layout, what it refuses, and who is alive in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ork_local::state_dir::{EngineLock, LAYOUT_VERSION, Options, StateDir, StateDirError};

const MAKE: Options = Options {
    sync: ork_local::store::Sync::Normal,
    create: true,
};
const FIND: Options = Options {
    sync: ork_local::store::Sync::Normal,
    create: false,
};

#[test]
fn a_new_folder_is_whole_and_ignored_by_git() {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("deep/.ork");
    assert!(
        matches!(StateDir::open(&path, FIND), Err(StateDirError::Missing(said)) if said == path)
    );
    assert!(!path.exists(), "looking makes nothing");
    let state = StateDir::open(&path, MAKE).expect("made");
    for folder in [state.objects(), state.venvs(), state.engines(), state.sdk()] {
        assert!(folder.is_dir(), "{}", folder.display());
    }
    assert_eq!(
        fs::read_to_string(path.join(".gitignore")).expect("there"),
        "*\n"
    );
    assert_eq!(
        fs::read_to_string(path.join("version")).expect("there"),
        format!("{LAYOUT_VERSION}\n")
    );
    assert!(state.root().is_absolute() && state.database().starts_with(state.root()));
    assert_eq!(
        StateDir::open(&path, FIND).expect("found").root(),
        state.root()
    );
    assert_eq!(
        StateDir::open(&path, MAKE).expect("found").root(),
        state.root()
    );
}

#[test]
fn a_half_made_folder_is_completed() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("objects")).expect("made");
    fs::write(root.path().join(".gitignore.123"), "").expect("written");
    StateDir::open(root.path(), MAKE).expect("completed");
    assert!(root.path().join("version").is_file());
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("workflow.yaml"), "name: etl\n").expect("written");
    let error = StateDir::open(root.path(), MAKE)
        .expect_err("not a state folder")
        .to_string();
    assert!(
        error.contains("workflow.yaml") && error.contains("--state"),
        "{error}"
    );
    assert_eq!(
        fs::read_dir(root.path()).expect("listed").count(),
        1,
        "nothing was added"
    );
}

#[test]
fn a_newer_or_foreign_version_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    StateDir::open(root.path(), MAKE).expect("made");
    for (text, expected) in [
        ("7\n", "written by a newer Ork (state folder version 7"),
        ("two", "holds `two` instead of a version"),
        ("", "instead of a version"),
        ("0", "instead of a version"),
    ] {
        fs::write(root.path().join("version"), text).expect("written");
        let error = StateDir::open(root.path(), MAKE)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains(expected)
                && error.contains("--state")
                && error.contains(&*root.path().to_string_lossy()),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(root.path().join("version")).expect("there"),
            text,
            "untouched"
        );
    }
}

#[test]
fn what_cannot_be_a_folder_is_refused_with_the_reason() {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("file");
    fs::write(&path, "x").expect("written");
    assert!(
        matches!(StateDir::open(&path, MAKE), Err(StateDirError::NotAFolder(said)) if said == path)
    );
    for path in [path.join("below"), Path::new("/proc/ork").to_owned()] {
        let error = StateDir::open(&path, MAKE)
            .expect_err("cannot be made")
            .to_string();
        assert!(
            error.contains(&*path.to_string_lossy()) && error.contains("--state"),
            "{error}"
        );
    }
}

#[test]
fn an_engine_is_alive_as_long_as_its_lock() {
    let root = tempfile::tempdir().expect("a folder");
    let state = StateDir::open(root.path(), MAKE).expect("made");
    let (one, two) = (
        EngineLock::acquire(&state, 1).expect("alive"),
        EngineLock::acquire(&state, 2).expect("alive"),
    );
    let ids = [one.id.clone(), two.id.clone()];
    assert_ne!(ids[0], ids[1]);
    assert!(
        EngineLock::acquire(&state, 2).is_err(),
        "an id is held once"
    );
    let alive = || {
        ids.each_ref()
            .map(|id| state.engine_is_alive(id).expect("answers"))
    };
    assert_eq!(alive(), [true, true]);
    drop(one);
    assert_eq!(alive(), [false, true]);
    for id in [
        "1-1",
        "",
        "../version",
        "../../etc/passwd",
        ".",
        "1-",
        "x-y",
    ] {
        assert!(!state.engine_is_alive(id).expect("answers"), "{id}");
    }
    drop(two);
    assert_eq!(
        fs::read_dir(state.engines()).expect("listed").count(),
        0,
        "nothing is left"
    );
}

const CHILD: &str = "ORK_TEST_STATE";

/// Alone it holds a lock and sees it; as a child of the test below it holds one until it is killed.
#[test]
#[expect(
    clippy::print_stdout,
    reason = "the parent reads which engine the child is"
)]
fn holding_a_lock() {
    let root = tempfile::tempdir().expect("a folder");
    let path = std::env::var_os(CHILD).map_or_else(|| root.path().to_owned(), Into::into);
    let state = StateDir::open(&path, MAKE).expect("opened");
    let lock = EngineLock::acquire(&state, 5).expect("alive");
    assert!(state.engine_is_alive(&lock.id).expect("answers"));
    if std::env::var_os(CHILD).is_some() {
        println!("engine {}", lock.id);
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_killed_engine_is_dead_and_cleared() {
    use std::io::{BufRead, BufReader};
    let root = tempfile::tempdir().expect("a folder");
    let state = StateDir::open(root.path(), MAKE).expect("made");
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["holding_a_lock", "--exact", "--nocapture"])
        .env(CHILD, root.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok);
    let id = lines
        .filter_map(|line| line.split("engine ").nth(1).map(str::to_owned))
        .next()
        .expect("it tells");
    assert!(state.engine_is_alive(&id).expect("answers"));
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(
        state.engines().join(&id).exists(),
        "it could not clear up itself"
    );
    assert!(!state.engine_is_alive(&id).expect("answers"));
    let next = EngineLock::acquire(&state, 6).expect("alive");
    assert!(
        !state.engines().join(&id).exists(),
        "the next engine cleared it"
    );
    assert!(state.engine_is_alive(&next.id).expect("answers"));
}
