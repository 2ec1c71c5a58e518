//! The programs that pin and build, with tools that stand in for registries and engines.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::names::{BUILD, PIN};
use crate::project::Project;

const FILES: [&str; 9] = [
    PIN,
    BUILD,
    "Cargo.toml",
    "functions/images/cloudbuild.yaml",
    "functions/service/Dockerfile",
    "functions/worker/Dockerfile",
    ".github/workflows/ci.yml",
    ".github/workflows/images.yml",
    ".dockerignore",
];
/// What a registry has under every name, and its hash.
const MANIFEST: &str = "{}";
const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// A copy of what the programs read, and a folder of tools.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for file in FILES {
            let to = folder.path().join("project").join(file);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            let text = std::fs::read_to_string(Project::root().join(file)).expect(file);
            std::fs::write(&to, loose(&text)).expect("written");
        }
        std::fs::create_dir(folder.path().join("tools")).expect("made");
        let place = Self { folder };
        for name in ["sh", "env", "dirname", "sed", "mktemp", "rm", "cat", "head"] {
            let found = ["/bin", "/usr/bin"].map(|at| Path::new(at).join(name));
            let found = found.iter().find(|path| path.exists()).expect("a system");
            std::os::unix::fs::symlink(found, place.tools().join(name)).expect("linked");
        }
        // The interpreter itself: a shim would look for others.
        let asked = Command::new(std::env::var("ORK_PYTHON").unwrap_or_else(|_| "python3".into()))
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("Python");
        let python = String::from_utf8(asked.stdout).expect("a path");
        place.tool("python3", &format!("exec {} \"$@\"", python.trim()));
        place
    }

    fn tools(&self) -> PathBuf {
        self.folder.path().join("tools")
    }

    /// A program that notes how it was called.
    fn tool(&self, name: &str, does: &str) {
        let file = self.tools().join(name);
        let called = self.folder.path().join("called");
        let text = format!(
            "#!/bin/sh\necho \"{name} $*\" >>'{}'\n{does}\n",
            called.display()
        );
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn called(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("called")).unwrap_or_default()
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("project").join(file)).expect(file)
    }

    fn run(&self, by: &str, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(self.tools().join(by))
            .arg(self.folder.path().join("project").join(program))
            .args(arguments)
            .env_clear()
            .env("PATH", self.tools())
            .env("REVISION", "abc")
            .output()
            .expect("it starts");
        let mut told = String::from_utf8_lossy(&stdout).into_owned();
        told.push_str(&String::from_utf8_lossy(&stderr));
        (status.code(), told)
    }

    fn pin(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run("python3", PIN, arguments)
    }

    fn build(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run("sh", BUILD, arguments)
    }
}

/// A file as it is before it is pinned, whether it is or not.
pub(crate) fn loose(text: &str) -> String {
    let mut all = String::new();
    for line in text.split_inclusive('\n') {
        let mut line = line.to_owned();
        if let Some(at) = line.find("@sha256:").filter(|at| {
            line[at + 8..]
                .bytes()
                .take(64)
                .filter(u8::is_ascii_hexdigit)
                .count()
                == 64
        }) {
            line.replace_range(at..at + 72, "");
        }
        if let Some((start, version)) = line.split_once(" # v")
            && let Some((action, _)) = start.split_once('@')
        {
            line = format!("{action}@v{version}");
        }
        all.push_str(&line);
    }
    all
}

const TAGS: &str = "case $2 in *checkout) echo '1111111111111111111111111111111111111111\trefs/tags/v5.0.0'; echo '2222222222222222222222222222222222222222\trefs/tags/v5.0.0^{}';; \
    *) for tag; do :; done; tag=${tag%^*}; echo \"3333333333333333333333333333333333333333\t$tag\";; esac";

