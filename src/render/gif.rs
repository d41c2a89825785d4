//! Animated GIFs from RGB frames. Games drawn on a grid have few colours and change in few places:
//! each frame stores only the rectangle that changed, with an exact palette of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use gif::{Encoder, Frame, Repeat};

use envs::Rgb;
use train::write_atomic;

/// Delay of the last frame before the loop starts again, in hundredths of a second.
const LAST_DELAY: u16 = 100;
/// Browsers slow down anything shorter, in hundredths of a second.
const SHORTEST_DELAY: u16 = 2;
/// From 1 (best) to 30 (fastest); matters only for a frame of more than 256 colours.
const QUANTISER_SPEED: i32 = 10;
/// Pixels of a side at most: larger frames are made smaller. The format has room for 65,535, few
/// viewers have.
const LONGEST: usize = 4096;

/// Writes frames as an animation that loops for ever and holds its last frame for a second.
///
/// Up to 256 colours in a frame are kept exactly. The format counts time in hundredths of a second,
/// so the delay between frames is rounded to that; it is at least two (50 frames per second). Frames
/// with a side of more than 4096 pixels are made smaller, by leaving out rows and columns.
///
/// # Errors
/// Names the file; frames that differ in size.
pub fn write(path: &Path, frames: &[Rgb], frames_per_second: u32) -> Result<()> {
    let encode = || -> Result<Vec<u8>> {
        let mut animation = Animation::new(frames_per_second)?;
        frames.iter().try_for_each(|frame| animation.push(frame.clone()))?;
        animation.finish()
    };
    let bytes = encode().with_context(|| format!("can't make the animation {}", path.display()))?;
    write_atomic(path, &bytes)
}

/// An animation to which frames are added one after the other; see [`write()`].
pub struct Animation {
    encoder: Option<Encoder<Vec<u8>>>,
    delay: u16,
    /// Frames added so far, and the size of the first.
    count: usize,
    size: [usize; 2],
    /// The last frame that was added, and the part of it that has yet to be written: how long it is
    /// shown depends on whether another follows.
    last: Option<(Rgb, Frame<'static>)>,
}

impl Animation {
    /// One without frames.
    ///
    /// # Errors
    /// If there are no frames in a second.
    pub fn new(frames_per_second: u32) -> Result<Self> {
        ensure!(frames_per_second > 0, "it needs at least 1 frame per second");
        let delay = (100.0 / f64::from(frames_per_second)).round() as u16;
        let delay = delay.max(SHORTEST_DELAY);
        Ok(Self { encoder: None, delay, count: 0, size: [0; 2], last: None })
    }

    /// Frames added so far.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns `true` if there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// If it differs from the first one in size, or has none.
    pub fn push(&mut self, frame: Rgb) -> Result<()> {
        let [width, height] = [frame.width, frame.height];
        if self.is_empty() {
            self.size = [width, height];
        }
        ensure!(
            [width, height] == self.size && frame.pixels.len() == width * height * 3,
            "frame {} is {width}x{height} in {} bytes, the first one {}x{}",
            self.count,
            frame.pixels.len(),
            self.size[0],
            self.size[1]
        );
        ensure!(width > 0 && height > 0, "a GIF can't be {width}x{height}");
        let frame = smaller(frame);
        let area = match &self.last {
            Some((before, _)) => Area::changed(before, &frame),
            None => Area { columns: 0..frame.width, rows: 0..frame.height },
        };
        let part = area.cut(&frame)?;
        let delay = self.delay;
        if let Some((_, mut part)) = self.last.replace((frame, part)) {
            part.delay = delay;
            self.write(&part)?;
        }
        self.count += 1;
        Ok(())
    }

