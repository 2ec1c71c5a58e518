//! Writing XML: text from outside is escaped, numbers are whole, and what XML has no place for is replaced.

/// Text of XML under construction.
#[derive(Debug, Default)]
pub(crate) struct Xml(pub(crate) String);

impl Xml {
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }
    /// Markup of ours, as it is.
    pub(crate) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }
    /// Text of somebody else: as content or within a quoted attribute.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let written = match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\t' | '\n' | '\r' => " ",
                c if is_unfit(c) => "\u{fffd}",
                _ => continue,
            };
            self.0.push_str(&text[plain..at]);
            self.0.push_str(written);
            plain = at + c.len_utf8();
        }
        self.0.push_str(&text[plain..]);
        self
    }
    /// A whole number.
    pub(crate) fn int(&mut self, n: i32) -> &mut Self {
        if n < 0 {
            self.0.push('-');
        }
        let mut digits = [0u8; 10];
        let (mut left, mut at) = (n.unsigned_abs(), digits.len());
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(left % 10).expect("a digit");
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.0
            .extend(digits[at..].iter().map(|&digit| char::from(digit)));
        self
    }
    /// Numbers of a path, as few bytes as they need: a minus sign separates, too.
    pub(crate) fn ints(&mut self, numbers: &[i32]) -> &mut Self {
        for (at, &n) in numbers.iter().enumerate() {
            if at > 0 && n >= 0 {
                self.0.push(' ');
            }
            self.int(n);
        }
        self
    }
    /// ` name="n"`.
    pub(crate) fn number(&mut self, name: &str, n: i32) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").int(n).raw("\"")
    }
    /// ` name="text"`.
    pub(crate) fn attribute(&mut self, name: &str, text: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(text).raw("\"")
    }
    /// `<rect …/>` without its end: the caller closes it. What is 0 need not be said.
    pub(crate) fn rect(&mut self, class: &str, x: i32, y: i32, wide: i32, high: i32) -> &mut Self {
        self.raw("<rect class=\"").raw(class).raw("\"");
        for (name, n) in [("x", x), ("y", y)].into_iter().filter(|(_, n)| *n != 0) {
            self.number(name, n);
        }
        self.number("width", wide.max(0))
            .number("height", high.max(0))
    }
}

/// Whether XML cannot hold it, or it would turn round the text that comes after it.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a link leads to a page: of this site, or of another by http. What runs when it is followed (`javascript:`) is not one.
pub(crate) fn is_page(href: &str) -> bool {
    let lower = href.get(..8).unwrap_or(href).to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return true;
    }
    // Without a colon before the first slash there is no scheme; controls and blanks at its beginning would be left out by a browser.
    let head = href.split(['/', '?', '#']).next().unwrap_or_default();
    !head.contains(':') && !href.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_what_has_no_place_is_replaced() {
        let mut xml = Xml::default();
        xml.text("<a href='x'>&\"\n\0\u{202e}é");
        assert_eq!(
            xml.0,
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot; \u{fffd}\u{fffd}é"
        );
    }

    #[test]
    fn numbers_are_written_with_as_few_bytes_as_they_need() {
        let mut xml = Xml::default();
        xml.ints(&[0, -5, 17, i32::MIN, i32::MAX]);
        assert_eq!(xml.0, "0-5 17-2147483648 2147483647");
    }

    #[test]
    fn links_lead_to_pages_only() {
        for page in ["/a:b", "x", "?a=b:c", "#t:1", "https://h/", "HTTP://h", ""] {
            assert!(is_page(page), "{page:?}");
        }
        for other in [
            "javascript:alert(1)",
            "JaVaScript:x",
            "data:text/html,x",
            "java\nscript:x",
            " javascript:x",
            "\u{1}javascript:x",
            "vbscript:x",
        ] {
            assert!(!is_page(other), "{other:?}");
        }
    }
}
