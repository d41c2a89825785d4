//! Output of lab as it is in a terminal.
use crate::display::{Content, show};
use std::fmt;

/// Lines of text, shown as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Shows the text at the end of a cell.
    pub fn evcxr_display(&self) {
        show(&[Content { mime: "text/plain", body: self.0.clone() }]);
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
