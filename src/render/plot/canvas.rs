//! Figures as files, drawn once for all kinds.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envs::Rgb;
use image::{ImageFormat, RgbImage, imageops};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use train::write_atomic;

/// Result of drawing on the back end `B`.
pub(crate) type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A figure that can be drawn on any of plotters' back ends.
pub(crate) trait Drawing {
    /// In pixels.
    fn size(&self) -> (u32, u32);

    /// Draws all of it but the patches.
    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B>;

    /// Raster patches, for what has too many pieces to be drawn one by one.
    fn patches(&self) -> Vec<Patch> {
        Vec::new()
    }
}

/// Pixels laid over a drawing.
pub(crate) struct Patch {
    /// Its top left corner.
    pub(crate) at: (u32, u32),
    pub(crate) image: RgbImage,
}

/// Draws to a file, as its extension says: svg or png. An older figure stays whole when this fails.
pub(crate) fn save(drawing: &impl Drawing, path: &Path) -> Result<()> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => svg(drawing)?.into_bytes(),
        Some("png") => png(&bitmap(drawing)?)?,
        _ => bail!("can't draw {}: the name must end in .svg or .png", path.display()),
    };
    write_atomic(path, &bytes)
}

/// Draws to pixels, as a frame of an animation.
pub(crate) fn frame(drawing: &impl Drawing) -> Result<Rgb> {
    let image = bitmap(drawing)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(Rgb { width, height, pixels: image.into_raw() })
}

/// Without a font even an SVG can't be laid out, and the machine may have none.
pub(super) fn font() -> Result<()> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow!("can't draw: the built-in font is damaged"))
}

/// Draws to the text of an SVG.
pub(crate) fn svg(drawing: &impl Drawing) -> Result<String> {
    font()?;
    let mut svg = String::new();
    drawing.draw(&SVGBackend::with_string(&mut svg, drawing.size()).into_drawing_area())?;
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    let tail = svg.split_off(end);
    for Patch { at: (x, y), image } in drawing.patches() {
        let (width, height) = image.dimensions();
        let data = STANDARD.encode(png(&image)?);
        svg += &format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>\n"
        );
    }
    Ok(svg + &tail)
}

fn bitmap(drawing: &impl Drawing) -> Result<RgbImage> {
    font()?;
    let size = drawing.size();
    let mut image = RgbImage::new(size.0, size.1);
    drawing.draw(&BitMapBackend::with_buffer(&mut image, size).into_drawing_area())?;
    for Patch { at: (x, y), image: patch } in drawing.patches() {
        imageops::replace(&mut image, &patch, x.into(), y.into());
    }
    Ok(image)
}

fn png(image: &RgbImage) -> Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White, with a red patch.
    struct Patched;

    impl Drawing for Patched {
        fn size(&self) -> (u32, u32) {
            (6, 4)
        }

        fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
            root.fill(&WHITE)?;
            root.present()
        }

        fn patches(&self) -> Vec<Patch> {
            vec![Patch { at: (2, 1), image: RgbImage::from_pixel(3, 2, image::Rgb([255, 0, 0])) }]
        }
    }

    #[test]
    fn patches_are_in_both_kinds_of_figure() {
        let frame = frame(&Patched).unwrap();
        let red: Vec<usize> =
            (0..24).filter(|pixel| frame.pixels[3 * pixel..][..3] == [255, 0, 0]).collect();
        assert_eq!(red, [8, 9, 10, 14, 15, 16]);
        let svg = svg(&Patched).unwrap();
        assert!(svg.contains("<image x=\"2\" y=\"1\" width=\"3\" height=\"2\""), "{svg}");
        assert!(svg.contains("base64,iVBOR") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
