//! Files that a user names, and files of a run, which anyone may have changed.
use anyhow::{Context, Result, anyhow, ensure};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// Bytes of the longest file of settings, map, policy or manifest that is read.
pub const LONGEST_TEXT: u64 = 1 << 26;

/// Reads a file of at most `limit` bytes. What is no file, such as a device or a pipe that nobody writes
/// to, is refused instead of waited for.
///
/// # Errors
/// Names the file.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open_file(path)?;
    let length = file.metadata().map_or(0, |about| about.len());
    let too_long = || format!("{} is longer than {limit} bytes", path.display());
    ensure!(length <= limit, too_long());
    let mut bytes = Vec::with_capacity(length as usize);
    // It may have grown since.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(bytes.len() as u64 <= limit, too_long());
    Ok(bytes)
}

/// Reads a file of text in UTF-8, without the byte order mark that some editors write before it.
///
/// # Errors
/// Names the file; where it is longer than [`LONGEST_TEXT`], or no text.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_file(path, LONGEST_TEXT)?;
    let (wide, file) = ([&b"\xff\xfe"[..], b"\xfe\xff"], path.display());
    ensure!(
        !wide.iter().any(|mark| bytes.starts_with(mark)),
        "{file} is in UTF-16; save it as UTF-8"
    );
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        anyhow!("{file} is not text in UTF-8, from byte {place} on")
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Opens a regular file for reading, and nothing else.
///
/// # Errors
/// Names the file.
pub fn open_file(path: &Path) -> Result<File> {
    let cannot = || format!("cannot read {}", path.display());
    let about = fs::metadata(path).with_context(cannot)?;
    ensure!(!about.is_dir(), "cannot read {}: it is a directory", path.display());
    ensure!(about.is_file(), "cannot read {}: it is not a regular file", path.display());
    File::open(path).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_a_length_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map");
        fs::write(&path, b"S . 1").unwrap();
        assert_eq!(read_file(&path, 5).unwrap(), b"S . 1");
        let message = |path: &Path, limit| format!("{:#}", read_file(path, limit).unwrap_err());
        assert!(message(&path, 4).ends_with("map is longer than 4 bytes"));
        assert!(message(dir.path(), 5).ends_with("it is a directory"));
        assert!(message(&dir.path().join("none"), 5).contains("none: No such file"));
        // Lengths of devices are 0, and reading this one never ends.
        #[cfg(unix)]
        assert!(message(Path::new("/dev/zero"), 5).contains("/dev/zero: it is not a regular file"));
    }

    #[test]
    fn text_begins_after_a_byte_order_mark_and_is_utf_8() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map");
        fs::write(&path, "\u{feff}S . 1").unwrap();
        assert_eq!(read_text(&path).unwrap(), "S . 1");
        fs::write(&path, b"S \xff 1").unwrap();
        let message = read_text(&path).unwrap_err().to_string();
        assert!(message.contains("map is not text in UTF-8, from byte 3 on"), "{message}");
        fs::write(&path, b"\xff\xfeS\0 \0").unwrap();
        let message = read_text(&path).unwrap_err().to_string();
        assert!(message.contains("map is in UTF-16; save it as UTF-8"), "{message}");
    }
}
