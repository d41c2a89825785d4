//! MNIST and Fashion-MNIST: pictures and labels in IDX files, plain or compressed by gzip.
//!
//! An IDX file is a magic number, the length of each dimension and the bytes; all numbers have four
//! bytes, the highest first (LeCun, Cortes & Burges, "The MNIST database of handwritten digits").
use super::{Dataset, Images, Labels, Parts, Shape};
use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek as _};
use std::path::{Path, PathBuf};

/// Unsigned bytes in so many dimensions.
const LABELS: u32 = 0x0801;
const IMAGES: u32 = 0x0803;

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CLOTHES: [&str; 10] = [
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "boot",
];

/// Reads MNIST from a directory, or from files whose names begin with `path`. Its last 10,000 of 60,000
/// training pictures (of another number, the last sixth) are there to choose by.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn mnist(path: &Path) -> Result<Dataset> {
    read(path, "mnist", DIGITS)
}

/// The same for Fashion-MNIST (Xiao et al. 2017), whose files have the same names.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn fashion_mnist(path: &Path) -> Result<Dataset> {
    read(path, "fashion-mnist", CLOTHES)
}

fn read(path: &Path, name: &str, classes: [&str; 10]) -> Result<Dataset> {
    let part = |part: &str| -> Result<Images> {
        let images = find(path, part, "images", 3, name)?;
        let (shape, n, pixels) = images_of(&images)?;
        let labels = find(path, part, "labels", 1, name)?;
        let of = labels_of(&labels)?;
        ensure!(
            of.len() == n,
            "{} has {} labels, {} has {n} pictures: they do not belong together",
            labels.display(),
            of.len(),
            images.display()
        );
        let names = classes.map(str::to_owned).to_vec();
        Images::new(shape, 256, pixels, Some(Labels { of, names }))
            .with_context(|| labels.display().to_string())
    };
    let (train, test) = (part("train")?, part("t10k")?);
    ensure!(
        train.shape() == test.shape(),
        "{}: pictures to train on are {:?}, those to test on {:?}",
        path.display(),
        train.shape(),
        test.shape()
    );
    let n = train.len();
    let (train, validation) =
        train.split_at(n - n / 6).with_context(|| path.display().to_string())?;
    Ok(Dataset::Images(Parts { train, validation, test, entropy: None }))
}

/// `PATH/train-images-idx3-ubyte.gz`, without the ending, with a dot before `idx3`, or without the
/// separator.
fn find(path: &Path, part: &str, what: &str, dimensions: u8, name: &str) -> Result<PathBuf> {
    let base = format!("{part}-{what}-idx{dimensions}-ubyte");
    let names = [base.clone(), format!("{part}-{what}.idx{dimensions}-ubyte")];
    for name in names.iter().flat_map(|name| [name.clone(), format!("{name}.gz")]) {
        let mut prefixed = path.as_os_str().to_owned();
        prefixed.push(&name);
        for candidate in [path.join(&name), PathBuf::from(prefixed)] {
            if candidate.is_file() {
                return Ok(candidate);
            }
        }
    }
    bail!(
        "--data {name}:{0}: there is no {base} or {base}.gz in {0}; `lab data get {name} --dir {0}` \
         downloads it",
        path.display()
    )
}

/// Shape, number and bytes of pictures.
fn images_of(path: &Path) -> Result<(Shape, usize, Vec<u8>)> {
    let (dims, pixels) = bytes(path, IMAGES, "pictures")?;
    let shape = Shape { channels: 1, height: dims[1], width: dims[2] };
    ensure!(!shape.is_empty(), "{}: pictures of {shape:?}", path.display());
    Ok((shape, dims[0], pixels))
}

fn labels_of(path: &Path) -> Result<Vec<u32>> {
    let (_, labels) = bytes(path, LABELS, "labels")?;
    Ok(labels.into_iter().map(u32::from).collect())
}

/// Dimensions and contents of an IDX file that must have this magic number.
fn bytes(path: &Path, magic: u32, what: &str) -> Result<(Vec<usize>, Vec<u8>)> {
    let shown = path.display();
    let mut file = open(path)?;
    let mut number = || -> Result<u32> {
        let mut bytes = [0; 4];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(u32::from_be_bytes(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                bail!("{shown} is cut short: it ends within its header")
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
        }
    };
    let found = number()?;
    ensure!(
        found == magic,
        "{shown} is no IDX file of {what}: its magic number is {found:#010x}, {magic:#010x} is expected"
    );
    let dims = (0..magic & 0xff).map(|_| Ok(number()? as usize)).collect::<Result<Vec<_>>>()?;
    let expected = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let Some(expected) = expected.filter(|&expected| expected <= 1 << 34) else {
        bail!("{shown} says that it holds {dims:?} bytes, which can't be; it is damaged")
    };
    let mut contents = Vec::new();
    let read = file.by_ref().take(expected as u64 + 1).read_to_end(&mut contents);
    match read {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            return Err(error).with_context(|| format!("cannot read {shown}"));
        }
        _ => {}
    }
    ensure!(
        contents.len() >= expected,
        "{shown} is cut short: {} bytes of {what}, its header says {expected}",
        contents.len()
    );
    ensure!(contents.len() == expected, "{shown} is longer than its header says, {expected} bytes");
    Ok((dims, contents))
}

