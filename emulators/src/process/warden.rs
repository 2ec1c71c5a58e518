//! Kills our process groups when this process is killed without a chance to do so itself.
//!
//! One shell sleeps on a pipe whose other end only we hold. It is told which groups live, and when the pipe ends, because
//! we ended, it kills those that are left. (A parent-death signal would need `unsafe`, and it fires when the thread that
//! started the child ends, which for a runtime's threads is too early.)

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::Pid;

/// Interrupts are for the process it watches, not for the warden: a Ctrl-C must not end it first.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=
while read -r verb group; do
  case $verb in
    watch) groups="$groups $group" ;;
    forget) kept=; for g in $groups; do [ "$g" = "$group" ] || kept="$kept $g"; done; groups=$kept ;;
  esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
"#;

static WARDEN: OnceLock<Option<Mutex<Child>>> = OnceLock::new();

/// From now on the group dies with us.
pub(super) fn watch(group: Pid) {
    tell("watch", group);
}

/// The group is gone; its number may be given to somebody else.
pub(super) fn forget(group: Pid) {
    tell("forget", group);
}

fn tell(verb: &str, group: Pid) {
    // Without a shell there is no warden: the groups then die on drop, and only a SIGKILL of ours leaves them behind.
    if let Some(warden) = WARDEN.get_or_init(|| start().ok().map(Mutex::new)) {
        let mut warden = warden.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = warden.stdin.as_mut() {
            let _ = pipe.write_all(format!("{verb} {}\n", group.as_raw_nonzero()).as_bytes());
        }
    }
}

fn start() -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .arg("-c")
        .arg(SCRIPT)
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
