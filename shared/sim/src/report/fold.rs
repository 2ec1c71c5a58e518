//! Long traces made readable: what comes again and again is shown once, and of what is still too long the end.

/// A longer stretch is not looked for.
const LONGEST: usize = 16;
/// Fewer further times are written out.
const FEWEST: usize = 2;

/// The lines to show, at most about `most` of them.
pub(super) fn fold(trace: &[String], most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < trace.len() {
        match repetition(&trace[at..]) {
            Some((length, times)) => {
                lines.extend_from_slice(&trace[at..at + length]);
                at += length * (times + 1);
                let until = trace[at - 1].split_once(' ').map_or("", |(time, _)| time);
                let what = match length {
                    1 => "this line".to_owned(),
                    _ => format!("these {length} lines"),
                };
                lines.push(format!("… {what} {times} times more, until {until}"));
            }
            None => {
                lines.push(trace[at].clone());
                at += 1;
            }
        }
    }
    let hidden = lines.len().saturating_sub(most);
    if hidden > 0 {
        lines.splice(..hidden, [format!("… {hidden} lines before")]);
    }
    lines
}

/// How many lines at the beginning come again at once, and how many times more; what hides most.
fn repetition(trace: &[String]) -> Option<(usize, usize)> {
    let same = |one: &String, other: &String| what(one) == what(other);
    (1..=LONGEST.min(trace.len()))
        .map(|length| {
            let first = &trace[..length];
            let times = trace[length..]
                .chunks_exact(length)
                .take_while(|next| first.iter().zip(*next).all(|(one, other)| same(one, other)))
                .count();
            (length, times)
        })
        .filter(|(_, times)| *times >= FEWEST)
        // Of two that hide the same the shorter one.
        .max_by_key(|(length, times)| (length * times, usize::MAX - length))
}

/// What a line says, whenever and by whomever it is said.
fn what(line: &str) -> &str {
    let mut parts = line.splitn(2, ' ');
    parts.next();
    let rest = parts.next().unwrap_or(line).trim_start();
    rest.split_once(' ').map_or(rest, |(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::fold;

    fn lines(text: &str) -> Vec<String> {
        text.chars()
            .enumerate()
            .map(|(at, what)| format!("00:00:{at:02}    p{}  {what}", at % 3))
            .collect()
    }

    fn shown(text: &str, most: usize) -> Vec<String> {
        let folded = fold(&lines(text), most);
        let whats = folded.iter().map(|line| match line.starts_with('…') {
            true => line.clone(),
            false => line[line.len() - 1..].to_owned(),
        });
        whats.collect()
    }

    #[test]
    fn what_comes_again_and_again_is_shown_once() {
        assert_eq!(
            shown("xababababy", 60),
            [
                "x",
                "a",
                "b",
                "… these 2 lines 3 times more, until 00:00:08",
                "y"
            ]
        );
        assert_eq!(
            shown("aaaa", 60),
            ["a", "… this line 3 times more, until 00:00:03"]
        );
    }

    #[test]
    fn what_comes_twice_is_written_out() {
        assert_eq!(shown("ababcc", 60), ["a", "b", "a", "b", "c", "c"]);
        assert_eq!(shown("", 60), Vec::<String>::new());
    }

    #[test]
    fn the_end_of_what_is_too_long_is_shown() {
        assert_eq!(shown("abcdef", 2), ["… 4 lines before", "e", "f"]);
        assert_eq!(shown("abcdef", 6).len(), 6);
    }
}
