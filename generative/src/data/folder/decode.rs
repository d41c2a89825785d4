//! One image.
use super::jpeg;
use crate::data::bound::{SIDE, regular, size};
use crate::data::record::digest;
use anyhow::{Context, Result, ensure};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// Bytes of a file, at most.
const LONGEST: u64 = 256 << 20;

/// Background under the transparent parts of an image: `--background`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// 0 in every colour.
    Black,
    /// 255 in every colour.
    #[default]
    White,
}

/// Header of an image file, read before its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the image as it is to be looked at.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Its pixels have one number, by the kind of the file.
    pub(super) grey: bool,
    /// Its file says that it lies on its side or is mirrored.
    pub(super) turned: bool,
}

impl Header {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// Names the file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let bytes = contents(file)?;
            let mut decoder = decoder(&bytes)?;
            let (turned, (width, height)) = (decoder.orientation()?, decoder.dimensions());
            ensure!(width > 0 && height > 0, "it is {width}×{height} and holds nothing");
            use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
            let across = matches!(turned, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
            let (width, height) = if across { (height, width) } else { (width, height) };
            let grey = [ColorType::L8, ColorType::La8, ColorType::L16, ColorType::La16];
            let grey = grey.contains(&decoder.color_type());
            Ok(Self { width, height, grey, turned: turned != Orientation::NoTransforms })
        };
        read().with_context(|| format!("cannot read the image {}", file.display()))
    }
}

/// An image, upright and on a background.
pub(super) struct Image {
    /// `[H, W, 3]`
    pub(super) pixels: Vec<u8>,
    /// Parts of it were transparent.
    pub(super) transparent: bool,
    /// The beginning of the SHA-256 of its file.
    pub(super) digest: String,
}

impl Image {
    /// Reads a file.
    ///
    /// # Errors
    /// Names the file.
    pub(super) fn read(file: &Path, background: Background) -> Result<Self> {
        let read = || -> Result<Self> {
            let bytes = contents(file)?;
            let mut decoder = decoder(&bytes)?;
            let turned = decoder.orientation()?;
            let mut image = DynamicImage::from_decoder(decoder)?;
            image.apply_orientation(turned);
            let (pixels, transparent) = laid_over(image, background);
            Ok(Self { pixels, transparent, digest: digest(&bytes) })
        };
        read().with_context(|| format!("cannot read the image {}", file.display()))
    }

    /// Returns `true` if red, green and blue are the same everywhere.
    pub(super) fn is_grey(&self) -> bool {
        self.pixels.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    }

    /// Fills `[C, H, W]`, of one channel for an image that is grey.
    pub(super) fn planes(&self, to: &mut [u8]) {
        for (channel, to) in to.chunks_exact_mut(self.pixels.len() / 3).enumerate() {
            let from = self.pixels.iter().skip(channel).step_by(3);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

fn contents(file: &Path) -> Result<Vec<u8>> {
    let length = regular(file)?.len();
    let (is, most) = (size(length), size(LONGEST));
    ensure!(length <= LONGEST, "the file has {is}; at most {most} are read");
    Ok(fs::read(file)?)
}

/// The decoder of an image of at most [`SIDE`] rows and columns.
fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_> {
    ensure!(!jpeg::is_cut_short(bytes), "it is cut short");
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    // Four numbers of 16 bits, twice.
    limits.max_alloc = Some((SIDE * SIDE * 16) as u64);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    ensure!(
        width.max(height) as usize <= SIDE,
        "it is {width}×{height}; at most {SIDE}×{SIDE} are read: make it smaller"
    );
    Ok(decoder)
}

/// Red, green and blue in front of a background, and whether that shows.
fn laid_over(image: DynamicImage, background: Background) -> (Vec<u8>, bool) {
    if !image.color().has_alpha() {
        return (image.into_rgb8().into_raw(), false);
    }
    let behind = match background {
        Background::Black => 0,
        Background::White => 255,
    };
    let (pixels, mut transparent) = (image.into_rgba8().into_raw(), false);
    let mut laid = Vec::with_capacity(pixels.len() / 4 * 3);
    for pixel in pixels.chunks_exact(4) {
        let opaque = u32::from(pixel[3]);
        transparent |= opaque < 255;
        let over = |colour: u8| (u32::from(colour) * opaque + behind * (255 - opaque) + 127) / 255;
        laid.extend(pixel[..3].iter().map(|colour| over(*colour) as u8));
    }
    (laid, transparent)
}
