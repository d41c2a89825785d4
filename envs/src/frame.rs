//! Frames of an environment: pixels for a file, cells for a terminal.

use std::fmt::{self, Display, Write as _};

/// A frame in 8-bit colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width, 3]`, row-major.
    pub pixels: Vec<u8>,
}

/// One place of a [`Cells`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Character for plain text; a space where there is nothing.
    pub glyph: char,
    /// Red, green and blue.
    pub color: [u8; 3],
}

/// Form of a cell in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellShape {
    /// A filled square, two characters wide: for games played on a grid.
    Square,
    /// Its glyph in its colour, one character wide and twice as high: for drawings.
    Letter,
}

/// A frame made of characters. Its [`Display`] is plain text: one glyph a cell, one line a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    /// Cells per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width]`, row-major.
    pub cells: Vec<Cell>,
    /// Form of the cells in colour.
    pub shape: CellShape,
}

impl Cells {
    /// `width` × `height` copies of `cell`.
    pub fn filled(width: usize, height: usize, cell: Cell, shape: CellShape) -> Self {
        Self { width, height, cells: vec![cell; width * height], shape }
    }

    /// Puts `cell` at a place that must be inside the frame.
    pub fn put(&mut self, row: usize, column: usize, cell: Cell) {
        self.cells[row * self.width + column] = cell;
    }

    /// The frame for a terminal with 24-bit colour, one line a row.
    pub fn ansi(&self) -> String {
        let mut text = String::new();
        for row in self.rows() {
            let mut color = None;
            for cell in row {
                if color.replace(cell.color) != Some(cell.color) {
                    text.push_str(&self.escape(cell.color));
                }
                match self.shape {
                    CellShape::Square => text.push_str("  "),
                    CellShape::Letter => text.push(cell.glyph),
                }
            }
            text.push_str("\x1b[0m\n");
        }
        text
    }

    /// The frame as pixels: a square is `scale` wide and high, a letter's place twice as high.
    /// Letters are not drawn: their places are filled with their colour.
    pub fn to_rgb(&self, scale: usize) -> Rgb {
        let cell_height = match self.shape {
            CellShape::Square => scale,
            CellShape::Letter => 2 * scale,
        };
        let mut pixels = Vec::with_capacity(3 * self.cells.len() * scale * cell_height);
        for row in self.rows() {
            let line: Vec<u8> = row.iter().flat_map(|cell| cell.color.repeat(scale)).collect();
            pixels.extend(line.repeat(cell_height));
        }
        Rgb { width: self.width * scale, height: self.height * cell_height, pixels }
    }

    fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        (0..self.height).map(|row| &self.cells[row * self.width..][..self.width])
    }

    /// Switches the terminal to `[r, g, b]`: the background for squares, the text for letters.
    fn escape(&self, [r, g, b]: [u8; 3]) -> String {
        let target = match self.shape {
            CellShape::Square => 48,
            CellShape::Letter => 38,
        };
        format!("\x1b[{target};2;{r};{g};{b}m")
    }
}

impl Display for Cells {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.rows() {
            row.iter().try_for_each(|cell| out.write_char(cell.glyph))?;
            out.write_char('\n')?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Cell = Cell { glyph: 'r', color: [255, 0, 0] };
    const BLUE: Cell = Cell { glyph: 'b', color: [0, 0, 255] };

    /// One red cell at the top right of a 3 × 2 frame that is blue elsewhere.
    fn frame(shape: CellShape) -> Cells {
        let mut cells = Cells::filled(3, 2, BLUE, shape);
        cells.put(0, 2, RED);
        cells
    }

    #[test]
    fn plain_text_is_one_glyph_a_cell() {
        assert_eq!(frame(CellShape::Square).to_string(), "bbr\nbbb\n");
    }

    #[test]
    fn squares_are_two_coloured_spaces() {
        assert_eq!(
            frame(CellShape::Square).ansi(),
            "\x1b[48;2;0;0;255m    \x1b[48;2;255;0;0m  \x1b[0m\n\x1b[48;2;0;0;255m      \x1b[0m\n"
        );
    }

    #[test]
    fn letters_are_coloured_glyphs() {
        assert_eq!(
            frame(CellShape::Letter).ansi(),
            "\x1b[38;2;0;0;255mbb\x1b[38;2;255;0;0mr\x1b[0m\n\x1b[38;2;0;0;255mbbb\x1b[0m\n"
        );
    }

    #[test]
    fn pixels_repeat_the_cells() {
        let rgb = frame(CellShape::Square).to_rgb(2);
        assert_eq!((rgb.width, rgb.height), (6, 4));
        let red: Vec<usize> =
            (0..24).filter(|pixel| rgb.pixels[3 * pixel..][..3] == RED.color).collect();
        assert_eq!(red, [4, 5, 10, 11]);
        let rgb = frame(CellShape::Letter).to_rgb(2);
        assert_eq!((rgb.width, rgb.height, rgb.pixels.len()), (6, 8, 3 * 6 * 8));
    }
}
