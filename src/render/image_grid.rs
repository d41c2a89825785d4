//! Small images side by side in a large one.
use anyhow::{Context, Result, ensure};
use generative::data::Images;
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::path::Path;
use train::write_atomic;

/// Pixels between two images.
const GAP: u32 = 2;

/// An image is enlarged until it has so many rows, by a whole factor.
const HEIGHT: u32 = 56;

/// Pixels in all of a sheet, about, at most: of larger images some rows and columns are left out.
const MOST: usize = 50_000_000;

const BETWEEN: Rgb<u8> = Rgb([70, 70, 80]);

/// Writes images, `columns` in a row, as PNG or what else the file's ending says.
///
/// # Errors
/// Names the file; an ending that is not known.
pub fn write(path: &Path, images: &Images, columns: usize) -> Result<()> {
    ensure!(!images.is_empty() && columns > 0, "{}: there is no image", path.display());
    let format = ImageFormat::from_path(path).with_context(|| {
        format!("{}: its ending must be that of an image, as in samples.png", path.display())
    })?;
    let mut bytes = Cursor::new(Vec::new());
    drawn(images, columns)
        .write_to(&mut bytes, format)
        .with_context(|| format!("can't make the image {}", path.display()))?;
    write_atomic(path, &bytes.into_inner())
}

/// Images, `columns` in a row, as the bytes of a PNG.
///
/// # Errors
/// If there is no image.
pub fn png(images: &Images, columns: usize) -> Result<Vec<u8>> {
    ensure!(!images.is_empty() && columns > 0, "there is no image to show");
    let mut bytes = Cursor::new(Vec::new());
    drawn(images, columns).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// Image grid as a frame of an animation.
pub fn frame(images: &Images, columns: usize) -> envs::Rgb {
    let drawn = drawn(images, columns);
    let (width, height) = (drawn.width() as usize, drawn.height() as usize);
    envs::Rgb { width, height, pixels: drawn.into_raw() }
}

fn drawn(images: &Images, columns: usize) -> RgbImage {
    let (shape, n) = (images.shape(), images.len());
    let (width, height) = (shape.width as u32, shape.height as u32);
    let (columns, rows) = (columns.min(n) as u32, n.div_ceil(columns) as u32);
    let pixels =
        |scale: u32| n.saturating_mul((width * scale) as usize * (height * scale) as usize);
    let largest = (HEIGHT / height).max(1);
    let scale = (1..=largest).rev().find(|scale| pixels(*scale) <= MOST).unwrap_or(1);
    // Of an image every n-th row and column.
    let each = (1..height.max(width)).find(|each| pixels(1) / (each * each) as usize <= MOST);
    let each = each.unwrap_or(height.max(width));
    let (across, down) = (width.div_ceil(each) * scale, height.div_ceil(each) * scale);
    let [across, down] = [across + GAP, down + GAP];
    let mut grid = RgbImage::from_pixel(columns * across + GAP, rows * down + GAP, BETWEEN);
    let highest = u32::from(images.levels()) - 1;
    for i in 0..n {
        let (image, plane) = (images.image(i), shape.height * shape.width);
        let (left, top) = (i as u32 % columns * across + GAP, i as u32 / columns * down + GAP);
        for y in 0..down - GAP {
            for x in 0..across - GAP {
                let at = (y / scale * each * width + x / scale * each) as usize;
                let level = |channel: usize| {
                    let channel = channel.min(shape.channels - 1);
                    (u32::from(image[channel * plane + at]) * 255 / highest) as u8
                };
                grid.put_pixel(left + x, top + y, Rgb([level(0), level(1), level(2)]));
            }
        }
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use generative::data::Shape;

    #[test]
    fn images_lie_where_they_should() {
        let shape = Shape { channels: 1, height: 28, width: 1 };
        let images =
            Images::new(shape, 5, [1, 2, 4].map(|level| [level; 28]).concat(), None).unwrap();
        let grid = drawn(&images, 2);
        assert_eq!(grid.dimensions(), (2 * (2 + GAP) + GAP, 2 * (56 + GAP) + GAP));
        let at = |x, y| grid.get_pixel(x, y).0;
        assert_eq!([at(2, 2), at(6, 2), at(2, 60)], [[63; 3], [127; 3], [255; 3]]);
        assert_eq!([at(0, 0), at(4, 2), at(6, 60)], [BETWEEN.0; 3]);
    }

    #[test]
    fn a_sheet_of_large_images_is_of_moderate_size() {
        let shape = Shape { channels: 1, height: 300, width: 5000 };
        let pixels = (0..shape.len()).map(|at| (at % 5000 / 20) as u8).collect::<Vec<_>>();
        let images = Images::new(shape, 256, pixels.repeat(40), None).unwrap();
        let grid = drawn(&images, 40);
        // 60 million pixels, or every second row and column.
        assert_eq!(grid.dimensions(), (40 * (2500 + GAP) + GAP, 150 + 2 * GAP));
        assert_eq!([0, 1000, 2499].map(|x| grid.get_pixel(GAP + x, 90)[0]), [0, 100, 249]);
    }

    #[test]
    fn channels_are_colours_and_endings_are_checked() {
        let shape = Shape { channels: 3, height: 1, width: 1 };
        let images = Images::new(shape, 256, vec![10, 20, 30], None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a.png"), &images, 4).unwrap();
        let read = image::open(dir.path().join("a.png")).unwrap().into_rgb8();
        assert_eq!(read.get_pixel(GAP, GAP).0, [10, 20, 30]);
        let message = write(&dir.path().join("a.txt"), &images, 4).unwrap_err().to_string();
        assert!(message.contains("a.txt: its ending must be that of an image"), "{message}");
    }
}
