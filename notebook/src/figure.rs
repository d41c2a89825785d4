//! Figures and animations inline.
use crate::display::{Content, escaped, show};
use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::Path;

/// Format of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Vectors.
    Svg,
    /// Pixels.
    Png,
    /// An animation.
    Gif,
}

impl Format {
    /// The format that the ending of a file names.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            "gif" => Some(Self::Gif),
            _ => None,
        }
    }

    /// Tests if a file is of this format, by its first bytes.
    fn begins(self, bytes: &[u8]) -> bool {
        match self {
            Self::Svg => bytes.trim_ascii_start().starts_with(b"<"),
            Self::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::Gif => bytes.starts_with(b"GIF8"),
        }
    }
}

/// A figure or an animation, which a cell shows inline.
#[derive(Debug, Clone)]
pub struct Figure {
    format: Format,
    bytes: Vec<u8>,
    title: String,
}

impl Figure {
    /// A figure of these bytes; its title stands where it can't be shown.
    pub fn new(format: Format, bytes: Vec<u8>, title: impl Into<String>) -> Self {
        Self { format, bytes, title: title.into() }
    }

    /// Reads an SVG, PNG or GIF.
    ///
    /// # Errors
    /// Names the file: it can't be read, or is none of the three.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = path.display();
        let format = Format::of(path).ok_or_else(|| {
            Error::new(format!("{file}: a figure's file ends in .svg, .png or .gif"))
        })?;
        let bytes =
            fs::read(path).map_err(|error| Error::new(format!("can't read {file}: {error}")))?;
        if !format.begins(&bytes) {
            return Err(Error::new(format!(
                "{file}: not a figure of the kind that its ending names"
            )));
        }
        Ok(Self::new(format, bytes, file.to_string()))
    }

    /// The figure under another title.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The file's contents.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Shows the figure at the end of a cell.
    pub fn evcxr_display(&self) {
        show(&self.contents());
    }

    fn contents(&self) -> [Content; 2] {
        let shown = match self.format {
            Format::Svg => Content {
                mime: "image/svg+xml",
                body: String::from_utf8_lossy(&self.bytes).into_owned(),
            },
            Format::Png => Content { mime: "image/png", body: STANDARD.encode(&self.bytes) },
            // As HTML: nbconvert and others leave out `image/gif`.
            Format::Gif => Content {
                mime: "text/html",
                body: format!(
                    "<img alt=\"{}\" src=\"data:image/gif;base64,{}\"/>",
                    escaped(&self.title),
                    STANDARD.encode(&self.bytes)
                ),
            },
        };
        [shown, Content { mime: "text/plain", body: self.title.clone() }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_mime_type() {
        let shown = |format, bytes: &[u8]| {
            let [shown, plain] = Figure::new(format, bytes.to_vec(), "a & b").contents();
            assert_eq!((plain.mime, plain.body.as_str()), ("text/plain", "a & b"));
            (shown.mime, shown.body)
        };
        let svg = ("image/svg+xml", "<svg/>".to_owned());
        assert_eq!(shown(Format::Svg, b"<svg/>"), svg);
        assert_eq!(shown(Format::Png, b"\x89PNG"), ("image/png", "iVBORw==".to_owned()));
        let gif = "<img alt=\"a &amp; b\" src=\"data:image/gif;base64,R0lGODlh\"/>";
        assert_eq!(shown(Format::Gif, b"GIF89a"), ("text/html", gif.to_owned()));
    }

    #[test]
    fn what_is_no_figure_is_named() {
        let refused = |path: &Path| Figure::read(path).unwrap_err().to_string();
        assert!(refused(Path::new("a.txt")).contains("a.txt: a figure's file ends in .svg"));
        assert!(refused(Path::new("none.svg")).starts_with("can't read none.svg: "));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
        let disguised = std::env::temp_dir().join(format!("lab-{}.gif", std::process::id()));
        fs::copy(source, &disguised).unwrap();
        let sentence = refused(&disguised);
        fs::remove_file(&disguised).unwrap();
        assert!(sentence.contains("not a figure of the kind that its ending names"), "{sentence}");
    }
}
