//! CIFAR-10 in its binary version (Krizhevsky 2009, "Learning multiple layers of features from tiny
//! images"): a label and 3×32×32 bytes, again and again.
use super::idx::open;
use super::{Dataset, Images, Labels, Parts, Shape};
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

/// Reads CIFAR-10 from the directory that holds its files or its archive, or from the archive itself.
/// Of the 50,000 training pictures (of another number, the last tenth) the last 5,000 are there to
/// choose by.
///
/// # Errors
/// Names the file that is absent, or not what it should be.
pub fn cifar_10(path: &Path) -> Result<Dataset> {
    let mut files = files(path)?;
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
            let record = 1 + SHAPE.len();
            ensure!(
                !bytes.is_empty() && bytes.len().is_multiple_of(record),
                "{shown} is cut short or not of CIFAR-10: {} bytes are no whole number of pictures of \
                 {record}",
                bytes.len()
            );
            for record in bytes.chunks_exact(record) {
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
    let n = train.len();
    let (train, validation) =
        train.split_at(n - n / 10).with_context(|| path.display().to_string())?;
    Ok(Dataset::Images(Parts { train, validation, test, entropy: None }))
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

/// The same out of the archive.
fn unpacked(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut archive = tar::Archive::new(open(path)?);
    let mut read = || -> Result<()> {
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.file_name().map(|name| name.to_string_lossy().into_owned());
            let Some(name) = name.filter(|name| TRAIN.contains(&&**name) || name == TEST) else {
                continue;
            };
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
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

    /// Two pictures in each file; the first bytes of picture `i` are its label and `i`.
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

        let parts = cifar_10(dir.path()).unwrap().images().unwrap();
        assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (9, 1, 2));
        assert_eq!((parts.train.image(3)[0], parts.validation.image(0)[0]), (3, 9));
        assert_eq!(parts.test.labels().unwrap().of, [0, 1]);
        assert_eq!(parts.train.shape(), SHAPE);
        for path in [inner, packed.clone(), packed.join(ARCHIVE)] {
            assert_eq!(cifar_10(&path).unwrap().images().unwrap(), parts);
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
}
