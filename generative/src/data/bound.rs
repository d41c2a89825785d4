//! Bounds on the sizes that a file may make this program read and hold.
use anyhow::{Context as _, Result, ensure};
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::Path;
use train::available_memory;

/// Rows and columns of an image, at most: networks that learn images whole take far smaller ones.
pub(super) const SIDE: usize = 4096;

/// Refuses what does not fit into half of the memory that is free; where the system does not tell how much
/// that is, into 4 GiB.
///
/// # Errors
/// Names `what`, the need and the bound.
pub(super) fn fits(what: impl FnOnce() -> String, need: Option<u64>) -> Result<()> {
    let bound = available_memory().map_or(4 << 30, |bytes| bytes / 2);
    ensure!(
        need.is_some_and(|need| need <= bound),
        "{} would take {} of memory; at most {}, half of what is free, is used for data: give fewer or smaller \
         images",
        what(),
        need.map_or("more than can be counted".to_owned(), size),
        size(bound)
    );
    Ok(())
}

/// Bytes as people say it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The facts of a regular file, whatever links lead to it: a pipe or a device could be read for ever.
///
/// # Errors
/// Names the file.
pub(super) fn regular(path: &Path) -> Result<Metadata> {
    let facts = path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(facts.is_file(), "{} is not a regular file", path.display());
    Ok(facts)
}

/// A reader that fails, instead of going on for ever, after `left` bytes.
pub(super) struct Bounded<R> {
    pub(super) inner: R,
    pub(super) left: u64,
    /// Sentence of the error where the file is longer.
    pub(super) why: &'static str,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = to.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 && !to.is_empty() {
            // Whoever ends here is within the bound.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(self.why)),
            };
        }
        let read = self.inner.read(&mut to[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_never_ends_is_stopped() {
        let bounded = |left| Bounded { inner: io::repeat(7).take(10), left, why: "too long" };
        let mut read = Vec::new();
        assert_eq!(bounded(10).read_to_end(&mut read).unwrap(), 10);
        let told = bounded(9).read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert_eq!(told, "too long");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_need_and_bound() {
        let told = |need| format!("{:#}", fits(|| "x".to_owned(), need).unwrap_err());
        let told_large = told(Some(1 << 60));
        assert!(told_large.starts_with("x would take 1152921504.6 GB of memory; at most "));
        assert!(
            told(None).starts_with("x would take more than can be counted of memory; at most ")
        );
        fits(|| "x".to_owned(), Some(1000)).unwrap();
    }
}
