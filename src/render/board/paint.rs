//! Cells as shapes.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::layout::{Detail, Point, Square, text_width};
use super::scale::{Scale, is_dark, shade};
use super::sheet::{Axes, Face, Ground, Quarter};
use crate::render::plot::canvas::Drawn;
use envs::CellKind;

pub(super) const INK: RGBColor = RGBColor(30, 30, 30);
const WALL: RGBColor = RGBColor(90, 90, 90);
const NOWHERE: RGBColor = RGBColor(236, 236, 236);
const LINES: RGBColor = RGBColor(150, 150, 150);
/// Okabe and Ito's bluish green and reddish purple: neither is on the scale of values.
const GOAL: RGBColor = RGBColor(0, 158, 115);
const PIT: RGBColor = RGBColor(160, 60, 120);
const OVER: RGBColor = RGBColor(200, 200, 200);

/// Background colour of a cell without shapes.
pub(super) fn ground(face: &Face, scale: Scale) -> RGBColor {
    match face.ground {
        Ground::Wall => WALL,
        Ground::Nowhere => NOWHERE,
        Ground::End(CellKind::Goal) => GOAL,
        Ground::End(CellKind::Pit) => PIT,
        Ground::End(_) => OVER,
        Ground::Value(value) => rgb(scale.colour(value)),
        Ground::Quarters => WHITE,
    }
}

fn rgb([red, green, blue]: [u8; 3]) -> RGBColor {
    RGBColor(red, green, blue)
}

/// Text colour that is readable on `ground`.
fn ink(ground: RGBColor) -> RGBColor {
    if is_dark([ground.0, ground.1, ground.2]) { WHITE } else { INK }
}

/// The places of an axis that have room to be told, by number.
fn places(places: &[String], side: i32, font: f64) -> impl Iterator<Item = (i32, &str)> {
    let widest = places.iter().map(|place| text_width(place, font)).fold(font, f64::max);
    let apart = (1.2 * widest / f64::from(side)).ceil() as usize;
    (0..).zip(places).step_by(apart.max(1)).map(|(i, place)| (i, place.as_str()))
}

/// A text and where it is.
pub(super) struct Label<'a> {
    pub(super) text: &'a str,
    pub(super) at: Point,
    pub(super) font: f64,
    pub(super) colour: RGBColor,
    pub(super) anchor: HPos,
}

/// Draws on an area.
pub(super) struct Brush<'a, B: DrawingBackend> {
    pub(super) area: &'a DrawingArea<B, Shift>,
}

