//! How drawings look: one set of rules with colours by name, written for pages (variables) and for files (the colours themselves).

use std::fmt::Write as _;

use crate::State;

/// Names of colours, in light and in dark.
const COLOURS: &[(&str, &str, &str)] = &[
    ("ground", "#f7f8fa", "#0f141a"),
    ("card", "#ffffff", "#1a212b"),
    ("border", "#cfd6df", "#364152"),
    ("text", "#1c2430", "#e6eaf0"),
    ("dim", "#5b6674", "#9aa7b6"),
    ("edge", "#a9b3c0", "#4d5a6b"),
    ("edge-done", "#6f7d8f", "#7d8b9d"),
    ("stripe", "#eef1f5", "#151b23"),
    ("critical", "#c2410c", "#ff9a62"),
    ("focus", "#1d5fd1", "#8ab8ff"),
    ("on-state", "#ffffff", "#0f141a"),
    ("pending", "#8791a0", "#707d8e"),
    ("queued", "#5f7391", "#8ba3c7"),
    ("dispatched", "#2f7fa8", "#5cb6e0"),
    ("running", "#1f6feb", "#5aa2ff"),
    ("deferred", "#7a4fd0", "#b394f5"),
    ("retrying", "#a65f00", "#e8a33d"),
    ("paused", "#8a6d00", "#d6b84a"),
    ("success", "#1a7f46", "#4cc47e"),
    ("failed", "#c62f2f", "#ff7b72"),
    ("skipped", "#8791a0", "#707d8e"),
    ("cancelled", "#8c5a4b", "#cf9a89"),
    ("recovering", "#1f6feb", "#5aa2ff"),
];

/// Rules without colours.
const SHAPE: &str = "\
.ork-graph,.ork-gantt,.ork-trend{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,Helvetica,Arial,sans-serif}
.ork-graph .edge,.ork-graph .icon{fill:none;stroke-linecap:round;stroke-linejoin:round}
.ork-graph .edge{stroke-width:1.5}
.ork-graph .edge.far{stroke-dasharray:2 5}
.ork-graph .edge.critical{stroke-width:2.5}
.ork-graph .card,.ork-graph .behind{stroke-width:1}
.ork-graph .icon{stroke-width:1.8}
.ork-graph .name{font-size:13px;font-weight:500}
.ork-graph .note,.ork-graph .count,.ork-graph .more{font-size:11px}
.ork-graph .count{font-variant-numeric:tabular-nums}
.ork-graph .running .card,.ork-graph .failed .card,.ork-graph .critical .card{stroke-width:2}
.ork-graph .centre .card{stroke-width:3}
.ork-graph .skipped .card,.ork-graph .cancelled .card{stroke-dasharray:4 3}
.ork-graph a,.ork-gantt a,.ork-trend a{cursor:pointer;text-decoration:none;outline:none}
.ork-graph .node:focus-visible .card{stroke-width:3}
.ork-gantt text,.ork-trend text{font-size:11px}
.ork-gantt .name{font-size:12px}
.ork-gantt .tick{stroke-width:1;shape-rendering:crispEdges}
.ork-gantt .now{stroke-width:1.5;stroke-dasharray:4 3}
.ork-gantt rect.queued,.ork-gantt rect.retrying{opacity:.45}
.ork-gantt .d1{opacity:.3}
.ork-gantt .d2{opacity:.5}
.ork-gantt .d3{opacity:.75}
.ork-gantt a:focus-visible .name{text-decoration:underline}
.ork-trend .middle{stroke-width:1;stroke-dasharray:4 3}
.ork-trend a:focus-visible rect{stroke-width:2}
.ork-grid{border-collapse:collapse;font-size:12px}
.ork-grid th,.ork-grid td{padding:1px}
.ork-grid tbody th{text-align:start;font-weight:500;padding-inline-end:12px;white-space:nowrap}
.ork-grid .bar{display:block;margin:0 auto}
.ork-grid .cell{display:block;width:14px;height:14px;border-radius:3px;overflow:hidden;text-indent:100%;white-space:nowrap}
.ork-grid .failed .cell{border-radius:7px}
.ork-grid a.cell:focus-visible{outline:2px solid;outline-offset:1px}
";

