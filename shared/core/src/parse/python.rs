//! Just enough of Python's lexical rules to tell where a body ends: strings, comments, brackets.

/// What is open at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lexer {
    /// Inside a triple-quoted string: its quote, and the line and column (from 0) where it was opened.
    string: Option<(char, usize, usize)>,
    brackets: u32,
}

impl Lexer {
    /// Whether the next line starts inside a string.
    pub(super) fn in_string(&self) -> bool {
        self.string.is_some()
    }
    /// Where the string that is still open starts: line and column from 0.
    pub(super) fn open_string(&self) -> Option<(usize, usize)> {
        self.string.map(|(_, line, column)| (line, column))
    }
    /// Whether the next line continues an expression in brackets.
    pub(super) fn in_brackets(&self) -> bool {
        self.brackets > 0
    }

    /// Reads line `number`.
    pub(super) fn line(&mut self, number: usize, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let triple = |at: usize, quote: char| {
            chars[at..].iter().take(3).filter(|c| **c == quote).count() == 3
        };
        let mut at = 0;
        let mut short: Option<char> = None;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match (self.string, short) {
                (Some(_), _) | (_, Some(_)) if c == '\\' => at += 1,
                (Some((quote, ..)), _) if c == quote && triple(at - 1, quote) => {
                    self.string = None;
                    at += 2;
                }
                (None, Some(quote)) if c == quote => short = None,
                (Some(_), _) | (_, Some(_)) => {}
                (None, None) => match c {
                    '#' => return,
                    '"' | '\'' if triple(at - 1, c) => {
                        self.string = Some((c, number, at - 1));
                        at += 2;
                    }
                    '"' | '\'' => short = Some(c),
                    '(' | '[' | '{' => self.brackets += 1,
                    ')' | ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
                    _ => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Lexer {
        let mut lexer = Lexer::default();
        for (number, line) in text.lines().enumerate() {
            lexer.line(number, line);
        }
        lexer
    }

    #[test]
    fn strings_comments_and_brackets_are_told_apart() {
        assert!(after("x = \"\"\"a").in_string());
        assert!(!after("x = \"\"\"a\nb\"\"\"").in_string());
        assert!(!after("x = '\"\"\"'").in_string());
        assert!(!after("# \"\"\"").in_string());
        assert!(!after("x = \"\"").in_string());
        assert!(after("x = '''\\'''").in_string());
        assert!(after("f(").in_brackets());
        assert!(!after("f(')')").in_brackets());
        assert!(!after("x = '('").in_brackets());
        assert_eq!(after("\nx = '''").open_string(), Some((1, 4)));
    }
}
