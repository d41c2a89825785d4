//! A set that was read from files, and what a run remembers of it.
use super::{Images, Labels, Parts, Shape};
use anyhow::{Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A set that was read from files.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The images.
    pub parts: Parts<Images>,
    /// Record of the data files, as a run's `run.json` stores it.
    pub record: Record,
    /// Sentences for the user: entries that were passed over, what was done to images.
    pub notes: Vec<String>,
}

/// A run's record of its data files: enough to detect that they have changed, and to
/// build a model of them when they are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The set, as `--data` names it before the colon.
    pub name: String,
    /// SHA-256 of the images and labels of the three parts as a model sees them.
    pub fingerprint: String,
    /// Images in each part.
    pub counts: Counts,
    /// Rule of the division into parts, as a sentence.
    pub split: String,
    /// Channels, height and width of an image.
    pub shape: [usize; 3],
    /// Different numbers that a pixel may be.
    pub levels: u16,
    /// Names of the classes, where images have labels.
    pub classes: Option<Vec<String>>,
    /// Beginning of the SHA-256 of what each file holds; where there are more than [`NAMED`], of what each
    /// of their directories holds.
    pub files: BTreeMap<String, String>,
}

/// Images in each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// To learn from.
    pub train: usize,
    /// To be scored on during training.
    pub validation: usize,
    /// To be scored on once.
    pub test: usize,
}

/// Files of a set that are remembered one by one, at most.
pub const NAMED: usize = 1000;

/// Names that a sentence lists before it only counts.
const LISTED: usize = 5;

impl Record {
    /// Record of `parts`, which were read from `files`, each with the digest of its contents.
    pub(super) fn new(
        name: &str,
        parts: &Parts<Images>,
        split: String,
        files: Vec<(String, String)>,
    ) -> Self {
        let Shape { channels, height, width } = parts.train.shape();
        Self {
            name: name.to_owned(),
            fingerprint: fingerprint(parts),
            counts: Counts {
                train: parts.train.len(),
                validation: parts.validation.len(),
                test: parts.test.len(),
            },
            split,
            shape: [channels, height, width],
            levels: parts.train.levels(),
            classes: parts.train.labels().map(|labels| labels.names.clone()),
            files: if files.len() > NAMED {
                directories(files)
            } else {
                files.into_iter().collect()
            },
        }
    }

    /// Differences of the data of `now` from these, as a list; `None` where they are equal.
    pub fn changed(&self, now: &Self) -> Option<String> {
        if self.fingerprint == now.fingerprint {
            return None;
        }
        let (then, counts) = (self.counts, now.counts);
        let mut all = Vec::new();
        for (what, then, now) in [
            ("training", then.train, counts.train),
            ("validation", then.validation, counts.validation),
            ("test", then.test, counts.test),
        ] {
            if then != now {
                all.push(format!("{now} {what} images, {then} then"));
            }
        }
        if (self.shape, self.levels) != (now.shape, now.levels) {
            let told = |shape: [usize; 3]| shape.map(|side| side.to_string()).join("×");
            all.push(format!("images of {}, {} then", told(now.shape), told(self.shape)));
        }
        if self.classes != now.classes {
            let told = |classes: &Option<Vec<String>>| match classes {
                Some(classes) => listed("", classes.iter().map(String::as_str)),
                None => "none".to_owned(),
            };
            all.push(format!("classes: {}; then: {}", told(&now.classes), told(&self.classes)));
        }
        let here = now.files.keys().collect::<BTreeSet<_>>();
        let there = self.files.keys().collect::<BTreeSet<_>>();
        let new = here.difference(&there).map(|name| name.as_str()).collect::<Vec<_>>();
        let gone = there.difference(&here).map(|name| name.as_str()).collect::<Vec<_>>();
        let other =
            here.intersection(&there).filter(|name| self.files[**name] != now.files[**name]);
        let other = other.map(|name| name.as_str()).collect::<Vec<_>>();
        for (how, names) in [("new: ", new), ("gone: ", gone), ("changed: ", other)] {
            if !names.is_empty() {
                all.push(listed(how, names.into_iter()));
            }
        }
        if all.is_empty() {
            all.push(format!(
                "the same files, divided in another way: {}; then: {}",
                now.split, self.split
            ));
        }
        Some(all.join("; "))
    }

    /// Three parts of two black images each, of which a model of the same form can be built.
    ///
    /// # Errors
    /// If the record is damaged.
    pub fn blank(&self) -> Result<Parts<Images>> {
        let [channels, height, width] = self.shape;
        let sides = [channels, height, width];
        ensure!(sides.iter().all(|side| (1..=1 << 16).contains(side)), "images of {sides:?}");
        let shape = Shape { channels, height, width };
        let labels = self.classes.clone().map(|names| Labels { of: vec![0; 2], names });
        let part = Images::new(shape, self.levels, vec![0; 2 * shape.len()], labels)?;
        Ok(Parts { train: part.clone(), validation: part.clone(), test: part, entropy: None })
    }
}

/// `how`, then the first names and how many more there are.
pub(super) fn listed<'a>(how: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names = names.collect::<Vec<_>>();
    let first = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => format!("{how}{first}"),
        more => format!("{how}{first} and {more} more"),
    }
}

/// The digests of files brought together by directory.
fn directories(files: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, (usize, Sha256)>::new();
    for (name, digest) in files {
        let (directory, file) = name.rsplit_once('/').unwrap_or((".", &name));
        let (n, hash) = all.entry(format!("{directory}/")).or_default();
        *n += 1;
        hash.update(file);
        hash.update(digest);
    }
    all.into_iter().map(|(name, (n, hash))| (name, format!("{n} files, {}", short(hash)))).collect()
}

