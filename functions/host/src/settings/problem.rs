//! What is wrong with the environment, all of it, with what to write instead.

use std::fmt;

use super::variable;

/// One variable that is missing, unknown or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its name.
    pub variable: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.what)?;
        match variable(&self.variable) {
            Some(known) => write!(f, " (for example {}={})", known.name, known.example),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        let plural = if n == 1 { "" } else { "s" };
        write!(
            f,
            "the environment has {n} problem{plural}; nothing was started"
        )?;
        for one in &self.0 {
            write!(f, "\n  {one}")?;
        }
        Ok(())
    }
}
