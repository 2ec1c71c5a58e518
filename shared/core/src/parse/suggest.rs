//! "did you mean": what to say about an unknown word.

use crate::diagnostic::Diagnostics;
use crate::expr::nearest;

/// More known words than this are not listed.
const LISTED: usize = 16;

/// A hint naming the nearest word, or else all of them when they are few.
pub(super) fn hint<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    found: &mut Diagnostics,
) -> Option<String> {
    // Every single letter is near every other. A file of many unknown words and many known ones gets no hints
    // in the end: comparing all with all takes longer than anybody waits.
    if word.chars().nth(1).is_some()
        && found.may_compare(|| known.clone().into_iter().count())
        && let Some(near) = nearest(word, known.clone())
    {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = known
        .into_iter()
        .take(LISTED + 1)
        .map(|one| format!("`{one}`"))
        .collect();
    (!all.is_empty() && all.len() <= LISTED).then(|| format!("known: {}", all.join(", ")))
}
