//! Listing objects: prefix, delimiter, offsets, glob and pages.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::glob::Glob;
use super::object::Object;
use super::query::Query;
use super::refusal::Refusal;

/// Google's largest page, and the size where none is asked for.
const PAGE_MAX: usize = 1000;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    pub(super) include_trailing_delimiter: bool,
    pub(super) start: String,
    pub(super) end: String,
    pub(super) glob: Option<Glob>,
    pub(super) page_size: usize,
    pub(super) after: Option<Entry>,
}

/// What a page counts: an object's name, or the prefix that stands for several.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Object(String),
    Prefix(String),
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) prefixes: Vec<String>,
    pub(super) next: Option<String>,
}

impl Listing {
    pub(super) fn from_query(query: &Query) -> Result<Self, Refusal> {
        if query.flag("softDeleted")? {
            return Err(Refusal::not_implemented("listing soft-deleted objects"));
        }
        let text = |name| query.text(name).unwrap_or_default().to_owned();
        Ok(Self {
            prefix: text("prefix"),
            delimiter: text("delimiter"),
            include_trailing_delimiter: query.flag("includeTrailingDelimiter")?,
            start: text("startOffset"),
            end: text("endOffset"),
            glob: query.text("matchGlob").map(Glob::parse).transpose()?,
            page_size: page_size(query.number("maxResults")?)?,
            after: query.text("pageToken").map(Entry::from_token).transpose()?,
        })
    }

    /// The next page of what matches now: as with Google, pages are no snapshot of the bucket.
    pub(super) fn page(&self, objects: &BTreeMap<String, Arc<Object>>) -> Page {
        let mut page = Page::default();
        let mut last: Option<Entry> = None;
        let from = [
            Some(&self.prefix),
            Some(&self.start),
            self.after.as_ref().map(Entry::name),
        ]
        .into_iter()
        .flatten()
        .max()
        .map_or("", String::as_str);
        let matches = |name: &str| self.glob.as_ref().is_none_or(|glob| glob.matches(name));
        for (name, object) in objects.range::<str, _>((Bound::Included(from), Bound::Unbounded)) {
            if !name.starts_with(&self.prefix) || (!self.end.is_empty() && *name >= self.end) {
                break;
            }
            let folded = self.fold(name);
            let passed = match (&self.after, folded) {
                (Some(Entry::Object(after)), _) => name <= after,
                (Some(Entry::Prefix(after)), Some(folded)) => folded == after,
                _ => false,
            };
            if passed {
                continue;
            }
            let trailing = self.include_trailing_delimiter && folded == Some(name);
            let entry = match folded {
                Some(folded) => Entry::Prefix(folded.to_owned()),
                None => Entry::Object(name.clone()),
            };
            if !matches(entry.name()) {
                continue;
            }
            if last.as_ref() == Some(&entry) {
                // The prefix is on this page already.
                continue;
            }
            if page.objects.len() + page.prefixes.len() >= self.page_size {
                page.next = last.as_ref().map(Entry::token);
                break;
            }
            if trailing || folded.is_none() {
                page.objects.push(object.clone());
            }
            if let Some(folded) = folded {
                page.prefixes.push(folded.to_owned());
            }
            last = Some(entry);
        }
        page
    }

    /// The part of a name up to and with the first delimiter behind the prefix.
    fn fold<'a>(&self, name: &'a str) -> Option<&'a str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let start = self.prefix.len();
        let at = name[start..].find(&self.delimiter)?;
        Some(&name[..start + at + self.delimiter.len()])
    }
}

impl Entry {
    fn name(&self) -> &String {
        match self {
            Self::Object(name) | Self::Prefix(name) => name,
        }
    }

    fn token(&self) -> String {
        let text = match self {
            Self::Object(name) => format!("o{name}"),
            Self::Prefix(name) => format!("p{name}"),
        };
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    pub(super) fn from_token(token: &str) -> Result<Self, Refusal> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        match text.as_deref().map(|text| text.split_at_checked(1)) {
            Some(Some(("o", name))) => Ok(Self::Object(name.to_owned())),
            Some(Some(("p", name))) => Ok(Self::Prefix(name.to_owned())),
            _ => Err(Refusal::invalid(format!(
                "Invalid value for parameter pageToken: {token}"
            ))),
        }
    }
}

/// None or 0 is the default; more than the largest page is the largest page.
pub(super) fn page_size(asked: Option<i64>) -> Result<usize, Refusal> {
    match asked {
        None | Some(0) => Ok(PAGE_MAX),
        Some(size) => usize::try_from(size)
            .map(|size| size.min(PAGE_MAX))
            .map_err(|_| Refusal::invalid(format!("Invalid page size: {size}"))),
    }
}
