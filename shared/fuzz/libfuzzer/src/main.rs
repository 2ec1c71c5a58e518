//! libFuzzer over the target that `ORK_FUZZ_TARGET` names. ../README.md has the commands.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ork_fuzz::{Judgement, TARGETS, Target, judge};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("ORK_FUZZ_TARGET").unwrap_or_default();
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| {
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("ORK_FUZZ_TARGET is `{name}`; targets: {}", known.join(" "));
            std::process::exit(2)
        })
});

fuzz_target!(|data: &[u8]| {
    if let Judgement::Broken(said) = judge(*TARGET, data) {
        eprintln!("target {}: {said}", TARGET.name);
        std::process::abort();
    }
});