/// Rules of colours: `$name` is one of [`COLOURS`].
const COLOUR: &str = "\
.ork-graph.alone,.ork-gantt.alone,.ork-trend.alone{background:$ground}
.ork-graph .name,.ork-gantt text,.ork-trend text{fill:$text}
.ork-graph .note,.ork-graph .count,.ork-graph .more,.ork-gantt .dim,.ork-trend .dim{fill:$dim}
.ork-graph .edge{stroke:$edge}
.ork-graph .edge.done{stroke:$edge-done}
.ork-graph .head{fill:$edge-done}
.ork-graph .card,.ork-graph .behind{fill:$card;stroke:$border}
.ork-graph .icon{stroke:$on-state}
.ork-graph .track{fill:$border}
.ork-graph .bar-done{fill:$success}
.ork-graph .bar-failed{fill:$failed}
.ork-graph .bar-running{fill:$running}
.ork-graph .running .card{stroke:$running}
.ork-graph .failed .card{stroke:$failed}
.ork-graph .critical .card,.ork-graph .edge.critical{stroke:$critical}
.ork-graph .head.critical{fill:$critical}
.ork-graph .centre .card,.ork-graph .node:focus-visible .card{stroke:$focus}
.ork-gantt .stripe{fill:$stripe}
.ork-gantt .tick{stroke:$border}
.ork-gantt .now{stroke:$critical}
.ork-trend .middle{stroke:$dim}
.ork-trend a:focus-visible rect{stroke:$focus}
.ork-grid .none{background:$stripe}
";

/// Writes every rule of colours with `colour` for a name.
fn colours(out: &mut String, colour: impl Fn(&str) -> String) {
    let mut parts = COLOUR.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_lowercase() && c != '-')
            .unwrap_or(part.len());
        out.push_str(&colour(&part[..end]));
        out.push_str(&part[end..]);
    }
    for state in State::ALL {
        let (word, colour) = (state.as_str(), colour(state.as_str()));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            ".ork-graph .{word} .badge,.ork-gantt .{word}.span,.ork-gantt .{word} .density,.ork-trend .{word},.ork-grid .{word} .bar{{fill:{colour}}}\n.ork-grid .{word} .cell{{background:{colour}}}"
        );
    }
}

/// For a page: colours are variables `--ork-…` of the drawing, light or dark as the reader's system is.
pub(crate) fn for_pages() -> String {
    let of = ".ork-graph,.ork-gantt,.ork-trend,.ork-grid";
    let mut out = String::with_capacity(8 * 1024);
    for dark in [false, true] {
        let values = COLOURS.iter().map(|(name, light, at_night)| {
            format!("--ork-{name}:{}", if dark { at_night } else { light })
        });
        let values: Vec<String> = values.collect();
        let rule = format!("{of}{{{}}}", values.join(";"));
        out.push_str(&if dark {
            format!("@media (prefers-color-scheme:dark){{{rule}}}\n")
        } else {
            rule + "\n"
        });
    }
    out.push_str(SHAPE);
    colours(&mut out, |name| format!("var(--ork-{name})"));
    out
}

/// For a file of its own, which also viewers without variables show.
pub(crate) fn for_files() -> String {
    let value = |name: &str, dark: bool| {
        let found = COLOURS.iter().find(|(known, ..)| *known == name);
        found
            .map_or(
                "#888888",
                |(_, light, at_night)| if dark { at_night } else { light },
            )
            .to_owned()
    };
    let mut out = String::with_capacity(12 * 1024);
    out.push_str(SHAPE);
    colours(&mut out, |name| value(name, false));
    out.push_str("@media (prefers-color-scheme:dark){\n");
    colours(&mut out, |name| value(name, true));
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_that_is_named_is_there() {
        for part in COLOUR.split('$').skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            assert!(COLOURS.iter().any(|(known, ..)| *known == name), "{name}");
        }
        for state in State::ALL {
            assert!(COLOURS.iter().any(|(known, ..)| *known == state.as_str()));
        }
        for css in [for_pages(), for_files()] {
            assert!(!css.contains('$') && !css.contains('<') && !css.contains('&'));
            assert_eq!(css.matches('{').count(), css.matches('}').count());
        }
        assert!(!for_files().contains("var("));
    }

    /// Contrast of what is read against what it is on, as WCAG 2 counts it.
    #[test]
    fn text_and_icons_can_be_read() {
        let luminance = |hex: &str| {
            let part = |at: usize| {
                let value = u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour");
                let value = f64::from(value) / 255.0;
                if value <= 0.040_45 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let of = |name: &str, dark: bool| {
            let found = COLOURS.iter().find(|(known, ..)| *known == name);
            let (_, light, at_night) = found.expect("a colour");
            luminance(if dark { at_night } else { light })
        };
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for dark in [false, true] {
            for ground in ["card", "ground", "stripe"] {
                for text in ["text", "dim"] {
                    let found = contrast(of(text, dark), of(ground, dark));
                    assert!(found >= 4.5, "{text} on {ground}, dark: {dark}: {found:.2}");
                }
            }
            for state in State::ALL {
                let found = contrast(of(state.as_str(), dark), of("on-state", dark));
                assert!(found >= 3.0, "{}, dark: {dark}: {found:.2}", state.as_str());
                let found = contrast(of(state.as_str(), dark), of("card", dark));
                assert!(found >= 3.0, "{}, dark: {dark}: {found:.2}", state.as_str());
            }
        }
    }
}
