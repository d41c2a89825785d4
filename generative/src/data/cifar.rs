//! CIFAR-10 in its binary version (Krizhevsky 2009, "Learning multiple layers of features from tiny
//! images"): a label and 3×32×32 bytes, again and again.
use super::bound::{Bounded, regular, size};
use super::division::{Published, divided};
use super::idx::open;
use super::record::{Record, Stored, digest};
use super::{Images, Labels, Shape, bound};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

const CLASSES: [&str; 10] =
    ["aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "lorry"];

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

const ARCHIVE: &str = "cifar-10-binary.tar.gz";

const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];

const TEST: &str = "test_batch.bin";

const PUBLISHED: Published = Published { train: 50_000, validation: 5_000 };

/// A label and an image.
const RECORD: usize = 1 + 3 * 32 * 32;

/// Bytes of each published file, which a file of the set can't exceed.
const LONGEST: u64 = 10_000 * RECORD as u64;

/// Bytes that the archive may hold; the published one holds 184 MB.
const ARCHIVED: u64 = 256 << 20;

/// Reads CIFAR-10 from the directory that holds its files or its archive, or from the archive itself.
/// Of the 50,000 training images the last 5,000 are the validation part, if each class is among them about as
/// often as among all. Of another number, or sorted by class, the tenth part is, with its share of each
/// class, and every part is shuffled.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn cifar_10(path: &Path) -> Result<Stored> {
    // Once as they are read, once as images.
    bound::fits(|| "CIFAR-10".to_owned(), Some(2 * 6 * LONGEST))?;
    let mut files = files(path)?;
    let digests = files.iter().map(|(name, bytes)| (name.clone(), digest(bytes))).collect();
    let mut part = |names: &[&str]| -> Result<Images> {
        let (mut pixels, mut of) = (Vec::new(), Vec::new());
        for name in names {
            let Some(bytes) = files.remove(*name) else {
                bail!(
                    "--data cifar-10:{0}: there is no {name} and no {ARCHIVE} in {0}; `lab data get \
                     cifar-10 --dir {0}` downloads it",
                    path.display()
                )
            };
            let shown = format!("{name} in {}", path.display());
            ensure!(
                !bytes.is_empty() && bytes.len().is_multiple_of(RECORD),
                "{shown} is cut short or not of CIFAR-10: {} bytes are no whole number of images of \
                 {RECORD}",
                bytes.len()
            );
            for record in bytes.chunks_exact(RECORD) {
                ensure!(
                    usize::from(record[0]) < CLASSES.len(),
                    "{shown} is not of CIFAR-10: it has a label {}, there are {}",
                    record[0],
                    CLASSES.len()
                );
                of.push(u32::from(record[0]));
                pixels.extend_from_slice(&record[1..]);
            }
        }
        let names = CLASSES.map(str::to_owned).to_vec();
        Images::new(SHAPE, 256, pixels, Some(Labels { of, names }))
    };
    let (train, test) = (part(&TRAIN)?, part(&[TEST])?);
    let (parts, split) =
        divided(train, test, &PUBLISHED).with_context(|| path.display().to_string())?;
    let record = Record::new("cifar-10", &parts, split, digests);
    Ok(Stored { parts, record, notes: Vec::new() })
}

/// Refuses a file that is longer than the published ones.
fn short_enough(shown: impl std::fmt::Display, bytes: u64) -> Result<()> {
    ensure!(
        bytes <= LONGEST,
        "{shown} is not of CIFAR-10: it holds {}, a file of 10,000 images {}",
        size(bytes),
        size(LONGEST)
    );
    Ok(())
}

/// Those of the six files that are there, by name.
fn files(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    if path.is_file() {
        return unpacked(path);
    }
    for dir in [path.to_owned(), path.join("cifar-10-batches-bin")] {
        let names = TRAIN.iter().chain([&TEST]);
        let there: Vec<_> = names.filter(|name| dir.join(name).is_file()).collect();
        if !there.is_empty() {
            let read = |name: &str| -> Result<(String, Vec<u8>)> {
                let file = dir.join(name);
                short_enough(file.display(), regular(&file)?.len())?;
                let bytes =
                    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                Ok((name.to_owned(), bytes))
            };
            return there.into_iter().map(|name| read(name)).collect();
        }
    }
    match path.join(ARCHIVE) {
        archive if archive.is_file() => unpacked(&archive),
        _ => Ok(BTreeMap::new()),
    }
}

