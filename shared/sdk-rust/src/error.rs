//! `Error`: why a task failed, and whether another attempt may help.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

/// Any error that can be sent between threads: what a task's own errors are turned into.
pub(crate) type Boxed = Box<dyn StdError + Send + Sync>;

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Category {
    /// Will not pass: wrong input, a bug. Never retried.
    Permanent,
    /// Likely to pass by itself: a network hiccup, a quota. Retried as the workflow says.
    Transient,
    /// Anything else.
    Unknown,
}

impl Category {
    /// What a process that fails so exits with.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Permanent => 64,
            Self::Transient => 75,
            Self::Unknown => 1,
        }
    }
}

/// Why a task failed.
///
/// `?` turns any error of the standard library's kind into one, with the text of all that caused it. Its category is then
/// [`Category::Unknown`], or [`Category::Transient`] where the cause is a connection that was refused, reset or aborted, or a time-out.
///
/// ```
/// use ork::{Category, Error};
///
/// fn port(text: &str) -> Result<u16, Error> {
///     if text.is_empty() {
///         return Err(Error::permanent("no port was given"));
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(port("").unwrap_err().category(), Category::Permanent);
/// let error = port("ninety").unwrap_err();
/// assert_eq!(error.category(), Category::Unknown);
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// ```
pub struct Error {
    category: Category,
    message: String,
}

impl Error {
    /// A failure of which it is not known whether it will pass.
    pub fn new(message: impl Display) -> Self {
        Self::of(Category::Unknown, message)
    }
    /// A failure that will not pass.
    pub fn permanent(message: impl Display) -> Self {
        Self::of(Category::Permanent, message)
    }
    /// A failure that is likely to pass by itself.
    pub fn transient(message: impl Display) -> Self {
        Self::of(Category::Transient, message)
    }
    fn of(category: Category, message: impl Display) -> Self {
        Self {
            category,
            message: message.to_string(),
        }
    }
    /// Whether another attempt may help.
    pub const fn category(&self) -> Category {
        self.category
    }
    /// The same failure with what was being done in front of its text.
    ///
    /// ```
    /// let error = ork::Error::transient("connection reset").during("loading the orders");
    /// assert_eq!(error.to_string(), "loading the orders: connection reset");
    /// assert_eq!(error.category(), ork::Category::Transient);
    /// ```
    #[must_use]
    pub fn during(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What a boxed error says; an `Error` that was boxed comes back as it was.
    pub(crate) fn from_boxed(error: Boxed) -> Self {
        match error.downcast::<Carried>() {
            Ok(carried) => carried.0,
            Err(error) => Self::read(&*error),
        }
    }

    fn read(error: &(dyn StdError + 'static)) -> Self {
        let mut message = error.to_string();
        let mut category = Category::Unknown;
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(found) = plain_case(cause) {
                category = found;
            }
            let text = cause.to_string();
            // Some errors have the text of their cause in their own.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            next = cause.source();
        }
        Self { category, message }
    }

    /// The failure that a panic is.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        match text {
            Some(text) => Self::new(format_args!("panicked: {text}")),
            None => Self::new("panicked without a text"),
        }
    }
}

/// The category that an error of a known kind has.
fn plain_case(error: &(dyn StdError + 'static)) -> Option<Category> {
    if let Some(carried) = error.downcast_ref::<Carried>() {
        return Some(carried.0.category);
    }
    let error = error.downcast_ref::<std::io::Error>()?;
    // What it was made of is not its source, only that one's source is.
    if let Some(found) = error.get_ref().and_then(|inner| plain_case(inner)) {
        return Some(found);
    }
    let passes = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::TimedOut
    );
    passes.then_some(Category::Transient)
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.category)
    }
}

/// `Error` itself is none of the standard library's errors, or `?` could not turn all of those into it. Boxed it is carried by this one.
#[derive(Debug)]
struct Carried(Error);

impl Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl StdError for Carried {}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::read(&error)
    }
}

impl From<Error> for Boxed {
    fn from(error: Error) -> Self {
        Box::new(Carried(error))
    }
}

/// Says of a result's error whether another attempt may help.
///
/// ```
/// use ork::Classify as _;
///
/// fn read(path: &str) -> Result<String, ork::Error> {
///     // A file that is not there now will not be there at the next attempt.
///     std::fs::read_to_string(path).permanent()
/// }
/// assert_eq!(read("/no/such/file").unwrap_err().category(), ork::Category::Permanent);
/// ```
pub trait Classify<T> {
    /// An error is one that will not pass.
    fn permanent(self) -> Result<T, Error>;
    /// An error is one that is likely to pass by itself.
    fn transient(self) -> Result<T, Error>;
}

impl<T, E: Into<Boxed>> Classify<T> for Result<T, E> {
    fn permanent(self) -> Result<T, Error> {
        self.map_err(|error| with(error, Category::Permanent))
    }
    fn transient(self) -> Result<T, Error> {
        self.map_err(|error| with(error, Category::Transient))
    }
}

fn with(error: impl Into<Boxed>, category: Category) -> Error {
    Error {
        category,
        ..Error::from_boxed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// An error with a cause, as libraries have them.
    #[derive(Debug)]
    struct Load(io::Error);

    impl Display for Load {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the table cannot be loaded")
        }
    }

    impl StdError for Load {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_tells_its_causes_and_a_lost_connection_passes() {
        let reset = Load(io::Error::new(ErrorKind::ConnectionReset, "reset by peer"));
        let error = Error::from(reset);
        assert_eq!(error.category(), Category::Transient);
        assert_eq!(
            error.to_string(),
            "the table cannot be loaded: reset by peer"
        );
        let missing = Error::from(Load(io::Error::from(ErrorKind::NotFound)));
        assert_eq!(missing.category(), Category::Unknown);
    }

    #[test]
    fn a_category_survives_being_boxed_and_being_a_cause() {
        let boxed: Boxed = Error::permanent("no such table").into();
        let wrapped = io::Error::other(boxed);
        assert_eq!(Error::from(wrapped).category(), Category::Permanent);
        let back = Error::from_boxed(Error::transient("busy").into());
        assert_eq!(
            (back.category(), back.to_string()),
            (Category::Transient, "busy".to_owned())
        );
    }

    #[test]
    fn what_is_classified_keeps_its_text() {
        let error = Err::<(), _>("no house number")
            .permanent()
            .expect_err("failed");
        assert_eq!(format!("{error:?}"), "no house number (Permanent)");
        let again = Err::<(), _>(error).transient().expect_err("failed");
        assert_eq!(again.category(), Category::Transient);
    }
}
