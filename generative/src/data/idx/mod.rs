//! MNIST and what is stored like it: images and labels in IDX files, plain or compressed by gzip.
//!
//! An IDX file is a magic number, the length of each dimension and the bytes; all numbers have four
//! bytes, the highest first (LeCun, Cortes & Burges, "The MNIST database of handwritten digits").
mod classes;
mod file;

use super::bound::{SIDE, regular};
use super::division::{Published, divided};
use super::record::{Record, Stored, digest, listed};
use super::{Images, Labels, Shape};
use anyhow::{Context, Result, bail, ensure};
use classes::Classes;
pub(super) use file::open;
use file::{IMAGES, Idx, LABELS};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CLOTHES: [&str; 10] = [
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "boot",
];

/// Published sizes of MNIST and Fashion-MNIST: 60,000 training images, the last 10,000 held out.
const PUBLISHED: Published = Published { train: 60_000, validation: 10_000 };

/// Reads MNIST, or a set in files of the same form such as EMNIST's, from a directory or from files whose names
/// begin with `path`.
///
/// Of 60,000 training images the last 10,000 are the validation part, if each class is among them about as
/// often as among all. Else the sixth part is, with its share of each class, and every part is shuffled.
///
/// Labels below 10 are digits. Others are called by their numbers, or by what EMNIST's `mapping.txt` beside
/// the files says.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn mnist(path: &Path) -> Result<Stored> {
    read(path, "mnist", DIGITS)
}

/// Fashion-MNIST (Xiao et al. 2017), whose files have the names of MNIST's.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn fashion_mnist(path: &Path) -> Result<Stored> {
    read(path, "fashion-mnist", CLOTHES)
}

/// The images of a file with their labels.
struct Labelled {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    /// File that the labels were read from.
    source: PathBuf,
}

fn read(path: &Path, name: &str, usual: [&str; 10]) -> Result<Stored> {
    let mut files = Vec::new();
    let mut part = |part: &str, names: &[&str]| -> Result<Labelled> {
        let images = find(path, names, "images", 3, name)?;
        let source = find(path, names, "labels", 1, name)?;
        let labelled = labelled(&images, source)?;
        files.push((format!("{part} images"), digest(&labelled.pixels)));
        files.push((format!("{part} labels"), digest(&labelled.labels)));
        Ok(labelled)
    };
    // EMNIST calls the second part by what it is for.
    let (train, test) = (part("train", &["train"])?, part("test", &["t10k", "test"])?);
    ensure!(
        train.shape == test.shape,
        "{}: training images are {}×{}, test images {}×{}: they must be of one size",
        path.display(),
        train.shape.height,
        train.shape.width,
        test.shape.height,
        test.shape.width
    );
    let classes = Classes::of([&train.labels, &test.labels], usual, mapping(path)?)?;
    let unknown = absent(&train.labels, &test.labels, &classes);
    let images = |part: Labelled| -> Result<Images> {
        let labels = Labels { of: classes.places(&part.labels), names: classes.names.clone() };
        Images::new(part.shape, 256, part.pixels, Some(labels))
            .with_context(|| part.source.display().to_string())
    };
    let (parts, split) = divided(images(train)?, images(test)?, &PUBLISHED)
        .with_context(|| format!("--data {name}:{}", path.display()))?;
    Ok(Stored { record: Record::new(name, &parts, split, files), parts, notes: unknown })
}

/// A note on the classes that only test images have.
fn absent(train: &[u8], test: &[u8], classes: &Classes) -> Vec<String> {
    let train: BTreeSet<_> = train.iter().collect();
    let only: BTreeSet<_> = test.iter().filter(|label| !train.contains(label)).copied().collect();
    let only: Vec<u8> = only.into_iter().collect();
    if only.is_empty() {
        return Vec::new();
    }
    let names = classes.places(&only).into_iter().map(|place| &*classes.names[place as usize]);
    vec![format!("no training image has the labels of some test images: {}", listed("", names))]
}

/// `PATH/train-images-idx3-ubyte.gz`, without the ending, with a dot before `idx3`, or without the
/// separator.
fn find(path: &Path, parts: &[&str], what: &str, dimensions: u8, name: &str) -> Result<PathBuf> {
    let names = parts.iter().flat_map(|part| {
        ["-", "."].map(|sign| format!("{part}-{what}{sign}idx{dimensions}-ubyte"))
    });
    for name in names.flat_map(|name| [name.clone(), format!("{name}.gz")]) {
        if let Some(file) = beside(path, &name) {
            return Ok(file);
        }
    }
    let base = format!("{}-{what}-idx{dimensions}-ubyte", parts[0]);
    if path.is_file() {
        let path = path.display();
        bail!("--data {name}:{path}: {path} is a file; give the directory that {base} is in")
    }
    bail!(
        "--data {name}:{0}: there is no {base} or {base}.gz in {0}; `lab data get {name} --dir {0}` \
         downloads it",
        path.display()
    )
}

/// The file of this name in the directory `path`, or with `path` before its name.
fn beside(path: &Path, name: &str) -> Option<PathBuf> {
    let mut prefixed = path.as_os_str().to_owned();
    prefixed.push(name);
    [path.join(name), PathBuf::from(prefixed)].into_iter().find(|file| file.is_file())
}

/// EMNIST's mapping file and its text, if there is one.
fn mapping(path: &Path) -> Result<Option<(PathBuf, String)>> {
    let Some(file) = beside(path, "mapping.txt") else { return Ok(None) };
    ensure!(
        regular(&file)?.len() <= 1 << 16,
        "{} is no table of labels and characters: it is longer than 64 kB",
        file.display()
    );
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some((file, text)))
}

/// Images and their labels. The labels are read first: there must be as many images, whatever their file
/// claims.
fn labelled(images: &Path, source: PathBuf) -> Result<Labelled> {
    let labels = file::read(&source, LABELS, "labels", |_| Ok(()))?.contents;
    let shown = images.display();
    let Idx { dims, contents: pixels } = file::read(images, IMAGES, "images", |dims| {
        ensure!(
            dims[0] == labels.len(),
            "{} has {} labels, {shown} has {} images: they do not belong together",
            source.display(),
            labels.len(),
            dims[0]
        );
        let (height, width) = (dims[1], dims[2]);
        ensure!(
            height > 0 && width > 0,
            "{shown} says that its images are {height}×{width}: they hold nothing"
        );
        ensure!(
            height <= SIDE && width <= SIDE,
            "{shown} says that its images are {height}×{width}; at most {SIDE}×{SIDE} are read"
        );
        Ok(())
    })?;
    let shape = Shape { channels: 1, height: dims[1], width: dims[2] };
    Ok(Labelled { shape, pixels, labels, source })
}

#[cfg(test)]
mod tests;