/// A file as it was before compression, if it is compressed.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write as _;

    fn idx(magic: u32, dims: &[u32], contents: &[u8]) -> Vec<u8> {
        let mut file = magic.to_be_bytes().to_vec();
        dims.iter().for_each(|dim| file.extend(dim.to_be_bytes()));
        file.extend(contents);
        file
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Twelve pictures 1×2 to train on, two to test on: two of the files are compressed.
    fn small(dir: &Path) {
        let pixels: Vec<u8> = (0..24).collect();
        let labels: Vec<u8> = (0..12).map(|i| i % 10).collect();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
        write("train-images-idx3-ubyte.gz", &gz(&idx(IMAGES, &[12, 1, 2], &pixels)));
        write("train-labels-idx1-ubyte", &idx(LABELS, &[12], &labels));
        write("t10k-images.idx3-ubyte", &idx(IMAGES, &[2, 1, 2], &[9, 8, 7, 6]));
        write("t10k-labels-idx1-ubyte.gz", &gz(&idx(LABELS, &[2], &[3, 4])));
    }

    #[test]
    fn plain_and_compressed_files_are_read_from_a_directory_and_by_prefix() {
        let dir = tempfile::tempdir().unwrap();
        small(dir.path());
        let parts = mnist(dir.path()).unwrap().images().unwrap();
        assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (10, 2, 2));
        assert_eq!(parts.train.image(1), [2, 3]);
        assert_eq!(parts.validation.image(0), [20, 21]);
        assert_eq!(parts.validation.labels().unwrap().of, [0, 1]);
        assert_eq!(parts.test.labels().unwrap().of, [3, 4]);
        let fashion = fashion_mnist(dir.path()).unwrap().images().unwrap();
        assert_eq!(fashion.test.labels().unwrap().names[9], "boot");
        for file in fs::read_dir(dir.path()).unwrap() {
            let from = file.unwrap().path();
            let name = format!("my-{}", from.file_name().unwrap().to_str().unwrap());
            fs::rename(&from, dir.path().join(name)).unwrap();
        }
        assert_eq!(mnist(&dir.path().join("my-")).unwrap().images().unwrap(), parts);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let told = |name: &str, bytes: &[u8]| {
            small(dir.path());
            fs::write(dir.path().join(name), bytes).unwrap();
            let told = format!("{:#}", mnist(dir.path()).unwrap_err());
            assert!(!told.contains('\n'), "{told}");
            told
        };
        let images = "train-images-idx3-ubyte.gz";
        let whole = gz(&idx(IMAGES, &[12, 1, 2], &[7; 24]));
        for (bytes, sentence) in [
            (
                idx(LABELS, &[12], &[0; 12]),
                "no IDX file of pictures: its magic number is 0x00000801, \
                                           0x00000803 is expected",
            ),
            (b"<html>".to_vec(), "no IDX file of pictures: its magic number is 0x3c68746d"),
            (
                idx(IMAGES, &[12, 1, 2], &[0; 23]),
                "is cut short: 23 bytes of pictures, its header says 24",
            ),
            (idx(IMAGES, &[12, 1, 2], &[0; 25]), "is longer than its header says, 24 bytes"),
            (whole[..whole.len() - 10].to_vec(), "is cut short"),
            (vec![0, 0, 8], "is cut short: it ends within its header"),
            (idx(IMAGES, &[u32::MAX; 3], &[]), "which can't be; it is damaged"),
            (idx(IMAGES, &[11, 1, 2], &[0; 22]), "has 12 labels, "),
        ] {
            let told = told(images, &bytes);
            assert!(told.contains(sentence) && told.contains("train-"), "{told}");
        }
        let told = told("train-labels-idx1-ubyte", &idx(LABELS, &[12], &[10; 12]));
        assert!(
            told.ends_with("train-labels-idx1-ubyte: label 10, there are 10 classes"),
            "{told}"
        );
        let absent = mnist(&dir.path().join("none")).unwrap_err().to_string();
        assert!(absent.contains("there is no train-images-idx3-ubyte or "), "{absent}");
        assert!(absent.contains("`lab data get mnist --dir "), "{absent}");
    }

    /// Where MNIST lies: in `LAB_DATA`, or `data` or `shared/data` in the workspace or beside it.
    fn real() -> Option<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let beside = [root, root.parent().unwrap()];
        let near = beside.iter().flat_map(|dir| [dir.join("data"), dir.join("shared/data")]);
        let mut dirs = std::env::var_os("LAB_DATA").map(PathBuf::from).into_iter().chain(near);
        dirs.find(|dir| dir.join("mnist").is_dir()).map(|dir| dir.join("mnist"))
    }

    #[test]
    fn mnist_itself() {
        let Some(path) = real() else {
            println!(
                "skipped: MNIST is not there; `lab data get mnist`, or set LAB_DATA to where it is"
            );
            return;
        };
        let parts = mnist(&path).unwrap().images().unwrap();
        assert_eq!(
            (parts.train.len(), parts.validation.len(), parts.test.len()),
            (50_000, 10_000, 10_000)
        );
        assert_eq!(parts.train.shape(), Shape { channels: 1, height: 28, width: 28 });
        assert_eq!(parts.train.labels().unwrap().of[..6], [5, 0, 4, 1, 9, 2]);
        assert_eq!(parts.test.labels().unwrap().of[..6], [7, 2, 1, 0, 4, 1]);
        // The mean grey of the 60,000, 0.1307.
        let sum = |images: &Images| images.pixels().iter().map(|&x| u64::from(x)).sum::<u64>();
        let mean = (sum(&parts.train) + sum(&parts.validation)) as f64 / (60_000.0 * 784.0 * 255.0);
        assert!((mean - 0.1307).abs() < 5e-5, "{mean}");
    }
}
