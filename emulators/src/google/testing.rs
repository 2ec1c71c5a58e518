//! For tests: the emulators, or a skip that is heard.

use std::io::Write;

use super::Sdk;

/// The SDK with both emulators; `None` after saying on standard error that `test` is skipped and what to install.
///
/// # Panics
/// When something is missing and `ORK_REQUIRE_ALL` is `1`: then nothing may be skipped.
#[must_use]
pub fn sdk_or_skip(test: &str) -> Option<Sdk> {
    let missing = match Sdk::find(None) {
        Ok(sdk) => return Some(sdk),
        Err(missing) => missing,
    };
    assert!(
        std::env::var_os("ORK_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{test} may not be skipped (ORK_REQUIRE_ALL=1): {missing}"
    );
    // Not through `eprintln!`: the test harness would swallow it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {missing}");
    None
}
