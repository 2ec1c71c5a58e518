//! How wide text is, without a font to ask: a table of what the system fonts have in common, a little on the wide side.

/// Widths of U+0020 to U+007E in thousandths of the font size, as Helvetica and Arial have them.
const ASCII: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// What other fonts, and heavier ones, need beyond the table, in percent.
const WIDER: u32 = 116;

fn is_joined(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{93c}' | '\u{941}'..='\u{948}' | '\u{94d}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{200b}'..='\u{200f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

fn thousandths(c: char) -> u32 {
    match c {
        ' '..='~' => u32::from(ASCII[c as usize - 0x20]),
        c if is_joined(c) => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{20000}'..='\u{3fffd}' => 1000,
        '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' => 1300,
        '\u{2014}' | '\u{2026}' => 1000,
        _ => 680,
    }
}

/// How wide `text` is at `size`, rounded up. Of a very long text it is enough to know that it is too wide.
pub(crate) fn width(text: &str, size: u32) -> u32 {
    let sum: u32 = text.chars().take(1_000).map(thousandths).sum();
    (sum * size * WIDER).div_ceil(100_000)
}

/// `text`, or as much of its beginning as fits into `room` with an ellipsis. What belongs to one letter is not torn apart.
pub(crate) fn cut(text: &str, size: u32, room: u32) -> std::borrow::Cow<'_, str> {
    if width(text, size) <= room {
        return text.into();
    }
    let most = (u64::from(room) * 100_000 / u64::from(size * WIDER))
        .saturating_sub(u64::from(thousandths('…')));
    let (mut used, mut end, mut before) = (0u64, 0, ' ');
    for (at, c) in text.char_indices() {
        // A letter begins here: what was before it may be kept as a whole.
        if !is_joined(c) && before != '\u{200d}' {
            end = at;
        }
        used += u64::from(thousandths(c));
        if used > most {
            break;
        }
        before = c;
    }
    format!("{}…", text[..end].trim_end()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_stays_and_other_is_cut_to_fit() {
        assert_eq!(cut("load", 13, 100), "load");
        let long = "a_task_with_quite_a_long_name";
        let short = cut(long, 13, 100);
        assert!(short.ends_with('…') && long.starts_with(short.trim_end_matches('…')));
        assert!(width(&short, 13) <= 100, "{short}: {}", width(&short, 13));
        assert!(width(&short, 13) > 80, "{short}: {}", width(&short, 13));
        assert_eq!(cut("anything", 13, 0), "…");
    }

    #[test]
    fn a_family_is_not_torn_apart() {
        let family = "👩‍👩‍👧‍👦";
        let text = family.repeat(3);
        for room in 0..150 {
            let short = cut(&text, 13, room);
            let kept = short.trim_end_matches('…');
            assert_eq!(kept.len() % family.len(), 0, "{room}: {short}");
        }
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}e\u{301}", 13, 30), "e\u{301}…");
    }
}
