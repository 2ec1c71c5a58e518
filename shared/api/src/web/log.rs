//! What an attempt printed: the end of it, live; a search through it; all of it as a file.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use ork_core::definition::TaskIndex;
use ork_core::names::ObjectName;
use ork_engine::RunView;
use ork_engine::ports::Ports;
use serde::Deserialize;

use super::actor::Actor;
use super::instance::{attempt_of, log_of};
use super::page::{Frame, Html};
use super::words::{address, bytes};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, task, view};
use crate::site::{Log, Site};

/// Bytes of the end that a page shows.
const END: u64 = 24 << 10;
/// Bytes of a page of the log.
const PAGE: u64 = 96 << 10;
/// Bytes read at once.
const PART: u64 = 1 << 20;
/// Bytes that a search goes through.
const SEARCHED: u64 = 16 << 20;
/// Lines that a search shows.
const FOUND: usize = 300;

/// Which part.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    attempt: Option<u32>,
    from: Option<u64>,
    /// What is searched for.
    q: String,
}

/// The end of a log, that goes on by itself while its attempt does.
#[derive(Template)]
#[template(path = "parts/tail.html")]
pub(crate) struct Tail {
    text: String,
    size: String,
    is_whole: bool,
    next: Option<String>,
}

impl HtmlSafe for Tail {}

/// What came since, and where to go on.
#[derive(Template)]
#[template(path = "parts/more.html")]
struct More {
    text: String,
    next: Option<String>,
}

/// A line that was found, in pieces: every second one is a match.
struct Hit {
    number: usize,
    pieces: Vec<(bool, String)>,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Page {
    frame: Frame,
    run: String,
    name: String,
    index: u32,
    fans_out: bool,
    attempt: u32,
    q: String,
    size: String,
    from: u64,
    to: u64,
    text: String,
    hits: Option<Vec<Hit>>,
    is_all: bool,
    before: Option<String>,
    after: Option<String>,
    file: String,
    here: String,
}

async fn read<P: Ports>(
    site: &Site<P>,
    log: &ObjectName,
    from: u64,
    most: u64,
) -> Result<Log, Problem> {
    let found = site.logs.read(log, from, most).await;
    let found = found.map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.0))?;
    Ok(found.unwrap_or(Log {
        bytes: Vec::new(),
        size: 0,
    }))
}

/// Whether an attempt may still print.
fn goes_on(view: &RunView, at: TaskIndex, index: u32, attempt: u32) -> bool {
    let one = view.state.instance(at, index);
    !view.header.status.is_terminal()
        && one.is_some_and(|one| one.attempt <= attempt.max(1) && !one.status().is_terminal())
}

impl Tail {
    pub(crate) async fn of<P: Ports>(
        site: &Site<P>,
        view: &RunView,
        at: TaskIndex,
        index: u32,
        attempt: u32,
        page: &str,
    ) -> Result<Self, Problem> {
        // Before the first attempt there is nothing, and its log may begin at any moment.
        let log = log_of(view, at, index, attempt.max(1));
        let size = read(site, &log, 0, 0).await?.size;
        let from = size.saturating_sub(END);
        let found = read(site, &log, from, END).await?;
        let (text, used) = printed(&found.bytes);
        let next = next_of(page, attempt.max(1), from + used);
        Ok(Self {
            text: if from > 0 { from_line(&text) } else { text },
            size: bytes(found.size),
            is_whole: from == 0,
            next: goes_on(view, at, index, attempt).then_some(next),
        })
    }
}

fn next_of(page: &str, attempt: u32, from: u64) -> String {
    let asked = [("attempt", attempt.to_string()), ("from", from.to_string())];
    let asked: Vec<_> = asked
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    address(&format!("{page}/more"), &asked)
}

/// From the first whole line on.
fn from_line(text: &str) -> String {
    text.split_once('\n')
        .map_or(text, |(_, rest)| rest)
        .to_owned()
}

/// What a terminal would show of `bytes`, without colours; and how many of them that are, when the last are the beginning of a character.
fn printed(bytes: &[u8]) -> (String, u64) {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && bytes.len() - error.valid_up_to() < 4 => {
            &bytes[..error.valid_up_to()]
        }
        _ => bytes,
    };
    let text = String::from_utf8_lossy(whole);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(one) = chars.next() {
        match one {
            '\u{1b}' => {
                // `ESC [ … letter`, or `ESC` and one more.
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|one| !('@'..='~').contains(one)).is_some() {}
                }
                chars.next();
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(one),
            // What turns text round could make a line say what it does not.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => plain.push('\u{fffd}'),
            one if one.is_control() => {}
            one => plain.push(one),
        }
    }
    (plain, whole.len() as u64)
}

