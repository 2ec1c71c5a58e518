//! A type from one line of text: `str?`, `[types.Row]`, `map[int]`, `enum[a, b]`, `{id: int}`.

use std::collections::BTreeMap;
use std::fmt;

use super::Type;
use crate::limits;

/// Why a text is not a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TypeError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// Where in the text, in bytes from its start.
    pub offset: usize,
}

impl Type {
    /// Reads the one-line spelling of a type. `alias` finds what `types.<name>` stands for.
    pub fn parse_text(text: &str, alias: &dyn Fn(&str) -> Option<Self>) -> Result<Self, TypeError> {
        let mut reader = Reader { text, at: 0, alias };
        let found = reader.kind(0)?;
        reader.spaces();
        if reader.at < text.len() {
            return Err(reader.error(format!("`{text}` goes on after the type `{found}`"), None));
        }
        Ok(found)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    alias: &'a dyn Fn(&str) -> Option<Type>,
}

impl<'a> Reader<'a> {
    fn error(&self, message: String, hint: Option<String>) -> TypeError {
        TypeError {
            message,
            hint,
            offset: self.at,
        }
    }
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
    fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }
    fn take(&mut self, mark: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len_utf8();
        }
        found
    }
    fn expect(&mut self, mark: char, after: &str) -> Result<(), TypeError> {
        if self.take(mark) {
            Ok(())
        } else {
            Err(self.error(
                format!(
                    "`{mark}` is missing after {after} in the type `{}`",
                    self.text
                ),
                None,
            ))
        }
    }

    fn kind(&mut self, depth: usize) -> Result<Type, TypeError> {
        if depth > limits::NESTING {
            return Err(self.error(
                format!("a type nests deeper than {} levels", limits::NESTING),
                Some("name its parts under `types:`".to_owned()),
            ));
        }
        self.spaces();
        let mut found = if self.take('[') {
            let item = self.kind(depth + 1)?;
            if self.take(',') {
                return Err(self.error(
                    "a list type has exactly one element type".to_owned(),
                    Some(format!("write [{item}]")),
                ));
            }
            self.expect(']', "the element type")?;
            Type::List(Box::new(item))
        } else if self.take('{') {
            self.object(depth)?
        } else {
            self.named(depth)?
        };
        while self.take('?') {
            found = found.or_null();
        }
        Ok(found)
    }

    fn object(&mut self, depth: usize) -> Result<Type, TypeError> {
        let mut fields = BTreeMap::new();
        while !self.take('}') {
            if !fields.is_empty() {
                self.expect(',', "a field")?;
            }
            self.spaces();
            let start = self.at;
            let name = self.word(&[':', ',', '}'])?;
            self.expect(':', "the field name")?;
            let kind = self.kind(depth + 1)?;
            if fields.insert(name.clone(), kind).is_some() {
                self.at = start;
                return Err(self.error(format!("the field `{name}` is there twice"), None));
            }
        }
        Ok(Type::Object(fields))
    }

    fn named(&mut self, depth: usize) -> Result<Type, TypeError> {
        let start = self.at;
        let length = self
            .rest()
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or_else(|| self.rest().len());
        let name = &self.rest()[..length];
        self.at += length;
        if name == "map" && self.take('[') {
            let value = self.kind(depth + 1)?;
            self.expect(']', "the value type of `map`")?;
            return Ok(Type::Map(Box::new(value)));
        }
        if name == "enum" && self.take('[') {
            return self.words();
        }
        if let Some(found) = Type::builtin(name) {
            return Ok(found);
        }
        self.at = start;
        if let Some(short) = name.strip_prefix("types.") {
            let found = (self.alias)(short)
                .ok_or_else(|| self.error(format!("`types:` has no `{short}`"), None))?;
            self.at = start + length;
            return Ok(found);
        }
        Err(self.unknown(name))
    }

    fn unknown(&self, name: &str) -> TypeError {
        if name.is_empty() {
            let message = match self.rest().chars().next() {
                None => format!("a type is missing at the end of `{}`", self.text),
                Some(found) => format!("a type cannot start with `{found}`"),
            };
            return self.error(
                message,
                Some(format!("types are {}", super::list(Type::BUILTIN_NAMES))),
            );
        }
        let hint = if (self.alias)(name).is_some() {
            format!("write types.{name}")
        } else if let Some(instead) = Type::wrong_name(name) {
            format!("write {instead}")
        } else if let Some(near) = crate::expr::nearest(name, Type::BUILTIN_NAMES.iter().copied()) {
            format!("did you mean `{near}`?")
        } else {
            format!(
                "types are {}; your own are written types.<Name>",
                super::list(Type::BUILTIN_NAMES)
            )
        };
        self.error(format!("`{name}` is not a type"), Some(hint))
    }

    fn words(&mut self) -> Result<Type, TypeError> {
        let mut words: Vec<String> = Vec::new();
        loop {
            self.spaces();
            let start = self.at;
            let word = self.word(&[',', ']'])?;
            if words.contains(&word) {
                self.at = start;
                return Err(self.error(format!("the enum names `{word}` twice"), None));
            }
            words.push(word);
            if self.take(']') {
                return Ok(Type::Enum(words));
            }
            self.expect(',', "a word of the enum")?;
        }
    }

    /// A plain word up to one of `ends`, or a quoted one.
    fn word(&mut self, ends: &[char]) -> Result<String, TypeError> {
        self.spaces();
        if self.rest().starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
            let word = match values.next() {
                Some(Ok(word)) => word,
                _ => return Err(self.error("a quoted word does not end".to_owned(), None)),
            };
            self.at += values.byte_offset();
            return Ok(word);
        }
        let length = self
            .rest()
            .find(|c| ends.contains(&c))
            .unwrap_or_else(|| self.rest().len());
        let word = self.rest()[..length].trim_end();
        if word.is_empty() {
            return Err(self.error(
                format!("a word is missing in the type `{}`", self.text),
                None,
            ));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }
}

/// Writes a field name or an enum's word, quoted when it would not read back as itself.
pub(super) fn write_word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if plain {
        f.write_str(word)
    } else {
        write!(f, "{}", serde_json::Value::from(word))
    }
}
