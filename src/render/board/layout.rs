//! Layout of a board's cells: size, contents and position.

use envs::Arrow;

/// Boards with more rows or columns than this have no numbers, or only colours.
const MOST_NUMBERS: usize = 30;
pub(super) const MOST_ARROWS: usize = 60;

/// Width of a character, at most, in parts of the size of the font: an SVG is shown in the viewer's
/// own font.
const LETTER: f64 = 0.55;
/// Average width of a character of running text, which has narrow letters too, in units of the font's
/// size.
const PROSE: f64 = 0.48;

/// Part of a cell's side between a number in a quarter and the cell's edge.
const EDGE: f64 = 0.06;

/// Parts of a cell's side: from its middle to an arrow's base and tip, half of the base.
const EDGE_ARROW: [f64; 3] = [0.36, 0.46, 0.09];
const ONLY_ARROW: [f64; 3] = [0.05, 0.42, 0.2];

/// Size class of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// To look at, or to print.
    Page,
    /// One of several on a page.
    Part,
    /// One of many.
    Frame,
}

impl Size {
    /// Pixels for the longer side of a board, where that is not too much or too little for a cell.
    fn target(self) -> f64 {
        match self {
            Self::Page => 1200.0,
            Self::Part => 800.0,
            Self::Frame => 420.0,
        }
    }

    /// Scale of everything that is not the board.
    pub(super) fn unit(self) -> f64 {
        match self {
            Self::Page | Self::Part => 1.0,
            Self::Frame => 0.5,
        }
    }

    fn smallest_font(self) -> f64 {
        match self {
            Self::Page | Self::Part => 13.0,
            Self::Frame => 10.0,
        }
    }
}

/// Level of detail in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Detail {
    /// Numbers in this size, and arrows.
    Numbers(f64),
    /// Arrows, no numbers.
    Arrows,
    /// Its colour alone.
    Pixels,
}

/// The cells of a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grain {
    /// Pixels.
    pub(super) side: i32,
    /// Only every so manieth cell is shown.
    pub(super) stride: usize,
    pub(super) detail: Detail,
}

impl Grain {
    /// For a board of so many columns and rows, whose longest number has so many characters; one in
    /// each cell, or in each `quarter` of it.
    pub(super) fn new(
        size: Size,
        [columns, rows]: [usize; 2],
        longest: usize,
        quarters: bool,
    ) -> Self {
        let most = columns.max(rows).max(1);
        let target = size.target();
        let fitting = target / most as f64;
        let largest = if quarters { target / 5.0 } else { target / 7.0 };
        if most <= MOST_NUMBERS {
            let needed = size.smallest_font() / font(1.0, longest, quarters);
            let side = match size {
                Size::Page | Size::Part => fitting.clamp(needed, largest.max(needed)),
                Size::Frame => fitting.min(largest),
            }
            .ceil();
            if side >= needed {
                let detail = Detail::Numbers(font(side, longest, quarters));
                return Self { side: side as i32, stride: 1, detail };
            }
        }
        let side = fitting.floor().max(1.0) as i32;
        let stride = most.div_ceil(target as usize);
        let detail = if most <= MOST_ARROWS { Detail::Arrows } else { Detail::Pixels };
        Self { side, stride, detail }
    }
}

/// The largest font with which so many characters fit a cell of a side, or a quarter of it.
fn font(side: f64, longest: usize, quarters: bool) -> f64 {
    let letters = LETTER * longest.max(1) as f64;
    if quarters {
        // In the left triangle, which is as high at the text's far end as the cell less twice the
        // text's width and the margin.
        ((1.0 - 2.0 * EDGE) * side / (1.0 + 2.0 * letters)).min(0.2 * side)
    } else {
        // Between the arrows at both edges.
        (2.0 * (EDGE_ARROW[0] - 0.02) * side / letters).min(0.3 * side)
    }
}

/// Pixels that words are wide, about.
pub(super) fn text_width(text: &str, font: f64) -> f64 {
    PROSE * font * text.chars().count() as f64
}

/// A point in pixels.
pub(super) type Point = (i32, i32);

/// Position of a cell in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Square {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) side: i32,
}

impl Square {
    /// The point this part of the side to the right of the middle, and that part below it.
    pub(super) fn at(&self, right: f64, down: f64) -> Point {
        let side = f64::from(self.side);
        let part = |from: i32, part: f64| (f64::from(from) + (0.5 + part) * side).round() as i32;
        (part(self.x, right), part(self.y, down))
    }

    /// The triangle that points in a direction, its sides multiplied by `size`: from the middle out
    /// where it is the `only` thing in the square, else at the edge.
    pub(super) fn arrow(&self, arrow: Arrow, only: bool, size: f64) -> [Point; 3] {
        let [base, tip, half] = match only {
            true => {
                let [base, tip, half] = ONLY_ARROW;
                [base, base + size * (tip - base), size * half]
            }
            false => {
                let [base, tip, half] = EDGE_ARROW;
                [tip - size * (tip - base), tip, size * half]
            }
        };
        let (right, down) = direction(arrow);
        [
            self.at(tip * right, tip * down),
            self.at(base * right - half * down, base * down + half * right),
            self.at(base * right + half * down, base * down - half * right),
        ]
    }

    /// The quarter towards a side: the triangle between it and the middle.
    pub(super) fn quarter(&self, arrow: Arrow) -> [Point; 3] {
        let (right, down) = direction(arrow);
        let corner = |sign: f64| self.at(0.5 * (right - sign * down), 0.5 * (down + sign * right));
        [self.at(0.0, 0.0), corner(-1.0), corner(1.0)]
    }

    /// The middle of the text in a quarter, in a font of this size.
    pub(super) fn quarter_text(&self, arrow: Arrow, font: f64, longest: usize) -> Point {
        let side = f64::from(self.side);
        let (right, down) = direction(arrow);
        let width = LETTER * font * longest as f64 / side;
        let out = 0.5 - EDGE - if right == 0.0 { font / side / 2.0 } else { width / 2.0 };
        self.at(out * right, out * down)
    }

    /// Parallel lines from the lower left to the upper right, clipped to the square.
    pub(super) fn hatching(&self) -> Vec<[Point; 2]> {
        let lines = if self.side >= 24 { 6 } else { 2 };
        let line = |i: i32| {
            let along = f64::from(2 * i) / f64::from(lines) - 1.0;
            let [from, to] = [(along - 0.5).max(-0.5), (along + 0.5).min(0.5)];
            [self.at(from, along - from), self.at(to, along - to)]
        };
        (1..lines).map(line).collect()
    }
}

/// One step in a direction: to the right, and down; its length is 1.
fn direction(arrow: Arrow) -> (f64, f64) {
    let diagonal = std::f64::consts::FRAC_1_SQRT_2;
    match arrow {
        Arrow::Up => (0.0, -1.0),
        Arrow::Down => (0.0, 1.0),
        Arrow::Left => (-1.0, 0.0),
        Arrow::Right => (1.0, 0.0),
        Arrow::UpLeft => (-diagonal, -diagonal),
        Arrow::UpRight => (diagonal, -diagonal),
        Arrow::DownLeft => (-diagonal, diagonal),
        Arrow::DownRight => (diagonal, diagonal),
    }
}

#[cfg(test)]
mod tests;
