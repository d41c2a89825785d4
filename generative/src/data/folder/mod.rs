//! A folder of images of your own.
mod decode;
mod jpeg;
mod parts;
mod walk;

use super::record::{Record, Stored, listed};
use super::{Images, Labels, Parts, Shape, bound};
use anyhow::{Result, bail, ensure};
pub use decode::Background;
use decode::{Header, Image};
use parts::{Divided, divided};
use rayon::prelude::*;
use std::path::Path;
use walk::{ENDINGS, Found, Walk, walk};

params::parameters! {
    /// Options of [`folder`].
    pub struct FolderConfig {
        /// Background behind transparent images: black or white
        background: Background = Background::default();
    }
}

/// Images that are needed.
const LEAST: usize = 10;

/// Pixels of an image up to which several are read side by side.
const SMALL: usize = 1 << 20;

/// Reads every image of a folder and of the folders within it, however deep; the folders directly in it are
/// classes. They must be of one size, after each was turned upright as its EXIF orientation says. They are
/// grey if all are, whatever their files could hold, else of three colours; of an animation the first image
/// counts.
///
/// In an order that is always the same, eight of ten are trained on, one is there to choose by and one to test
/// on. Where the folders are called `train`, `val` (`valid`, `validation`) and `test`, those are the parts, and
/// classes are the folders within them.
///
/// # Errors
/// Names the image that can't be read, or is of another size than the first.
pub fn folder(path: &Path, config: &FolderConfig) -> Result<Stored> {
    let found = walk(path)?;
    let n = found.images.len();
    ensure!(
        n >= LEAST,
        "--data folder:{}: {n} images are there, at least {LEAST} are needed ({}){}",
        path.display(),
        ENDINGS.join(", "),
        passed_over(&found).map_or(String::new(), |told| format!("; {told}"))
    );
    // Their pixels are not decoded yet: side by side whatever their size.
    let headers = each(&found.images, 0, |image| Header::read(&image.file))?;
    let (height, width) = one_size(&found.images, &headers)?;
    let area = height * width;
    // Grey images may be stored in colours: only their pixels tell.
    let doubtful = found.images.iter().zip(&headers).filter(|(_, header)| !header.grey);
    let doubtful: Vec<&Found> = doubtful.map(|(image, _)| image).collect();
    let channels = if has_colours(&doubtful, area, config.background)? { 3 } else { 1 };
    let shape = Shape { channels, height, width };
    let what = || format!("folder:{}, {n} images of {height}×{width},", path.display());
    bound::fits(what, (n as u64).checked_mul(shape.len() as u64))?;

    let divided = divided(&found.images, path)?;
    let (mut files, mut transparent) = (Vec::new(), 0);
    let mut part = |images: &[Found]| -> Result<Images> {
        let labels = divided.classes.clone().map(|names| {
            let of = images.iter().map(|image| divided.label(image)).collect();
            Labels { of, names }
        });
        let mut pixels = vec![0; images.len() * shape.len()];
        for (name, digest, seen_through) in filled(images, shape, config.background, &mut pixels)? {
            files.push((name, digest));
            transparent += usize::from(seen_through);
        }
        Images::new(shape, 256, pixels, labels)
    };
    let [train, validation, test] = &divided.parts;
    let (train, validation, test) = (part(train)?, part(validation)?, part(test)?);
    let parts = Parts { train, validation, test, entropy: None };
    let turned = headers.iter().filter(|header| header.turned).count();
    let notes = notes(&found, &divided, turned, (transparent, config.background));
    Ok(Stored { record: Record::new("folder", &parts, divided.split, files), parts, notes })
}

/// `of` each, side by side unless the images are large: decoding takes many times their size.
fn each<T: Send, U: Send>(
    images: impl IntoParallelIterator<Item = T> + IntoIterator<Item = T>,
    area: usize,
    of: impl Fn(T) -> Result<U> + Sync + Send,
) -> Result<Vec<U>> {
    if area > SMALL {
        return images.into_iter().map(of).collect();
    }
    // The first failure in their order, whichever thread finds it.
    images.into_par_iter().map(of).collect::<Vec<_>>().into_iter().collect()
}

/// The height and width of all.
fn one_size(images: &[Found], headers: &[Header]) -> Result<(usize, usize)> {
    let Header { width, height, .. } = headers[0];
    if let Some(other) = headers.iter().position(|h| (h.width, h.height) != (width, height)) {
        let Header { width: w, height: h, .. } = headers[other];
        bail!(
            "{} is {w}×{h} and {} is {width}×{height}: the images of a folder must be of one size; \
             bring them to it first",
            images[other].file.display(),
            images[0].file.display()
        )
    }
    Ok((height as usize, width as usize))
}

/// Returns `true` if one of `images` has colours, which the first few show as a rule.
fn has_colours(images: &[&Found], area: usize, background: Background) -> Result<bool> {
    for group in images.chunks(64) {
        let grey = |image: &&Found| Ok(Image::read(&image.file, background)?.is_grey());
        if each(group, area, grey)?.contains(&false) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Fills `pixels` with `images`; of each the name, the digest of its file and whether it was transparent.
fn filled(
    images: &[Found],
    shape: Shape,
    background: Background,
    pixels: &mut [u8],
) -> Result<Vec<(String, String, bool)>> {
    let places: Vec<_> = images.iter().zip(pixels.chunks_exact_mut(shape.len())).collect();
    let area = shape.height * shape.width;
    each(places, area, |(image, to)| {
        let read = Image::read(&image.file, background)?;
        let grey = shape.channels > 1 || read.is_grey();
        ensure!(
            read.pixels.len() == 3 * area && grey,
            "{} has changed while it was read",
            image.file.display()
        );
        read.planes(to);
        Ok((image.name(), read.digest, read.transparent))
    })
}

/// Files passed over, in one sentence; `None` if there are none.
fn passed_over(found: &Walk) -> Option<String> {
    let Walk { hidden, others, empty, .. } = found;
    let kinds = [(hidden, "hidden"), (others, "not images"), (empty, "folders without images")];
    let kinds = kinds.into_iter().filter(|(names, _)| !names.is_empty()).map(|(names, what)| {
        format!("{} {what} ({})", names.len(), listed("", names.iter().map(String::as_str)))
    });
    let kinds = kinds.collect::<Vec<_>>();
    (!kinds.is_empty()).then(|| format!("passed over: {}", kinds.join(", ")))
}

fn notes(
    found: &Walk,
    divided: &Divided,
    turned: usize,
    (transparent, background): (usize, Background),
) -> Vec<String> {
    let over = match background {
        Background::Black => "black",
        Background::White => "white",
    };
    let of = |n: usize, what: String| {
        (n > 0).then(|| format!("{what}: {n} of {} images", found.images.len()))
    };
    let told = [
        passed_over(found),
        divided.note.clone(),
        of(turned, "turned upright, as their EXIF orientation says".to_owned()),
        of(transparent, format!("transparent in places, laid over {over} (see --background)")),
    ];
    told.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
