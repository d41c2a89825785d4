//! Part and class of each image of a folder.
use super::walk::Found;
use anyhow::{Result, ensure};
use rand::seq::SliceRandom as _;
use std::path::Path;
use train::stream;

/// Images in three parts.
pub(super) struct Divided {
    /// To learn from, to choose by, to test on.
    pub(super) parts: [Vec<Found>; 3],
    /// By name; `None` where an image has none.
    pub(super) classes: Option<Vec<String>>,
    /// Rule of division, as a sentence.
    pub(super) split: String,
    /// Note for the user where images and folders of classes are mixed.
    pub(super) note: Option<String>,
    /// Folders above that of the class.
    above: usize,
}

impl Divided {
    /// The place of an image's class.
    pub(super) fn label(&self, image: &Found) -> u32 {
        let (class, names) = (folder_of(image, self.above), self.classes.as_deref());
        let place =
            names.zip(class).map(|(names, class)| names.partition_point(|name| **name < *class));
        place.unwrap_or_default() as u32
    }
}

/// The folder that an image lies in, `above` folders down.
fn folder_of(image: &Found, above: usize) -> Option<&str> {
    let (_, folders) = image.within.split_last()?;
    folders.get(above).map(String::as_str)
}

/// The part that an image's folder is called by, as its place among the three.
fn part_of(image: &Found) -> Option<usize> {
    match &*folder_of(image, 0)?.to_lowercase() {
        "train" | "training" => Some(0),
        "val" | "valid" | "validation" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// Divides `images`, which come from `path`: by the folders `train`, `val` and `test` where those are all there
/// are, else in the proportion 8 : 1 : 1. A part that has no folder is a tenth of the training images.
///
/// # Errors
/// If a part would be empty.
pub(super) fn divided(images: &[Found], path: &Path) -> Result<Divided> {
    let named: Option<Vec<usize>> = images.iter().map(part_of).collect();
    let above = usize::from(named.is_some());
    let mut parts: [Vec<Found>; 3] = Default::default();
    for (i, image) in images.iter().enumerate() {
        parts[named.as_ref().map_or(0, |named| named[i])].push(image.clone());
    }
    let shown = path.display();
    ensure!(!parts[0].is_empty(), "--data folder:{shown}: there is no image in {shown}/train");
    parts.iter_mut().for_each(|part| part.shuffle(&mut stream(0, "folder")));
    let [train, validation, test] = &mut parts;
    let (given, tenth) = ([!validation.is_empty(), !test.is_empty()], train.len() / 10);
    for part in [test, validation].into_iter().filter(|part| part.is_empty()) {
        let n = train.len();
        ensure!(
            tenth > 0,
            "--data folder:{shown}: {n} training images can't be divided further; give {shown}/val and \
             {shown}/test"
        );
        *part = train.split_off(n - tenth);
    }
    let split = match (named.is_some(), given) {
        (true, [true, true]) => "by the folders train, val and test",
        (true, [false, true]) => {
            "by the folders train and test; a tenth of train is the validation part"
        }
        (true, [true, false]) => "by the folders train and val; a tenth of train is the test part",
        _ => "shuffled: of ten, eight are trained on, one is there to choose by and one to test on",
    };
    let mut folders: Vec<_> = images.iter().map(|image| folder_of(image, above)).collect();
    let without = folders.iter().filter(|folder| folder.is_none()).count();
    folders.sort_unstable();
    folders.dedup();
    let classes: Option<Vec<_>> = folders.into_iter().map(|name| name.map(str::to_owned)).collect();
    let mut note = named.is_some().then(|| format!("images are divided {split}"));
    if 0 < without && without < images.len() {
        let n = images.len();
        note = Some(format!(
            "{without} of {n} images lie beside the folders of classes: none of the {n} has a label"
        ));
    }
    Ok(Divided { parts, classes, split: split.to_owned(), note, above })
}
