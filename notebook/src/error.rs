//! Errors as sentences.
use std::fmt;

/// Result of anything that runs `lab` or reads a run.
pub type Result<T> = std::result::Result<T, Error>;

/// A sentence: lab's own, or what is wrong with a file.
pub struct Error(String);

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The sentence itself: a notebook shows errors of `?` by `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
