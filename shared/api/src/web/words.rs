//! Small things that pages are made of: instants, spans, states. Each writes itself as HTML.

use askama::Template;
use askama::filters::HtmlSafe;
use ork_core::run::{Category, InstanceStatus, RunStatus};
use ork_core::time::{Millis, Time};
use ork_engine::why::Reason;

/// An instant, said from now: `3 min ago`, `in 2 h`.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<time datetime="{{ iso }}" title="{{ iso }}">{{ text }}</time>"#,
    ext = "html"
)]
pub(crate) struct Moment {
    iso: String,
    text: String,
}

impl HtmlSafe for Moment {}

impl Moment {
    pub(crate) fn of(at: Time, now: Time) -> Self {
        let text = match at.0 - now.0 {
            -999..=999 => "now".to_owned(),
            ahead if ahead > 0 => format!("in {}", rough(at.since(now))),
            _ => format!("{} ago", rough(now.since(at))),
        };
        Self {
            iso: at.rfc3339(),
            text,
        }
    }
    /// The instant itself.
    pub(crate) fn exactly(at: Time) -> Self {
        Self {
            iso: at.rfc3339(),
            text: instant(at),
        }
    }
}

/// An instant within a sentence: `2026-06-01 02:30:00 UTC`.
pub(crate) fn instant(at: Time) -> String {
    let iso = at.rfc3339();
    let whole = iso.split_once('.').map_or(iso.as_str(), |(whole, _)| whole);
    format!("{} UTC", whole.trim_end_matches('Z').replace('T', " "))
}

/// What a schedule's clock shows, out of RFC 9557: `2026-03-29 03:00 Europe/Berlin`.
pub(crate) fn wall_clock(local: &str) -> String {
    let (reading, zone) = local.split_once('[').unwrap_or((local, "UTC]"));
    let (day, time) = reading.split_once('T').unwrap_or((reading, ""));
    let time = time.split(['+', '-', 'Z']).next().unwrap_or_default();
    // Slots lie on whole minutes; what does not is shown as it is.
    let time = time.strip_suffix(":00").unwrap_or(time);
    format!("{day} {time} {}", zone.trim_end_matches(']'))
}

/// Why something waits, with the instant at which that changes where people wait for it.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"{{ text }}{% if let Some((what, at)) = until %} ({{ what }} {{ at }}){% endif %}"#,
    ext = "html"
)]
pub(crate) struct Why {
    text: String,
    until: Option<(&'static str, Moment)>,
}

impl HtmlSafe for Why {}

impl Why {
    pub(crate) fn of(reason: &Reason, now: Time) -> Self {
        // Of the others the text says how long.
        let what = match reason.kind.as_ref() {
            "start" => Some("given up"),
            "jobs" => Some("asked again"),
            _ => None,
        };
        let until = reason.until.as_deref().and_then(|at| Time::parse(at).ok());
        Self {
            text: reason.text.clone(),
            until: what.zip(until.map(|at| Moment::of(at, now))),
        }
    }
}

impl From<&str> for Why {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            until: None,
        }
    }
}

/// The category of a failure, where it says anything.
pub(crate) fn category(of: Category) -> Option<&'static str> {
    (of != Category::Unknown).then(|| of.as_str())
}

/// A span in its largest unit, as said in passing.
fn rough(span: Millis) -> String {
    let seconds = span.0 / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A state as a coloured word. The colour says nothing that the word does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="state {{ tone }}">{{ word }}</span>"#,
    ext = "html"
)]
pub(crate) struct Badge {
    word: &'static str,
    tone: &'static str,
}

impl HtmlSafe for Badge {}

impl Badge {
    pub(crate) const fn run(status: RunStatus) -> Self {
        let tone = match status {
            RunStatus::Pending => "waits",
            RunStatus::Running | RunStatus::Recovering => "works",
            RunStatus::Paused => "held",
            RunStatus::Success => "good",
            RunStatus::Failed => "bad",
            RunStatus::Cancelled => "off",
        };
        Self {
            word: status.as_str(),
            tone,
        }
    }
    pub(crate) const fn instance(status: InstanceStatus) -> Self {
        use InstanceStatus as S;
        let tone = match status {
            S::Pending | S::Queued => "waits",
            S::Dispatched | S::Running | S::Deferred => "works",
            S::Retrying => "again",
            S::Paused => "held",
            S::Success => "good",
            S::Failed => "bad",
            S::Skipped | S::Cancelled => "off",
        };
        Self {
            word: status.as_str(),
            tone,
        }
    }
    /// The class that colours it.
    pub(crate) const fn tone(self) -> &'static str {
        self.tone
    }
    pub(crate) const fn word(self) -> &'static str {
        self.word
    }
}

/// A span as people say it, or a dash.
pub(crate) fn span(span: Option<Millis>) -> String {
    span.map_or_else(|| "–".to_owned(), |span| span.to_string())
}

/// `1 run`, `2 runs`.
pub(crate) fn count(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// JSON for people: on one line where it is short.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    let line = value.to_string();
    if line.len() <= 100 {
        return line;
    }
    serde_json::to_string_pretty(value).unwrap_or(line)
}

/// Bytes as people say them.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1024 => count(n, "byte"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}

/// The address of `path` with what is asked for; what is empty is left out.
pub(crate) fn address(path: &str, asked: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in asked.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// At most `most` characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_said_from_now() {
        let now = Time(1_000_000_000_000);
        for (offset, said) in [
            (0, "now"),
            (-1_000, "1 s ago"),
            (-59_000, "59 s ago"),
            (-60_000, "1 min ago"),
            (7_200_000, "in 2 h"),
            (-172_800_000, "2 days ago"),
        ] {
            let text = Moment::of(Time(now.0 + offset), now).text;
            assert_eq!(text, said, "{offset}");
        }
        let exact = Moment::exactly(Time(1_000_000_000_123)).to_string();
        assert!(exact.contains(">2001-09-09 01:46:40 UTC<"), "{exact}");
    }

    #[test]
    fn wall_clocks_are_read_without_their_offsets() {
        for (local, shown) in [
            ("2026-06-01T06:00:00+00:00[UTC]", "2026-06-01 06:00 UTC"),
            (
                "2026-03-29T03:00:00+02:00[Europe/Berlin]",
                "2026-03-29 03:00 Europe/Berlin",
            ),
            (
                "2026-03-29T03:00:00-05:00[America/New_York]",
                "2026-03-29 03:00 America/New_York",
            ),
            ("2026-03-29T03:00:00Z", "2026-03-29 03:00 UTC"),
            ("2026-03-29T03:00:07Z", "2026-03-29 03:00:07 UTC"),
        ] {
            assert_eq!(wall_clock(local), shown, "{local}");
        }
    }

    #[test]
    fn addresses_say_only_what_is_asked() {
        assert_eq!(address("/runs", &[("status", "")]), "/runs");
        assert_eq!(
            address("/runs", &[("status", "a b"), ("cursor", "&=")]),
            "/runs?status=a+b&cursor=%26%3D"
        );
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äö", 2), "äö");
    }
}