#[test]
fn pins_are_written_all_at_once_and_then_checked() {
    let place = Place::new();
    let (code, told) = place.pin(&["--check"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("functions/service/Dockerfile:6: docker.io/library/rust:1.95.0-slim-trixie has no digest"), "{told}");
    assert!(
        told.contains("actions/checkout@v5.0.0 is no commit"),
        "{told}"
    );

    place.tool("skopeo", &format!("printf '%s' '{MANIFEST}'"));
    place.tool("git", TAGS);
    let (code, told) = place.pin(&[]);
    assert_eq!(code, Some(0), "{told}");
    let service = place.text("functions/service/Dockerfile");
    assert!(
        service.contains(&format!(
            "ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-trixie@{DIGEST}\n"
        )),
        "{service}"
    );
    let ci = place.text(".github/workflows/ci.yml");
    // The commit, and not the tag's own object.
    assert!(
        ci.contains("uses: actions/checkout@2222222222222222222222222222222222222222 # v5.0.0\n"),
        "{ci}"
    );
    assert!(
        place
            .text(BUILD)
            .contains(&format!("buildkit:v0.33.0@{DIGEST}\n"))
    );
    let (code, told) = place.pin(&["--check"]);
    assert_eq!(code, Some(0), "{told}");

    // Nobody is asked again, unless that is wanted.
    let before = place.called().lines().count();
    let (code, told) = place.pin(&[]);
    assert_eq!(
        (code, place.called().lines().count()),
        (Some(0), before + 1),
        "{told}"
    );
    place.tool("skopeo", "printf x");
    let (code, told) = place.pin(&["--update"]);
    assert_eq!(code, Some(0), "{told}");
    let service = place.text("functions/service/Dockerfile");
    assert!(
        !service.contains(DIGEST) && service.matches("@sha256:").count() == 2,
        "{service}"
    );
}

#[test]
fn nothing_is_pinned_unless_everything_was_found() {
    for (skopeo, git, said) in [
        (None, TAGS, "none of them is on PATH"),
        (
            Some("echo 'no such host' >&2; exit 1"),
            TAGS,
            "cannot be looked up: no such host",
        ),
        (Some("printf x"), "exit 0", "has no tag v"),
        (
            Some("printf x"),
            "echo 'could not resolve host' >&2; exit 128",
            "cannot be looked up: could not resolve host",
        ),
    ] {
        let place = Place::new();
        place.tool("git", git);
        if let Some(does) = skopeo {
            place.tool("skopeo", does);
        }
        let before: Vec<String> = FILES.iter().map(|file| place.text(file)).collect();
        let (code, told) = place.pin(&[]);
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.contains(said) && told.contains("Nothing was written"),
            "{said}: {told}"
        );
        let after: Vec<String> = FILES.iter().map(|file| place.text(file)).collect();
        assert!(before == after, "{told}");
    }
    let (code, told) = Place::new().pin(&["--all"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("`--all` is not understood"), "{told}");
}

/// Says of what it pushes that it has this digest.
const DOCKER: &str = "for word; do [ \"$before\" != --metadata-file ] || echo '{\"containerimage.digest\": \"sha256:5e41\"}' >\"$word\"; before=$word; done";

#[test]
fn what_is_pushed_is_told_with_its_digest_and_workers_have_the_program_that_was_pushed() {
    let place = Place::new();
    place.tool("docker", DOCKER);
    let (code, told) = place.build(&["--push", "r/p/ork/", "--tag", "t"]);
    assert_eq!(code, Some(0), "{told}");
    for line in [
        "  image          = \"r/p/ork/ork-service@sha256:5e41\"",
        "  worker_image   = \"r/p/ork/ork-worker@sha256:5e41\"",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let called = place.called();
    let builds: Vec<&str> = called
        .lines()
        .filter(|line| line.starts_with("docker buildx build"))
        .collect();
    assert_eq!(builds.len(), 3, "{called}");
    for build in &builds {
        for part in [
            "--push",
            "--attest type=sbom,generator=docker.io/docker/buildkit-syft-scanner:",
            "--attest type=provenance,mode=max",
            "--build-arg REVISION=abc",
            "--build-arg VERSION=0.",
        ] {
            assert!(build.contains(part), "{part}: {build}");
        }
    }
    for build in &builds[1..] {
        assert!(
            build.contains("--build-arg SERVICE_IMAGE=r/p/ork/ork-service@sha256:5e41"),
            "{build}"
        );
    }

    let (code, told) = place.build(&[]);
    assert_eq!(code, Some(0), "{told}");
    let called = place.called();
    let local: Vec<&str> = called
        .lines()
        .filter(|line| line.starts_with("docker build "))
        .collect();
    assert_eq!(local.len(), 3, "{called}");
    assert!(
        local[2].contains("--target command --tag ork-worker-command:dev"),
        "{called}"
    );
}

#[test]
fn what_cannot_be_built_is_said_and_nothing_begun() {
    for (docker, podman, arguments, said) in [
        (None, None, &[][..], "nothing here builds images"),
        (Some("exit 1"), None, &[], "nothing here builds images"),
        (
            None,
            Some("exit 0"),
            &["--push", "r/p", "--tag", "t"],
            "--push needs docker with buildx",
        ),
        (
            Some("[ $1 != buildx ]"),
            None,
            &["--push", "r/p", "--tag", "t"],
            "which this docker has not",
        ),
        (
            Some(DOCKER),
            None,
            &["--push", "r/p", "--tag", "t", "--release"],
            "may change under its name",
        ),
        (
            Some(DOCKER),
            None,
            &["--push", "r/p"],
            "--push needs --tag TAG",
        ),
        (Some(DOCKER), None, &["--push"], "--push needs a value"),
        (
            Some(DOCKER),
            None,
            &["--release"],
            "are for --push REPOSITORY",
        ),
        (
            Some(DOCKER),
            None,
            &["--fast"],
            "`--fast` is not understood",
        ),
    ] {
        let place = Place::new();
        for (name, does) in [("docker", docker), ("podman", podman)] {
            if let Some(does) = does {
                place.tool(name, does);
            }
        }
        let (code, told) = place.build(arguments);
        assert_eq!(code, Some(1), "{said}: {told}");
        assert!(told.contains(said), "{said}: {told}");
        assert!(
            !place.called().contains(" build "),
            "{said}: {}",
            place.called()
        );
    }
}
