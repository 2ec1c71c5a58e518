//! `matchGlob`: `*` and `?` within one level, `**` over levels, `[a-z]`, `[!a]`, `{one,other}` and `\` before a character.

use super::refusal::Refusal;

/// Braces multiply: more patterns than this are refused.
const PATTERNS_MAX: usize = 256;

/// A pattern, ready to match.
#[derive(Debug, Clone)]
pub(super) struct Glob(Vec<Vec<Token>>);

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Character(char),
    One,
    Level,
    Everything,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    pub(super) fn parse(pattern: &str) -> Result<Self, Refusal> {
        let characters = pattern.chars().collect::<Vec<_>>();
        let tokens = expand(&characters)
            .and_then(|patterns| patterns.iter().map(|p| tokens(p)).collect())
            .map_err(|why| Refusal::invalid(format!("Invalid glob pattern {pattern:?}: {why}")))?;
        Ok(Self(tokens))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|tokens| matches(tokens, name))
    }
}

/// Writes out the braces.
fn expand(pattern: &[char]) -> Result<Vec<Vec<char>>, String> {
    let Some(open) = find_unescaped(pattern, '{') else {
        return Ok(vec![pattern.to_vec()]);
    };
    let (mut depth, mut start, mut choices, mut close) = (0, open + 1, Vec::new(), None);
    let mut at = open;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' if depth == 1 => {
                choices.push(&pattern[start..at]);
                close = Some(at);
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    let close = close.ok_or("a { is not closed")?;
    let mut patterns = Vec::new();
    for choice in choices {
        let whole = [&pattern[..open], choice, &pattern[close + 1..]].concat();
        patterns.extend(expand(&whole)?);
        if patterns.len() > PATTERNS_MAX {
            return Err(format!("its braces give more than {PATTERNS_MAX} patterns"));
        }
    }
    Ok(patterns)
}

fn find_unescaped(pattern: &[char], wanted: char) -> Option<usize> {
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            character if character == wanted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn tokens(pattern: &[char]) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = pattern.iter().copied().peekable();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '*' if rest.next_if_eq(&'*').is_some() => Token::Everything,
            '*' => Token::Level,
            '?' => Token::One,
            '[' => class(&mut rest)?,
            '\\' => Token::Character(rest.next().ok_or("it ends in \\")?),
            other => Token::Character(other),
        });
    }
    Ok(tokens)
}

fn class(rest: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Result<Token, String> {
    let negated = rest.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match rest.next().ok_or("a [ is not closed")? {
            ']' if !ranges.is_empty() => return Ok(Token::Class { negated, ranges }),
            '\\' => rest.next().ok_or("it ends in \\")?,
            other => other,
        };
        let last = if rest.next_if_eq(&'-').is_some() {
            match rest.next().ok_or("a [ is not closed")? {
                ']' => {
                    ranges.extend([(first, first), ('-', '-')]);
                    return Ok(Token::Class { negated, ranges });
                }
                other => other,
            }
        } else {
            first
        };
        ranges.push((first, last));
    }
}

/// Follows all ways through the pattern at once, so that no pattern takes longer than its length times the name's.
fn matches(tokens: &[Token], name: &str) -> bool {
    let mut reached = vec![false; tokens.len() + 1];
    reached[0] = true;
    skip_stars(tokens, &mut reached);
    for character in name.chars() {
        let mut next = vec![false; tokens.len() + 1];
        for (at, token) in tokens.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match token {
                Token::Character(wanted) => next[at + 1] |= *wanted == character,
                Token::One => next[at + 1] |= character != '/',
                Token::Level => next[at] |= character != '/',
                Token::Everything => next[at] = true,
                Token::Class { negated, ranges } => {
                    let within = ranges
                        .iter()
                        .any(|(first, last)| (*first..=*last).contains(&character));
                    next[at + 1] |= within != *negated && character != '/';
                }
            }
        }
        skip_stars(tokens, &mut next);
        reached = next;
    }
    reached[tokens.len()]
}

/// A star may stand for nothing.
fn skip_stars(tokens: &[Token], reached: &mut [bool]) {
    for (at, token) in tokens.iter().enumerate() {
        if reached[at] && matches!(token, Token::Level | Token::Everything) {
            reached[at + 1] = true;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let glob = Glob::parse(pattern).unwrap();
        for name in yes {
            assert!(glob.matches(name), "{pattern} does not match {name}");
        }
        for name in no {
            assert!(!glob.matches(name), "{pattern} matches {name}");
        }
    }

    #[test]
    fn stars_stay_within_a_level_unless_doubled() {
        check(
            "runs/*/run.json",
            &["runs/a/run.json"],
            &["runs/a/b/run.json", "runs/run.json"],
        );
        check(
            "runs/**.json",
            &["runs/a/b/run.json", "runs/.json"],
            &["runs/a/b/run.yaml"],
        );
        check("a?c", &["abc", "aéc"], &["a/c", "ac"]);
    }

    #[test]
    fn classes_braces_and_escapes() {
        check(
            "v[0-9].{yaml,json}",
            &["v1.yaml", "v9.json"],
            &["va.yaml", "v1.txt"],
        );
        check("[!a]x", &["bx"], &["ax", "/x"]);
        check("[]]", &["]"], &["["]);
        check(r"a\*b", &["a*b"], &["axb"]);
        check("{a,{b,c}d}e", &["ae", "bde", "cde"], &["be"]);
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused() {
        for pattern in ["{a", "[a", r"a\", &"{a,b}".repeat(9)] {
            assert!(Glob::parse(pattern).is_err(), "{pattern} was taken");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_its_length_times_the_names() {
        check(&"*a".repeat(40), &[], &[&"a".repeat(30)]);
    }
}
