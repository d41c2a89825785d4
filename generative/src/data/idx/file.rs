//! One IDX file.
use crate::data::bound::{self, regular, size};
use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek as _};
use std::path::Path;

/// Unsigned bytes in so many dimensions.
pub(super) const LABELS: u32 = 0x0801;
pub(super) const IMAGES: u32 = 0x0803;

/// Bytes that one byte of gzip can stand for, at most.
const DENSEST: u64 = 1032;

/// Labels that are read, at most.
const MOST: usize = 1 << 26;

/// Dimensions and contents of an IDX file.
pub(super) struct Idx {
    /// Length of each dimension.
    pub(super) dims: Vec<usize>,
    pub(super) contents: Vec<u8>,
}

/// Reads a file that must have this magic number and dimensions that `check` accepts. Nothing is allocated
/// that a file of this length can't hold.
///
/// # Errors
/// Names the file, and what it is not.
pub(super) fn read(
    path: &Path,
    magic: u32,
    what: &str,
    check: impl FnOnce(&[usize]) -> Result<()>,
) -> Result<Idx> {
    let shown = path.display();
    let length = regular(path)?.len();
    let mut file = open(path)?;
    let dims = header(&mut file, path, magic, what)?;
    ensure!(
        dims[0] <= MOST,
        "{shown} says that it holds {} {what}; at most {MOST} are read",
        dims[0]
    );
    check(&dims)?;
    let expected = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let Some(expected) = expected else {
        bail!("{shown} says that it holds {dims:?} bytes, which can't be; it is damaged")
    };
    ensure!(
        expected as u64 / DENSEST <= length,
        "{shown} is cut short or damaged: its header says {}, which its {} can't hold",
        size(expected as u64),
        size(length)
    );
    // Once as they are read, once in parts.
    bound::fits(|| shown.to_string(), (expected as u64).checked_mul(2))?;
    let mut contents = Vec::new();
    let read = file.take(expected as u64 + 1).read_to_end(&mut contents);
    match read {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            return Err(error).with_context(|| format!("{shown} is damaged, or can't be read"));
        }
        _ => {}
    }
    ensure!(
        contents.len() >= expected,
        "{shown} is cut short: {} bytes of {what}, its header says {expected}",
        contents.len()
    );
    ensure!(contents.len() == expected, "{shown} is longer than its header says, {expected} bytes");
    Ok(Idx { dims, contents })
}

/// The length of each dimension, after the magic number.
fn header(file: &mut dyn Read, path: &Path, magic: u32, what: &str) -> Result<Vec<usize>> {
    let shown = path.display();
    let mut number = || -> Result<u32> {
        let mut bytes = [0; 4];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(u32::from_be_bytes(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                bail!("{shown} is cut short: it ends within its header")
            }
            Err(error) => {
                Err(error).with_context(|| format!("{shown} is damaged, or can't be read"))
            }
        }
    };
    let found = number()?;
    ensure!(
        found == magic,
        "{shown} is no IDX file of {what}: its magic number is {found:#010x}, {magic:#010x} is expected"
    );
    (0..magic & 0xff).map(|_| Ok(number()? as usize)).collect()
}

/// A file as it was before compression, if it is compressed.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let open = || -> std::io::Result<Box<dyn Read>> {
        let mut file = File::open(path)?;
        let mut begins = Vec::new();
        file.by_ref().take(2).read_to_end(&mut begins)?;
        file.rewind()?;
        Ok(match begins[..] {
            [0x1f, 0x8b] => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
            _ => Box::new(BufReader::new(file)),
        })
    };
    open().with_context(|| format!("cannot read {}", path.display()))
}
