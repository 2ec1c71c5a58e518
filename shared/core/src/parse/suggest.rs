//! "did you mean": what to say about an unknown word.

use crate::expr::nearest;

/// More known words than this are not listed.
const LISTED: usize = 16;

/// A hint naming the nearest word, or else all of them when they are few.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    // Every single letter is near every other.
    if word.chars().nth(1).is_some()
        && let Some(near) = nearest(word, known.clone())
    {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = known.into_iter().take(LISTED + 1).map(|one| format!("`{one}`")).collect();
    (!all.is_empty() && all.len() <= LISTED).then(|| format!("known: {}", all.join(", ")))
}
