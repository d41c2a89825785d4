//! Animated GIFs from RGB frames. Games drawn on a grid have few colours and change in few places:
//! each frame stores only the rectangle that changed, with an exact palette of its own.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use gif::{Encoder, Frame, Repeat};

use envs::Rgb;
use train::write_atomic;

/// How long the last frame is shown before the loop starts again, in hundredths of a second.
const LAST_DELAY: u16 = 100;
/// Browsers slow down anything shorter, in hundredths of a second.
const SHORTEST_DELAY: u16 = 2;
/// From 1 (best) to 30 (fastest); matters only for a frame of more than 256 colours.
const QUANTISER_SPEED: i32 = 10;

/// Writes frames as an animation that loops for ever and holds its last frame for a second.
///
/// Up to 256 colours in a frame are kept exactly. The format counts time in hundredths of a second,
/// so the delay between frames is rounded to that; it is at least two (50 frames per second).
///
/// # Errors
/// Names the file; frames that differ in size.
pub fn write(path: &Path, frames: &[Rgb], frames_per_second: u32) -> Result<()> {
    let bytes = encode(frames, frames_per_second)
        .with_context(|| format!("can't make the animation {}", path.display()))?;
    write_atomic(path, &bytes)
}

fn encode(frames: &[Rgb], frames_per_second: u32) -> Result<Vec<u8>> {
    ensure!(frames_per_second > 0, "it needs at least 1 frame per second");
    let Some(first) = frames.first() else { bail!("there is no frame") };
    let (width, height) = (first.width, first.height);
    let (Ok(screen_width @ 1..), Ok(screen_height @ 1..)) =
        (u16::try_from(width), u16::try_from(height))
    else {
        bail!("a GIF can't be {width}x{height}: each side has 1 to {} pixels", u16::MAX)
    };
    let mut encoder = Encoder::new(Vec::new(), screen_width, screen_height, &[])?;
    encoder.set_repeat(Repeat::Infinite)?;
    let delay = (100.0 / f64::from(frames_per_second)).round() as u16;
    for (index, now) in frames.iter().enumerate() {
        ensure!(
            (now.width, now.height, now.pixels.len()) == (width, height, width * height * 3),
            "frame {index} is {}x{} in {} bytes, the first one {width}x{height}",
            now.width,
            now.height,
            now.pixels.len()
        );
        let before = index.checked_sub(1).map(|before| &frames[before].pixels);
        let area = match before {
            Some(before) => Area::changed(before, &now.pixels, width),
            None => Area { columns: 0..width, rows: 0..height },
        };
        let mut frame = area.cut(&now.pixels, width)?;
        let last = index + 1 == frames.len();
        frame.delay = if last { LAST_DELAY } else { delay.max(SHORTEST_DELAY) };
        encoder.write_frame(&frame)?;
    }
    Ok(encoder.into_inner()?)
}

/// A rectangle of pixels.
struct Area {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Area {
    /// The smallest area that holds every difference; one pixel when there is none, because an
    /// empty frame is not allowed and a left-out one would lose its time.
    fn changed(before: &[u8], now: &[u8], width: usize) -> Self {
        let mut area = Self { columns: width..0, rows: now.len()..0 };
        let pixels = before.chunks_exact(3).zip(now.chunks_exact(3)).enumerate();
        for (index, _) in pixels.filter(|(_, (old, new))| old != new) {
            let (row, column) = (index / width, index % width);
            area.columns = area.columns.start.min(column)..area.columns.end.max(column + 1);
            area.rows = area.rows.start.min(row)..area.rows.end.max(row + 1);
        }
        if area.rows.is_empty() { Self { columns: 0..1, rows: 0..1 } } else { area }
    }

    /// This part of a picture as a frame in its place.
    fn cut(&self, rgb: &[u8], width: usize) -> Result<Frame<'static>> {
        let part: Vec<u8> = rgb
            .chunks_exact(3 * width)
            .take(self.rows.end)
            .skip(self.rows.start)
            .flat_map(|row| &row[3 * self.columns.start..3 * self.columns.end])
            .copied()
            .collect();
        let (columns, rows) = (u16::try_from(self.columns.len())?, u16::try_from(self.rows.len())?);
        let mut frame = Frame::from_rgb_speed(columns, rows, &part, QUANTISER_SPEED);
        frame.left = u16::try_from(self.columns.start)?;
        frame.top = u16::try_from(self.rows.start)?;
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder, DynamicImage};

    use super::*;

    /// The pictures a viewer shows, with their delays in milliseconds.
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
        let (pictures, delays): (Vec<_>, Vec<_>) = decode(&path).into_iter().unzip();
        assert!(frames.iter().map(|frame| &frame.pixels).eq(&pictures));
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
        refused(vec![rgb(70_000, 2, vec![])], 10, "a GIF can't be 70000x2");
        assert_eq!(fs::read_to_string(&path).unwrap(), "older");
    }
}