/// What was printed since, for a page that shows the rest.
pub(crate) async fn more<P: Ports>(
    State(site): Ground<P>,
    Path((run, name, index)): Path<(String, String, u32)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    attempt_of(&view, at, index, None)?;
    let attempt = wanted.attempt.unwrap_or(1).max(1);
    let goes_on = goes_on(&view, at, index, attempt);
    let from = wanted.from.unwrap_or(0);
    let found = read(&site, &log_of(&view, at, index, attempt), from, PAGE).await?;
    let (text, used) = printed(&found.bytes);
    let is_end = from + used >= found.size;
    if text.is_empty() && goes_on {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let page = format!("/runs/{run}/tasks/{name}/at/{index}");
    let next = (goes_on || !is_end && used > 0).then(|| next_of(&page, attempt, from + used));
    Ok(Html(More { text, next }).into_response())
}

/// The log by pages, or what a search finds in it.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name, index)): Path<(String, String, u32)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let attempt = attempt_of(&view, at, index, wanted.attempt)?;
    let log = log_of(&view, at, index, attempt.max(1));
    let here = format!("/runs/{run}/tasks/{name}/at/{index}/log");
    let number = attempt.to_string();
    let q: String = wanted.q.chars().take(200).collect();
    let mut page = Page {
        frame: Frame::of(format!("Log of {name}"), "runs", actor),
        fans_out: view.graph.task(at).fans_out(),
        attempt,
        size: String::new(),
        from: 0,
        to: 0,
        text: String::new(),
        hits: None,
        is_all: true,
        before: None,
        after: None,
        file: address(&format!("{here}.txt"), &[("attempt", &number)]),
        here,
        run,
        name,
        index,
        q,
    };
    if page.q.is_empty() {
        let size = read(&site, &log, 0, 0).await?.size;
        let last = size.saturating_sub(PAGE);
        let from = wanted.from.unwrap_or(last).min(size);
        let found = read(&site, &log, from, PAGE).await?;
        let (text, used) = printed(&found.bytes);
        page.size = bytes(found.size);
        (page.from, page.to, page.text) = (from, from + used, text);
        let to = |from: u64| {
            let from = from.to_string();
            address(&page.here, &[("attempt", &number), ("from", &from)])
        };
        page.before = (from > 0).then(|| to(from.saturating_sub(PAGE)));
        page.after = (page.to < found.size && used > 0).then(|| to(page.to));
    } else {
        search(&site, &log, &mut page).await?;
    }
    Ok(Html(page))
}

async fn search<P: Ports>(
    site: &Site<P>,
    log: &ObjectName,
    page: &mut Page,
) -> Result<(), Problem> {
    let wanted = page.q.to_lowercase();
    let (mut hits, mut from, mut number, mut rest) = (Vec::new(), 0, 0, String::new());
    let size = loop {
        let found = read(site, log, from, PART).await?;
        let (text, used) = printed(&found.bytes);
        from += used;
        rest.push_str(&text);
        let is_end = used == 0 || from >= found.size || from >= SEARCHED;
        let whole = if is_end {
            rest.len()
        } else {
            rest.rfind('\n').map_or(0, |at| at + 1)
        };
        for line in rest[..whole].lines() {
            number += 1;
            if hits.len() < FOUND && line.to_lowercase().contains(&wanted) {
                let pieces = pieces(line, &wanted);
                hits.push(Hit { number, pieces });
            }
        }
        rest.drain(..whole);
        if is_end || hits.len() >= FOUND {
            page.is_all = is_end && from >= found.size && hits.len() < FOUND;
            break found.size;
        }
    };
    page.size = bytes(size);
    page.hits = Some(hits);
    Ok(())
}

/// A line cut at its matches. Where lower case changes how long a text is, the line is one piece.
fn pieces(line: &str, wanted: &str) -> Vec<(bool, String)> {
    let line: String = line.chars().take(2_000).collect();
    let low = line.to_lowercase();
    let same = low.len() == line.len()
        && low
            .char_indices()
            .map(|(at, _)| at)
            .eq(line.char_indices().map(|(at, _)| at));
    if !same {
        return vec![(false, line)];
    }
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, found) in low.match_indices(wanted) {
        pieces.push((false, line[from..at].to_owned()));
        pieces.push((true, line[at..at + found.len()].to_owned()));
        from = at + found.len();
    }
    pieces.push((false, line[from..].to_owned()));
    pieces
}

/// All of it, as it was printed.
pub(crate) async fn file<P: Ports + 'static>(
    State(site): Ground<P>,
    Path((run, name, index)): Path<(String, String, u32)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let attempt = attempt_of(&view, at, index, wanted.attempt)?;
    let log = log_of(&view, at, index, attempt.max(1));
    let named = format!("attachment; filename=\"{run}.{name}.{index}.{attempt}.log.txt\"");
    // What is printed while it is read belongs to it; what never ends has an end here.
    let end = read(&site, &log, 0, 0).await?.size;
    let parts = stream::unfold(0, move |from| {
        let (site, log) = (site.clone(), log.clone());
        async move {
            let most = PART.min(end.saturating_sub(from));
            if most == 0 {
                return None;
            }
            match site.logs.read(&log, from, most).await {
                Ok(Some(found)) if !found.bytes.is_empty() => {
                    let next = from + found.bytes.len() as u64;
                    Some((Ok(Bytes::from(found.bytes)), next))
                }
                Ok(_) => None,
                Err(error) => Some((Err(std::io::Error::other(error.0)), end)),
            }
        }
    });
    let kind = "text/plain; charset=utf-8".to_owned();
    let headers = [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, named)];
    Ok((headers, Body::from_stream(parts)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_shown_without_what_steers_a_terminal() {
        for (bytes, text, used) in [
            (
                &b"a\x1b[1;31mred\x1b[0m\x07b\r\nc\rd\te"[..],
                "aredb\nc\nd\te",
                24,
            ),
            ("ä".as_bytes(), "ä", 2),
            (&"aä".as_bytes()[..2], "a", 1),
            (&[0xff, b'a'], "\u{fffd}a", 2),
            ("a\u{202e}b".as_bytes(), "a\u{fffd}b", 5),
            (b"\x1b[", "", 2),
        ] {
            assert_eq!(printed(bytes), (text.to_owned(), used), "{bytes:?}");
        }
    }

    #[test]
    fn matches_are_cut_out_whatever_their_case() {
        let cut = |line| {
            let all = pieces(line, "er");
            all.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(cut("An ERror here"), ["An ", "ER", "ror h", "er", "e"]);
        assert_eq!(cut("İ error"), ["İ error"]);
    }
}
