//! Images side by side, as one image.
use crate::data::Images;

/// Images of one size, shown in rows and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageGrid {
    /// The name of its file, without the ending.
    pub name: &'static str,
    /// Row by row.
    pub images: Images,
    /// Images in a row.
    pub columns: usize,
}