/// Files of the archive by name, unpacked in memory.
fn unpacked(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let why = "it holds more than 268 MB, the published archive 184 MB";
    let mut archive = tar::Archive::new(Bounded { inner: open(path)?, left: ARCHIVED, why });
    let mut read = || -> Result<()> {
        for entry in archive.entries()? {
            let entry = entry?;
            let name = entry.path()?.file_name().map(|name| name.to_string_lossy().into_owned());
            let Some(name) = name.filter(|name| TRAIN.contains(&&**name) || name == TEST) else {
                continue;
            };
            // Also of a sparse one, which is longer than what the archive holds of it.
            short_enough(&name, entry.size())?;
            let mut bytes = Vec::new();
            entry.take(LONGEST).read_to_end(&mut bytes)?;
            all.insert(name, bytes);
        }
        Ok(())
    };
    read().with_context(|| {
        format!("{} is damaged or cut short; download it again", path.display())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    /// Two images in each file; the first bytes of image `i` are its label and `i`.
    fn bytes(file: u8) -> Vec<u8> {
        let mut all = Vec::new();
        for i in [2 * file, 2 * file + 1] {
            all.push(i % 10);
            all.push(i);
            all.resize(all.len() + SHAPE.len() - 1, 7);
        }
        all
    }

    fn names() -> impl Iterator<Item = (&'static str, u8)> {
        TRAIN.into_iter().chain([TEST]).zip(0..)
    }

    #[test]
    fn files_and_archive_hold_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("cifar-10-batches-bin");
        fs::create_dir(&inner).unwrap();
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, file) in names() {
            fs::write(inner.join(name), bytes(file)).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes(file).len() as u64);
            header.set_cksum();
            let path = format!("cifar-10-batches-bin/{name}");
            archive.append_data(&mut header, path, &bytes(file)[..]).unwrap();
        }
        let archive = archive.into_inner().unwrap().finish().unwrap();
        let packed = dir.path().join("packed");
        fs::create_dir(&packed).unwrap();
        fs::write(packed.join(ARCHIVE), &archive).unwrap();

        let parts = cifar_10(dir.path()).unwrap().parts;
        assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (9, 1, 2));
        for images in [&parts.train, &parts.validation, &parts.test] {
            let of = &images.labels().unwrap().of;
            assert!((0..images.len()).all(|i| u32::from(images.image(i)[0] % 10) == of[i]));
        }
        assert_eq!(parts.train.shape(), SHAPE);
        for path in [inner, packed.clone(), packed.join(ARCHIVE)] {
            assert_eq!(cifar_10(&path).unwrap().parts, parts);
        }
        fs::write(packed.join(ARCHIVE), &archive[..archive.len() / 2]).unwrap();
        let told = format!("{:#}", cifar_10(&packed).unwrap_err());
        assert!(told.contains("cifar-10-binary.tar.gz is damaged or cut short"), "{told}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let told = |name: &str, contents: Option<&[u8]>| {
            names().for_each(|(name, file)| fs::write(dir.path().join(name), bytes(file)).unwrap());
            match contents {
                Some(contents) => fs::write(dir.path().join(name), contents).unwrap(),
                None => fs::remove_file(dir.path().join(name)).unwrap(),
            }
            cifar_10(dir.path()).unwrap_err().to_string()
        };
        let short = told(TRAIN[2], Some(&bytes(2)[1..]));
        assert!(short.contains("data_batch_3.bin in ") && short.contains("6145 bytes"), "{short}");
        let mut wrong = bytes(5);
        wrong[0] = 10;
        let label = told(TEST, Some(&wrong));
        assert!(label.contains("test_batch.bin") && label.contains("a label 10"), "{label}");
        let absent = told(TRAIN[0], None);
        assert!(absent.contains("there is no data_batch_1.bin") && absent.contains("lab data get"));
    }

    /// An archive of one entry whose header claims `claimed` bytes of zeros, and holds `held` of them.
    fn endless(name: &str, claimed: u64, held: usize) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(claimed);
        header.set_cksum();
        let mut archive = GzEncoder::new(Vec::new(), Compression::best());
        archive.write_all(header.as_bytes()).unwrap();
        let zeros = vec![0; 1 << 20];
        for first in (0..held).step_by(zeros.len()) {
            archive.write_all(&zeros[..zeros.len().min(held - first)]).unwrap();
        }
        archive.finish().unwrap()
    }

    #[test]
    fn an_archive_that_inflates_for_ever_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ARCHIVE);
        let told = |archive: Vec<u8>| {
            fs::write(&path, archive).unwrap();
            format!("{:#}", cifar_10(dir.path()).unwrap_err())
        };
        let claims = told(endless(TRAIN[0], 3 << 30, 1 << 20));
        assert!(
            claims.contains("data_batch_1.bin is not of CIFAR-10: it holds 3.2 GB"),
            "{claims}"
        );
        let passed_over = told(endless("junk", 3 << 30, 300 << 20));
        assert!(passed_over.contains("it holds more than 268 MB"), "{passed_over}");
        let long = dir.path().join(TRAIN[0]);
        fs::File::create(&long).unwrap().set_len(12 << 30).unwrap();
        let told = format!("{:#}", cifar_10(dir.path()).unwrap_err());
        assert!(told.contains("data_batch_1.bin is not of CIFAR-10: it holds 12.9 GB"), "{told}");
    }
}
