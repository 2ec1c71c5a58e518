//! A hint: "look at this run".

use ork_core::ids::RunId;
use ork_engine::ports::{Function, Hint};

use super::envelope::{Broken, Envelope};

/// The function that a hint's `to` names.
pub fn function(word: &str) -> Option<Function> {
    match word {
        "dispatch" => Some(Function::Dispatch),
        "monitor" => Some(Function::Monitor),
        "poll" => Some(Function::Poll),
        _ => None,
    }
}

/// The attribute in which a message says what it was sent by; whoever does not measure passes over it.
pub const TRACEPARENT: &str = "traceparent";

/// The hint in an envelope.
pub fn hint(envelope: &Envelope) -> Result<Hint, Broken> {
    let word = envelope.attribute("to")?;
    let to = function(word).ok_or_else(|| {
        let word: String = word.chars().take(40).collect();
        Broken(format!(
            "the hint is to `{word}`, and there is no such function"
        ))
    })?;
    let run = RunId::new(envelope.attribute("run")?).map_err(|error| Broken(error.to_string()))?;
    let trace = envelope.attributes.get(TRACEPARENT).cloned();
    Ok(Hint { to, run, trace })
}
