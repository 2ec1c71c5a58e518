//! Listings by pages.

use serde::Serialize;
use utoipa::ToSchema;

use crate::Problem;

/// Items of a page when nobody says how many.
pub(crate) const USUAL: u32 = 50;
/// Items of a page at most.
pub(crate) const MOST: u32 = 500;

/// A page of a listing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In the order of the listing.
    pub items: Vec<T>,
    /// For `cursor` of the next request; null when nothing follows.
    pub next_cursor: Option<String>,
}

/// How many items are wanted.
pub(crate) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit as usize),
        other => Err(Problem::bad(format!(
            "`limit` is {other}; it may be 1 to {MOST}"
        ))),
    }
}
