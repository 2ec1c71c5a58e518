//! Mistakes, each of which has to be noticed.

use crate::checks::{SERVICE, WORKER};
use crate::names::{BUILD, CLOUD, PIN};
use crate::problems;
use crate::programs::loose;
use crate::project::Project;
use crate::workflows::{CI, IMAGES};

/// A file, what stands there, what would stand there instead, and a part of what is said about it.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        SERVICE,
        "COPY emulators emulators\n",
        "",
        "the crate emulators is not copied",
    ),
    (
        SERVICE,
        "COPY shared shared\n",
        "COPY share shared\n",
        "COPY share: there is no such file",
    ),
    (
        SERVICE,
        "COPY Cargo.toml Cargo.lock ./",
        "COPY Cargo.toml Cargo.lock docs ./",
        "COPY docs: .dockerignore keeps it out",
    ),
    (
        SERVICE,
        "COPY LICENSE-APACHE LICENSE-MIT",
        "ADD LICENSE-APACHE LICENSE-MIT",
        "ADD: COPY and RUN",
    ),
    (
        SERVICE,
        "COPY --from=tools",
        "COPY --from=tool",
        "COPY --from=tool: there is no such stage",
    ),
    (
        SERVICE,
        "build --locked --release",
        "build --release",
        "takes other crates than those that are locked",
    ),
    (SERVICE, "USER 65532:65532\n", "", "service runs as root"),
    (
        SERVICE,
        "USER 65532:65532\n",
        "USER 0\n",
        "service runs as `0`",
    ),
    (
        SERVICE,
        "USER 65532:65532\n",
        "USER nonroot\n",
        "service runs as `nonroot`",
    ),
    (
        SERVICE,
        "USER 65532:65532\n",
        "USER 65532:65532\nRUN true\n",
        "runs something, and has no shell",
    ),
    (
        SERVICE,
        "ENTRYPOINT [\"/usr/local/bin/ork-service\"]",
        "ENTRYPOINT /usr/local/bin/ork-service",
        "does not start",
    ),
    (SERVICE, "STOPSIGNAL SIGTERM", "CMD [\"tick\"]", "has a CMD"),
    (SERVICE, "EXPOSE 8080", "EXPOSE 80", "PORT is"),
    (
        SERVICE,
        "debian13:nonroot",
        "debian13:debug",
        "which may have a shell",
    ),
    (
        SERVICE,
        "debian13:nonroot",
        "debian12:nonroot",
        "is not of Debian 13",
    ),
    (
        SERVICE,
        "rust:1.95.0-slim",
        "rust:1.94.1-slim",
        "Rust 1.94.1, and Cargo.toml says 1.95",
    ),
    (
        SERVICE,
        "/usr/share/sbom/ork-service.cdx.json",
        "/sbom.json",
        "ork-service.cdx.json is not both in",
    ),
    (
        WORKER,
        "python:3.13.16-slim",
        "python:3.8.20-slim",
        "Python 3.8.20, and the SDK needs 3.9",
    ),
    (
        WORKER,
        "slim-trixie",
        "slim-bookworm",
        "is not of Debian 13",
    ),
    (
        WORKER,
        "docker.io/library/debian:13.6-slim",
        "debian:13.6-slim",
        "names no registry",
    ),
    (WORKER, "debian:13.6-slim", "debian", "has no version"),
    (
        WORKER,
        "--require-hashes -r image/sdk-build.txt",
        "hatchling",
        "takes packages without their hashes",
    ),
    (
        WORKER,
        "RUN builder/bin/pip wheel",
        "RUN curl https://example.com/x.whl && builder/bin/pip wheel",
        "fetches something that nothing locks",
    ),
    (
        WORKER,
        "UV_CACHE_DIR=/tmp/uv",
        "UV_CACHE_DIR=/tmp/uv ORK_COLOUR=red",
        "sets ORK_COLOUR",
    ),
    (
        ".dockerignore",
        "!shared\n",
        "",
        "COPY shared: .dockerignore keeps it out",
    ),
    (
        ".dockerignore",
        "**/tests",
        "**/src",
        ".dockerignore keeps out shared/core/src",
    ),
    (
        "Cargo.toml",
        "    \"emulators\",",
        "    \"emulators\", \"examples/new\",",
        "the crate examples/new is not copied",
    ),
    (
        "Cargo.toml",
        "rust-version = \"1.95\"",
        "rust-version = \"1.96\"",
        "Rust 1.95.0, and Cargo.toml says 1.96",
    ),
    (
        BUILD,
        "ork-service image $(bases RUST_IMAGE RUNTIME_IMAGE)",
        "ork-functions image $(bases RUST_IMAGE RUNTIME_IMAGE)",
        "`there` builds",
    ),
    (
        BUILD,
        "ork-service image $(bases RUST_IMAGE RUNTIME_IMAGE)",
        "ork-service image $(bases RUST_IMAGE)",
        "RUNTIME_IMAGE cannot be another one",
    ),
    (CLOUD, "  _TAG: dev\n", "", "are declared, and"),
    (
        CLOUD,
        "_REPOSITORY: ork\n",
        "_REPOSITORY: images\n",
        "ork-service of images in europe-west1 is not among",
    ),
    (
        CLOUD,
        "_REGION: europe-west1",
        "_REGION: us-central1",
        "ork-worker of ork in us-central1 is not among",
    ),
    (
        CLOUD,
        "docker:29.8.1-cli",
        "docker:latest",
        "has no version",
    ),
    (
        PIN,
        "    \"functions/images/cloudbuild.yaml\",\n",
        "",
        "cloudbuild.yaml is not looked at",
    ),
    (
        "terraform/examples/minimal/offline.tfvars",
        "ork/ork-worker:1",
        "ork/worker:1",
        "ork-worker of ork in europe-west1 is not among",
    ),
    (
        "docs/deploy.md",
        "**6. ",
        "**6. Rest.**\n\n**7. ",
        "7 steps to the first run",
    ),
    (CI, "contents: read", "contents: write", "not only to read"),
    (
        CI,
        "pull_request:",
        "pull_request_target:",
        "gives strangers",
    ),
    (
        CI,
        "checkout@v5.0.0",
        "checkout@v5",
        "neither a commit nor a whole version",
    ),
    (
        CI,
        "persist-credentials: false",
        "fetch-depth: 1",
        "leaves the token",
    ),
    (CI, "run: .ci/run", "run: make test", "nothing runs .ci/run"),
    (CI, "    timeout-minutes: 60\n", "", "may run for six hours"),
    (IMAGES, "    needs: pinned\n", "", "push does not wait"),
    (
        IMAGES,
        " --release\n",
        "\n",
        "push does not build a release",
    ),
    (
        IMAGES,
        "\"$GITHUB_REF_NAME\"",
        "\"${{ github.ref_name }}\"",
        "puts a value into a script",
    ),
    (
        IMAGES,
        "    permissions:\n      contents: read\n      id-token: write",
        "    permissions: write-all",
        "may \"write-all\"",
    ),
    (
        IMAGES,
        "tags: [\"v*\"]",
        "branches: [main]",
        "not for tags of versions only",
    ),
];

#[test]
fn every_mistake_is_noticed() {
    let mut unnoticed = Vec::new();
    for (path, from, to, said) in MISTAKES {
        let mut project = Project::default();
        let text = loose(&project.text(path).expect("the file is there"));
        assert!(text.contains(from), "{path} has no `{from}`");
        project
            .changed
            .insert((*path).to_owned(), text.replacen(from, to, 1));
        let found = problems(&project);
        if !found.iter().any(|one| one.contains(said)) {
            unnoticed.push(format!(
                "{path}, `{from}`: nothing says `{said}`, only {found:#?}"
            ));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}