/// The beginning of the SHA-256 of `contents`.
pub(super) fn digest(contents: &[u8]) -> String {
    let mut hash = Sha256::new();
    add(&mut hash, contents);
    short(hash)
}

fn short(hash: Sha256) -> String {
    let mut hex = format!("{:x}", hash.finalize());
    hex.truncate(16);
    hex
}

fn fingerprint(parts: &Parts<Images>) -> String {
    let mut hash = Sha256::new();
    for images in [&parts.train, &parts.validation, &parts.test] {
        let Shape { channels, height, width } = images.shape();
        for number in [images.len(), channels, height, width, usize::from(images.levels())] {
            hash.update((number as u64).to_le_bytes());
        }
        add(&mut hash, images.pixels());
        if let Some(Labels { of, names }) = images.labels() {
            of.iter().for_each(|label| hash.update(label.to_le_bytes()));
            names.iter().for_each(|name| add(&mut hash, name.as_bytes()));
        }
    }
    format!("{:x}", hash.finalize())
}

/// Adds the length of `bytes` and the digests of its pieces, which threads compute side by side.
fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    let pieces = bytes.par_chunks(1 << 20).map(Sha256::digest).collect::<Vec<_>>();
    pieces.iter().for_each(|piece| hash.update(piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 1, height: 1, width: 2 };

    fn images(pixels: &[u8], of: &[u32]) -> Images {
        let names = vec!["a".to_owned(), "b".to_owned()];
        Images::new(SHAPE, 256, pixels.to_vec(), Some(Labels { of: of.to_vec(), names })).unwrap()
    }

    fn parts(train: Images, test: Images) -> Parts<Images> {
        Parts { train, validation: images(&[9, 9], &[0]), test, entropy: None }
    }

    fn record(parts: &Parts<Images>, files: &[(&str, &str)]) -> Record {
        let files = files.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()));
        Record::new("folder", parts, "by hand".to_owned(), files.collect())
    }

    #[test]
    fn a_fingerprint_is_of_every_pixel_label_and_part() {
        let whole = parts(images(&[1, 2, 3, 4], &[0, 1]), images(&[5, 6], &[1]));
        let same = record(&whole, &[("x", "1")]);
        assert_eq!(same.changed(&record(&whole, &[("moved/x", "2")])), None);
        let other = [
            parts(images(&[1, 2, 3, 5], &[0, 1]), images(&[5, 6], &[1])),
            parts(images(&[1, 2, 3, 4], &[1, 1]), images(&[5, 6], &[1])),
            parts(images(&[1, 2, 5, 6], &[0, 1]), images(&[3, 4], &[1])),
            parts(images(&[1, 2], &[0]), images(&[3, 4, 5, 6], &[1, 1])),
        ];
        for other in other {
            assert_ne!(record(&other, &[]).fingerprint, same.fingerprint);
        }
        assert_eq!(same.fingerprint.len(), 64);
    }

    #[test]
    fn what_changed_is_named() {
        let (a, b) = (images(&[1, 2, 3, 4], &[0, 1]), images(&[5, 6], &[1]));
        let then = record(&parts(a.clone(), b.clone()), &[("a/1.png", "1"), ("a/2.png", "2")]);
        let grown = parts(images(&[1, 2, 3, 4, 7, 8], &[0, 1, 1]), b.clone());
        let files = [("a/1.png", "1"), ("a/3.png", "3"), ("a/2.png", "9")];
        assert_eq!(
            then.changed(&record(&grown, &files)).unwrap(),
            "3 training images, 2 then; new: a/3.png; changed: a/2.png"
        );
        let exchanged = parts(images(&[5, 6, 3, 4], &[1, 1]), images(&[1, 2], &[0]));
        let told = then.changed(&record(&exchanged, &[("a/1.png", "1"), ("a/2.png", "2")]));
        assert!(told.unwrap().starts_with("the same files, divided in another way"));
    }

    #[test]
    fn many_files_are_remembered_by_directory() {
        let whole = parts(images(&[1, 2], &[0]), images(&[5, 6], &[1]));
        let name =
            |i: usize| format!("{}/{i}.png", if i.is_multiple_of(2) { "cats" } else { "dogs" });
        let files = |n: usize| (0..n).map(|i| (name(i), i.to_string())).collect::<Vec<_>>();
        let many = Record::new("folder", &whole, String::new(), files(NAMED + 2));
        assert_eq!(many.files.keys().collect::<Vec<_>>(), ["cats/", "dogs/"]);
        assert!(many.files["cats/"].starts_with("501 files, "), "{:?}", many.files);
        assert_eq!(Record::new("folder", &whole, String::new(), files(NAMED)).files.len(), NAMED);
    }

    #[test]
    fn a_blank_set_has_the_form_of_the_whole_one() {
        let whole = parts(images(&[1, 2, 3, 4], &[0, 1]), images(&[5, 6], &[1]));
        let blank = record(&whole, &[]).blank().unwrap();
        assert_eq!((blank.train.shape(), blank.train.levels()), (SHAPE, 256));
        assert_eq!(blank.train.labels().unwrap().names, ["a", "b"]);
        assert_eq!(blank.test.len(), 2);
        let damaged = Record { shape: [1, 0, 2], ..record(&whole, &[]) };
        assert!(damaged.blank().is_err());
    }
}
