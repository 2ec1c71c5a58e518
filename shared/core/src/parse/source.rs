//! Bytes to text: size, UTF-8, byte order mark, control characters.

use crate::diagnostic::{Diagnostics, Position};
use crate::limits::FILE_BYTES;

use super::codes;

/// The text of a file without its byte order mark; `None` when it is not one, and then `found` says why.
pub(super) fn text<'b>(bytes: &'b [u8], found: &mut Diagnostics) -> Option<&'b str> {
    if bytes.len() > FILE_BYTES {
        let message = format!(
            "the file has {} bytes, and at most {FILE_BYTES} are read",
            bytes.len()
        );
        found
            .error(codes::FILE_TOO_LARGE, Position::START, message)
            .hint("keep data out of the workflow: give it to the tasks as files");
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let bad = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            let hint = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                "the file is UTF-16; save it as UTF-8"
            } else {
                "save the file as UTF-8"
            };
            found
                .error(
                    codes::NOT_UTF8,
                    end_of(&good),
                    format!("the byte 0x{bad:02x} here is not UTF-8"),
                )
                .hint(hint);
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_printable(*c)) {
        let message = format!(
            "the control character U+{:04X} is not allowed in a workflow file",
            u32::from(c)
        );
        found
            .error(codes::CONTROL_CHARACTER, end_of(&text[..at]), message)
            .hint("remove it, or write it as an escape in double quotes");
        return None;
    }
    Some(text)
}

/// The text as far as it is text, for showing lines of it.
pub(super) fn lossy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(FILE_BYTES)]);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}

/// The printable characters of YAML 1.2.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

fn end_of(text: &str) -> Position {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let before = &text[..start];
    let breaks = before.matches('\n').count() + before.matches('\r').count()
        - before.matches("\r\n").count();
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position::new(
        small(breaks + 1),
        small(text[start..].chars().count() + 1),
        1,
    )
}