    fn write(&mut self, part: &Frame<'_>) -> Result<()> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                // The first part is the whole frame.
                let mut encoder = Encoder::new(Vec::new(), part.width, part.height, &[])?;
                encoder.set_repeat(Repeat::Infinite)?;
                self.encoder.insert(encoder)
            }
        };
        Ok(encoder.write_frame(part)?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// If there is no frame.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let Some((_, mut part)) = self.last.take() else { bail!("there is no frame") };
        part.delay = LAST_DELAY;
        self.write(&part)?;
        let encoder = self.encoder.context("there is no frame")?;
        Ok(encoder.into_inner()?)
    }
}

/// This frame with no side longer than [`LONGEST`]: every so manieth row and column.
fn smaller(frame: Rgb) -> Rgb {
    let each = frame.width.max(frame.height).div_ceil(LONGEST);
    if each <= 1 {
        return frame;
    }
    let rows = frame.pixels.chunks_exact(3 * frame.width).step_by(each);
    let pixels: Vec<u8> =
        rows.flat_map(|row| row.chunks_exact(3).step_by(each)).flatten().copied().collect();
    Rgb { width: frame.width.div_ceil(each), height: frame.height.div_ceil(each), pixels }
}

/// A rectangle of pixels.
struct Area {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Area {
    /// The smallest area that holds every difference; one pixel when there is none, because an
    /// empty frame is not allowed and a left-out one would lose its time.
    fn changed(before: &Rgb, now: &Rgb) -> Self {
        let mut area = Self { columns: now.width..0, rows: now.height..0 };
        let [old, new] = [before, now].map(|frame| frame.pixels.chunks_exact(3 * now.width));
        for (row, (old, new)) in old.zip(new).enumerate() {
            // Most lines are as they were, and are compared at once.
            if old == new {
                continue;
            }
            let differ = |(old, new): (&u8, &u8)| old != new;
            let first = old.iter().zip(new).position(differ).unwrap_or(0) / 3;
            let last = old.iter().zip(new).rposition(differ).unwrap_or(0) / 3;
            area.columns = area.columns.start.min(first)..area.columns.end.max(last + 1);
            area.rows = area.rows.start.min(row)..row + 1;
        }
        if area.rows.is_empty() { Self { columns: 0..1, rows: 0..1 } } else { area }
    }

    /// This part of an image as a frame in its place.
    fn cut(&self, image: &Rgb) -> Result<Frame<'static>> {
        let part: Vec<u8> = image
            .pixels
            .chunks_exact(3 * image.width)
            .take(self.rows.end)
            .skip(self.rows.start)
            .flat_map(|row| &row[3 * self.columns.start..3 * self.columns.end])
            .copied()
            .collect();
        let (columns, rows) = (u16::try_from(self.columns.len())?, u16::try_from(self.rows.len())?);
        let mut frame = match indexed(&part) {
            Some((palette, indices)) => {
                Frame::from_palette_pixels(columns, rows, indices, palette, None)
            }
            None => Frame::from_rgb_speed(columns, rows, &part, QUANTISER_SPEED),
        };
        frame.left = u16::try_from(self.columns.start)?;
        frame.top = u16::try_from(self.rows.start)?;
        Ok(frame)
    }
}