impl<B: DrawingBackend> Brush<'_, B> {
    pub(super) fn label(&self, label: Label<'_>) -> Drawn<B> {
        let style = ("sans-serif", label.font).into_font().color(&label.colour);
        let style = style.pos(Pos::new(label.anchor, VPos::Center));
        // The middle of a line of text is above that of its digits and capitals.
        let at = (label.at.0, label.at.1 + (0.1 * label.font).round() as i32);
        self.area.draw(&Text::new(label.text, at, style))
    }

    pub(super) fn fill(&self, corners: [Point; 2], colour: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new(corners, colour.filled()))
    }

    pub(super) fn outline(&self, corners: [Point; 2], colour: RGBColor, width: u32) -> Drawn<B> {
        self.area.draw(&Rectangle::new(corners, colour.stroke_width(width)))
    }

    fn polygon(&self, points: &[Point], colour: RGBColor) -> Drawn<B> {
        self.area.draw(&Polygon::new(points, colour))
    }

    fn line(&self, points: &[Point], colour: RGBColor, width: u32) -> Drawn<B> {
        self.area.draw(&PathElement::new(points, colour.stroke_width(width)))
    }

    /// The colours of a scale from its highest value down to its lowest, and what they mean.
    pub(super) fn bar(&self, scale: Scale, [from, to]: [Point; 2], font: f64) -> Drawn<B> {
        let [lowest, highest] = scale.places();
        let rows = (to.1 - from.1).max(1);
        let constant = scale.low == scale.high;
        let place = |row: i32| match constant {
            true => 0.0,
            false => highest + (lowest - highest) * f64::from(row) / f64::from(rows),
        };
        // Steps too small to be seen would be one shape for each row of pixels.
        let step = (rows / 100).max(1);
        for row in (0..rows).step_by(step as usize) {
            let bottom = (row + step).min(rows);
            let colour = rgb(shade(place(row)));
            self.fill([(from.0, from.1 + row), (to.0, from.1 + bottom)], colour)?;
        }
        self.outline([from, to], LINES, 1)?;
        // No tick marks: beside a number they would be taken for a minus.
        let told: &[f64] = if constant { &[0.5] } else { &[0.0, 0.25, 0.5, 0.75, 1.0] };
        for part in told {
            let value = scale.value(highest + (lowest - highest) * part);
            let text = super::scale::number(value, scale.decimals());
            let y = from.1 + (f64::from(rows) * part).round() as i32;
            let at = (to.0 + (0.4 * font) as i32, y);
            self.label(Label { text: &text, at, font, colour: INK, anchor: HPos::Left })?;
        }
        Ok(())
    }

    /// Labels along the sides of a board of so many columns and rows, whose first cell is `origin`.
    pub(super) fn axes(
        &self,
        axes: &Axes,
        origin: Square,
        [columns, rows]: [usize; 2],
        font: f64,
    ) -> Drawn<B> {
        let Square { x, y, side } = origin;
        let (right, bottom) = (x + columns as i32 * side, y + rows as i32 * side);
        let line = font as i32;
        let label = |text, at, anchor| Label { text, at, font, colour: INK, anchor };
        for (i, place) in places(&axes.across.places, side, font) {
            let at = (x + i * side + side / 2, bottom + line * 3 / 4);
            self.label(label(place, at, HPos::Center))?;
        }
        for (i, place) in places(&axes.up.places, side, font) {
            let at = (x - line / 2, bottom - i * side - side / 2);
            self.label(label(place, at, HPos::Right))?;
        }
        self.label(label(&axes.across.label, ((x + right) / 2, bottom + 2 * line), HPos::Center))?;
        let style =
            ("sans-serif", font).into_font().transform(FontTransform::Rotate270).color(&INK);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        let widest = axes.up.places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
        let left = x - line * 5 / 4 - (0.6 * font * widest as f64) as i32;
        self.area.draw(&Text::new(axes.up.label.as_str(), (left, (y + bottom) / 2), style))
    }

    /// One cell.
    pub(super) fn face(
        &self,
        face: &Face,
        scale: Scale,
        square: Square,
        detail: Detail,
    ) -> Drawn<B> {
        let Square { x, y, side } = square;
        let corners = [(x, y), (x + side, y + side)];
        let ground = ground(face, scale);
        self.fill(corners, ground)?;
        if face.ground == Ground::Nowhere {
            for line in square.hatching() {
                self.line(&line, LINES, 1)?;
            }
        }
        for quarter in &face.quarters {
            self.quarter(quarter, scale, square, detail)?;
        }
        self.outline(corners, LINES, 1)?;
        let ink = ink(ground);
        if face.exit {
            let width = (side / 40).max(1);
            for inset in [side / 16, side / 16 + 2 * width] {
                let corners = [(x + inset, y + inset), (x + side - inset, y + side - inset)];
                self.outline(corners, ink, width as u32)?;
            }
        }
        for mark in &face.marks {
            // The area says how probable it is.
            let size = mark.prob.sqrt();
            match mark.arrow {
                Some(arrow) => {
                    self.polygon(&square.arrow(arrow, detail == Detail::Arrows, size), ink)?;
                }
                None => {
                    let radius = (0.06 * f64::from(side) * size).round() as i32;
                    self.area.draw(&Circle::new(square.at(0.0, 0.3), radius, ink.filled()))?;
                }
            }
        }
        if let Detail::Numbers(font) = detail {
            let at = square.at(0.0, 0.0);
            self.label(Label { text: &face.text, at, font, colour: ink, anchor: HPos::Center })?;
        }
        self.badge(face, square, ink, detail)
    }

    /// `S`, `G` or `X`: large where nothing else is in the cell.
    fn badge(&self, face: &Face, square: Square, ink: RGBColor, detail: Detail) -> Drawn<B> {
        let Some(badge) = face.badge else { return Ok(()) };
        let (text, side) = (badge.to_string(), f64::from(square.side));
        let over = matches!(face.ground, Ground::End(_));
        if detail == Detail::Arrows && !over {
            let radius = (0.14 * side).max(2.0) as i32;
            let at = square.at(-0.3, -0.3);
            self.area.draw(&Circle::new(at, radius, WHITE.filled()))?;
            return self.area.draw(&Circle::new(at, radius, INK.stroke_width(1)));
        }
        let (at, font, colour) = match over {
            true => (square.at(0.0, 0.0), 0.5 * side, ink),
            false if face.exit => (square.at(-0.28, -0.26), 0.15 * side, ink),
            false if face.quarters.is_empty() => (square.at(-0.36, -0.34), 0.17 * side, ink),
            // On a disc in a corner, where the quarters have no numbers.
            false => (square.at(-0.42, -0.42), 0.12 * side, INK),
        };
        if !face.quarters.is_empty() {
            let radius = (0.065 * side) as i32;
            self.area.draw(&Circle::new(at, radius, WHITE.filled()))?;
            self.area.draw(&Circle::new(at, radius, INK.stroke_width(1)))?;
        }
        self.label(Label { text: &text, at, font, colour, anchor: HPos::Center })
    }

    fn quarter(&self, quarter: &Quarter, scale: Scale, square: Square, detail: Detail) -> Drawn<B> {
        let points = square.quarter(quarter.arrow);
        let colour = rgb(scale.colour(quarter.value));
        self.polygon(&points, colour)?;
        let [middle, one, other] = points;
        self.line(&[one, middle, other], LINES, 1)?;
        if quarter.best {
            // Three quarters of the way to its own middle from outside: it stays in its triangle.
            let inner = |(x, y): Point| {
                let centre = |a: i32, b: i32, c: i32| f64::from(a + b + c) / 3.0;
                let towards = |from: i32, to: f64| {
                    (f64::from(from) + 0.1 * (to - f64::from(from))).round() as i32
                };
                (
                    towards(x, centre(middle.0, one.0, other.0)),
                    towards(y, centre(middle.1, one.1, other.1)),
                )
            };
            let [middle, one, other] = points.map(inner);
            let width = (square.side / 45).max(1) as u32;
            self.line(&[middle, one, other, middle], ink(colour), width)?;
        }
        if let Detail::Numbers(font) = detail {
            let at = square.quarter_text(quarter.arrow, font, quarter.text.chars().count());
            let text = &quarter.text;
            self.label(Label { text, at, font, colour: ink(colour), anchor: HPos::Center })?;
        }
        Ok(())
    }
}
