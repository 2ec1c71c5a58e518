//! Runs a target over one input and catches what it panics with.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::Reading;
use crate::targets::Target;

/// What a target made of one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Its promise holds.
    Held(Reading),
    /// Its promise is broken in a way that is known and waits to be mended ([`Target::open`]).
    Open,
    /// Its promise is broken; what the panic said.
    Broken(String),
}

thread_local! {
    /// What the last panic said.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether this thread is at an input, so that a panic is a judgement and no accident.
    static JUDGING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `target` over one input.
pub fn judge(target: &Target, bytes: &[u8]) -> Judgement {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if JUDGING.get() {
                PANIC.replace(Some(info.to_string().replace('\n', " ")));
            } else {
                usual(info);
            }
        }));
    });
    JUDGING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    JUDGING.set(false);
    match result {
        Ok(reading) => Judgement::Held(reading),
        Err(_) => {
            let said = PANIC
                .take()
                .unwrap_or_else(|| "it panicked without a word".to_owned());
            if target.open.iter().any(|known| said.contains(known)) {
                Judgement::Open
            } else {
                Judgement::Broken(said)
            }
        }
    }
}