/// The colours of a frame in the order in which they come, and the number of each pixel's; `None`
/// where there are more than 256.
fn indexed(rgb: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut palette, mut numbers) = (Vec::new(), BTreeMap::new());
    let mut last = (&rgb[..0], 0);
    let mut indices = Vec::with_capacity(rgb.len() / 3);
    for pixel in rgb.chunks_exact(3) {
        // Most pixels are as their neighbour.
        if pixel != last.0 {
            let next = numbers.len();
            let number = *numbers.entry(pixel).or_insert(next);
            if number == next {
                palette.extend_from_slice(pixel);
            }
            last = (pixel, u8::try_from(number).ok()?);
        }
        indices.push(last.1);
    }
    Some((palette, indices))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder, DynamicImage};

    use super::*;

    /// The frames a viewer shows, with their delays in milliseconds.
    fn decode(path: &Path) -> Vec<(Vec<u8>, u32)> {
        let bytes = fs::read(path).unwrap();
        let frames = GifDecoder::new(std::io::Cursor::new(bytes)).unwrap().into_frames();
        frames
            .map(|frame| {
                let frame = frame.unwrap();
                let delay = frame.delay().numer_denom_ms().0;
                (DynamicImage::from(frame.into_buffer()).to_rgb8().into_raw(), delay)
            })
            .collect()
    }

    fn rgb(width: usize, height: usize, pixels: Vec<u8>) -> Rgb {
        Rgb { width, height, pixels }
    }

    /// A dot that runs over a background of `colours` colours.
    fn running_dot(width: usize, height: usize, colours: usize, count: usize) -> Vec<Rgb> {
        let background: Vec<u8> = (0..width * height)
            .flat_map(|pixel| [(pixel % colours) as u8, 90, (pixel % colours / 256) as u8])
            .collect();
        let frame = |index: usize| {
            let mut pixels = background.clone();
            let pixel = 3 * (index * 7 % (width * height));
            pixels[pixel..pixel + 3].copy_from_slice(&[255, 0, 17]);
            rgb(width, height, pixels)
        };
        (0..count).map(frame).collect()
    }

    #[test]
    fn colours_and_delays_come_back_exactly() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run.gif");
        let mut frames = running_dot(20, 15, 255, 9);
        frames.push(frames[8].clone());
        write(&path, &frames, 10).unwrap();
        let (shown, delays): (Vec<_>, Vec<_>) = decode(&path).into_iter().unzip();
        assert!(frames.iter().map(|frame| &frame.pixels).eq(&shown));
        assert_eq!(delays, [100, 100, 100, 100, 100, 100, 100, 100, 100, 1000]);
    }

    #[test]
    fn only_what_changed_is_stored() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run.gif");
        let bytes = |count| {
            write(&path, &running_dot(80, 80, 16, count), 10).unwrap();
            fs::metadata(&path).unwrap().len()
        };
        assert!(bytes(101) - bytes(1) < 100 * 200);
    }

    #[test]
    fn more_colours_than_a_palette_holds_come_back_nearly() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run.gif");
        let frame = running_dot(30, 30, 900, 1).remove(0);
        write(&path, std::slice::from_ref(&frame), 10).unwrap();
        let shown = &decode(&path)[0].0;
        let error: u32 =
            frame.pixels.iter().zip(shown).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        assert!(error < 3 * shown.len() as u32, "{error}");
    }

    #[test]
    fn what_is_too_large_is_made_smaller() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run.gif");
        let pixels =
            (0..70_000 * 2).flat_map(|i: u32| [(i % 70_000 / 18 % 200) as u8, 7, 9]).collect();
        write(&path, &[rgb(70_000, 2, pixels)], 10).unwrap();
        let decoder = gif::DecodeOptions::new().read_info(fs::File::open(&path).unwrap()).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (3889, 1), "every 18th row and column");
        let shown = &decode(&path)[0].0;
        assert!(shown.chunks(3).enumerate().all(|(i, pixel)| pixel == [(i % 200) as u8, 7, 9]));
    }

    #[test]
    fn wrong_input_is_refused_and_the_older_file_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run.gif");
        fs::write(&path, "older").unwrap();
        let refused = |frames: Vec<Rgb>, rate: u32, words: &str| {
            let error = format!("{:#}", write(&path, &frames, rate).unwrap_err());
            assert!(error.contains("run.gif: ") && error.contains(words), "{error}");
        };
        let frames = vec![rgb(2, 2, vec![0; 12]), rgb(2, 2, vec![0; 9])];
        refused(frames, 10, "frame 1 is 2x2 in 9 bytes, the first one 2x2");
        refused(vec![], 10, "there is no frame");
        refused(vec![rgb(2, 2, vec![0; 12])], 0, "at least 1 frame per second");
        refused(vec![rgb(0, 2, vec![])], 10, "a GIF can't be 0x2");
        assert_eq!(fs::read_to_string(&path).unwrap(), "older");
    }
}
