//! From a command as written to a program and its arguments.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ork_core::definition::CommandLine;

/// What will be executed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Absolute, so that the cheap way of spawning is open and nothing is looked up twice.
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// For messages.
    pub(crate) shown: String,
}

/// A word of the shell's own, or a program whose namesake in the shell behaves differently.
const SHELL_WORDS: [&str; 40] = [
    "!", ".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "echo",
    "eval", "exec", "exit", "export", "fc", "fg", "for", "getopts", "hash", "if", "jobs", "kill",
    "local", "printf", "pwd", "read", "readonly", "return", "set", "shift", "test", "time",
    "times", "trap", "type", "ulimit", "umask", "wait",
];

/// Works out what `command` means in `dir` with the given search path.
pub(crate) fn program(
    command: &CommandLine,
    dir: &Path,
    search: Option<&OsStr>,
) -> Result<Program, String> {
    match command {
        CommandLine::Shell(text) => Ok(shell(&text.source, dir, search)),
        CommandLine::Argv(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.source.as_str()).collect();
            argv(&words, dir, search)
        }
        CommandLine::File(file) => script(file, dir, search),
    }
}

/// Program and arguments as they stand.
pub(crate) fn argv(words: &[&str], dir: &Path, search: Option<&OsStr>) -> Result<Program, String> {
    let Some((first, rest)) = words.split_first().filter(|(first, _)| !first.is_empty()) else {
        return Err("the command is empty: give a program to run".to_owned());
    };
    let path = find(first, dir, search).ok_or_else(|| missing(first, dir))?;
    Ok(Program {
        path,
        args: rest.iter().map(OsString::from).collect(),
        shown: (*first).to_owned(),
    })
}

fn missing(name: &str, dir: &Path) -> String {
    if name.contains('/') {
        format!(
            "the program `{name}` does not exist or is not executable (looked in {})",
            dir.display()
        )
    } else {
        format!("the program `{name}` is not on PATH: install it, or write its path")
    }
}

/// A command of plain words is executed directly: the same result as through a shell at half the cost.
fn shell(text: &str, dir: &Path, search: Option<&OsStr>) -> Program {
    let words: Vec<&str> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    let shown = words.first().map_or("sh", |first| first).to_owned();
    let direct = words
        .first()
        .filter(|first| is_plain(text) && !first.contains('=') && !SHELL_WORDS.contains(first))
        .and_then(|first| find(first, dir, search));
    match direct {
        Some(path) => Program {
            path,
            args: words[1..].iter().map(OsString::from).collect(),
            shown,
        },
        None => Program {
            path: "/bin/sh".into(),
            args: vec!["-c".into(), text.into()],
            shown,
        },
    }
}

fn is_plain(text: &str) -> bool {
    let meta = |b: u8| b"|&;<>()$`\\\"'*?[]#~%!{}^\r\n".contains(&b) || b == 0;
    !text.bytes().any(meta)
}

/// A script beside the workflow: by itself if it is executable, else by its first line, else by its ending.
fn script(file: &str, dir: &Path, search: Option<&OsStr>) -> Result<Program, String> {
    let path = dir.join(file);
    let meta = std::fs::metadata(&path).map_err(|error| {
        format!(
            "the command file {} cannot be read: {error}",
            path.display()
        )
    })?;
    if meta.is_dir() {
        return Err(format!("the command file {} is a folder", path.display()));
    }
    let shown = file.to_owned();
    if meta.permissions().mode() & 0o111 != 0 {
        return Ok(Program {
            path,
            args: Vec::new(),
            shown,
        });
    }
    let mut start = [0; 256];
    let read = std::fs::File::open(&path)
        .and_then(|mut file| file.read(&mut start))
        .map_err(|error| {
            format!(
                "the command file {} cannot be read: {error}",
                path.display()
            )
        })?;
    let line = start[..read]
        .split(|b| *b == b'\n')
        .next()
        .unwrap_or_default();
    if let Some(interpreter) = line.strip_prefix(b"#!") {
        let text = String::from_utf8_lossy(interpreter);
        let (program, argument) = match text.trim().split_once([' ', '\t']) {
            Some((program, argument)) => (program.to_owned(), Some(argument.trim().to_owned())),
            None => (text.trim().to_owned(), None),
        };
        let found = find(&program, dir, search).ok_or_else(|| {
            format!("{file} asks for the interpreter `{program}`, which does not exist")
        })?;
        let args = argument
            .map(OsString::from)
            .into_iter()
            .chain([path.into_os_string()])
            .collect();
        return Ok(Program {
            path: found,
            args,
            shown,
        });
    }
    if path.extension().is_some_and(|ending| ending == "sh") {
        return Ok(Program {
            path: "/bin/sh".into(),
            args: vec![path.into_os_string()],
            shown,
        });
    }
    Err(format!(
        "{} is not executable and names no interpreter: make it executable (chmod +x) or begin it with a line such as #!/usr/bin/env python3",
        path.display()
    ))
}

/// The executable called `name`: a path is taken relative to `dir`, anything else is searched for in `search` (`PATH`).
pub fn find(name: &str, dir: &Path, search: Option<&OsStr>) -> Option<PathBuf> {
    let usable = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        let path = dir.join(name);
        return usable(&path).then_some(path);
    }
    let search = search.unwrap_or_else(|| OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    std::env::split_paths(search)
        .map(|folder| dir.join(folder).join(name))
        .find(|path| usable(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ork_core::definition::Expression;

    fn of(text: &str) -> Program {
        let command = CommandLine::Shell(Expression {
            source: text.to_owned(),
            references: Vec::new(),
        });
        program(&command, Path::new("/"), Some(OsStr::new("/usr/bin:/bin"))).expect("a program")
    }

    #[test]
    fn plain_words_need_no_shell() {
        for text in ["/bin/true", "  env   -u X\tY  ", "cat a.txt b.txt"] {
            assert_ne!(of(text).path, Path::new("/bin/sh"), "{text}");
        }
        assert_eq!(of("  env   -u X\tY  ").args, ["-u", "X", "Y"]);
    }

    #[test]
    fn what_a_shell_would_read_otherwise_goes_to_a_shell() {
        for text in [
            "a | b",
            "X=1 env",
            "exit 3",
            "echo -e x",
            "cat $HOME",
            "cat *.txt",
            "ls 'a b'",
            "no_such_program here",
            "cat a\ncat b",
            "cat ~",
            "",
        ] {
            let found = of(text);
            assert_eq!(
                (found.path.as_path(), found.args[1].to_str()),
                (Path::new("/bin/sh"), Some(text))
            );
        }
    }

    #[test]
    fn a_script_without_permission_runs_by_its_first_line_or_ending() {
        let dir = tempfile::tempdir().expect("a folder");
        let run = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("written");
            program(&CommandLine::File(name.to_owned()), dir.path(), None)
        };
        let by_line = run("job", "#!/usr/bin/env -S python3 -u\nprint(1)\n").expect("a program");
        assert_eq!(by_line.path, Path::new("/usr/bin/env"));
        assert_eq!(by_line.args[0], "-S python3 -u");
        assert_eq!(
            run("job.sh", "true\n").expect("a program").path,
            Path::new("/bin/sh")
        );
        let error = run("job.dat", "true\n").expect_err("neither");
        assert!(
            error.contains("chmod +x") && error.contains("job.dat"),
            "{error}"
        );
        let error =
            program(&CommandLine::File("gone".to_owned()), dir.path(), None).expect_err("missing");
        assert!(error.contains("gone"), "{error}");
    }
}
