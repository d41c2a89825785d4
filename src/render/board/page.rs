//! Layout of boards, their colour bars, a title and a legend in one figure.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::layout::{Detail, Grain, Size, Square, text_width};
use super::legend::legend;
use super::paint::{Brush, INK, Label, ground};
use super::scale::{Scale, number};
use super::sheet::{Face, Sheet};
use crate::render::plot::canvas::{Drawing, Drawn, Patch};

/// Pixels on a page.
const MARGIN: f64 = 40.0;
const TITLE: f64 = 36.0;
const TEXT: f64 = 28.0;
const BAR: f64 = 36.0;
const GAP: f64 = 24.0;
const SAMPLE: f64 = 40.0;

/// One figure: the title, the boards with a bar of colours each, the legend.
pub(super) struct Page<'a> {
    title: &'a str,
    sheets: &'a [Sheet],
    shape: [usize; 2],
    grain: Grain,
    unit: f64,
    /// Boards side by side.
    columns: i32,
    legend: Vec<(Face, &'static str)>,
    /// Pixels without the margins.
    width: i32,
}

impl<'a> Page<'a> {
    /// Sheets of a shape, columns and rows, so many of them side by side.
    pub(super) fn new(
        shape: [usize; 2],
        columns: usize,
        title: &'a str,
        sheets: &'a [Sheet],
        size: Size,
    ) -> Self {
        let faces = || sheets.iter().flat_map(|sheet| &sheet.faces);
        let quarters = faces().any(|face| !face.quarters.is_empty());
        let texts = faces()
            .flat_map(|face| face.quarters.iter().map(|quarter| &quarter.text).chain([&face.text]));
        let longest = texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let grain = Grain::new(size, shape, longest, quarters);
        let legend = legend(faces(), grain.detail);
        let (columns, unit) = (columns as i32, size.unit());
        let mut page = Self { title, sheets, shape, grain, unit, columns, legend, width: 0 };
        page.width = page.body()[0].max(page.px(text_width(title, TITLE))).max(page.px(600.0));
        page
    }

    /// The frames of an animation: one for each sheet, all laid out in the same way.
    pub(super) fn frames(
        shape: [usize; 2],
        titles: &'a [String],
        sheets: &'a [Sheet],
    ) -> Vec<Self> {
        let all = Self::new(shape, 1, "", sheets, Size::Frame);
        let frame = |(title, sheet): (&'a String, &'a Sheet)| {
            let mut page = Self::new(shape, 1, title, std::slice::from_ref(sheet), Size::Frame);
            (page.grain, page.legend) = (all.grain, all.legend.clone());
            page.width = page.width.max(page.body()[0]);
            page
        };
        let mut pages: Vec<Self> = titles.iter().zip(sheets).map(frame).collect();
        let widest = pages.iter().map(|page| page.width).max().unwrap_or(0);
        pages.iter_mut().for_each(|page| page.width = widest);
        pages
    }

    fn px(&self, size: f64) -> i32 {
        (size * self.unit).round() as i32
    }

    /// Pixels of a board alone.
    fn area(&self) -> [i32; 2] {
        self.shape.map(|cells| cells.div_ceil(self.grain.stride) as i32 * self.grain.side)
    }

    /// Pixels of a board, its bar and its title.
    fn panel(&self) -> [i32; 2] {
        let labels = |sheet: &Sheet| {
            let Scale { low, high } = sheet.scale;
            let text = |value| text_width(&number(value, sheet.scale.decimals()), TEXT);
            text(low).max(text(high)).max(text((low + high) / 2.0))
        };
        let widest = self.sheets.iter().map(labels).fold(0.0, f64::max);
        let heading = if self.sheets.len() > 1 { 2.0 * TEXT } else { 0.0 };
        let [width, height] = self.area();
        let titles = self.sheets.iter().map(|sheet| text_width(&sheet.title, TEXT));
        let bar = GAP + BAR + 0.6 * TEXT + widest;
        let width = (width + self.px(bar)).max(self.px(titles.fold(0.0, f64::max)));
        let [left, below] = self.gutter();
        [left + width, height.max(self.px(4.0 * TEXT)) + self.px(heading) + below]
    }

    /// Rows of the legend, and where each item begins in its row.
    fn flow(&self) -> Vec<(i32, i32)> {
        let (mut row, mut x) = (0, 0);
        let item = |(_, text): &(Face, &str)| {
            let wide = self.px(SAMPLE + 0.5 * TEXT + text_width(text, TEXT) + GAP);
            if x > 0 && x + wide > self.width {
                (row, x) = (row + 1, 0);
            }
            x += wide;
            (row, x - wide)
        };
        self.legend.iter().map(item).collect()
    }

    /// Columns and rows of boards.
    fn grid(&self) -> [i32; 2] {
        let n = self.sheets.len() as i32;
        [self.columns, (n + self.columns - 1) / self.columns]
    }

    /// Pixels to the left of a board and below it for its axes.
    fn gutter(&self) -> [i32; 2] {
        let places = |sheet: &Sheet| {
            let axes = sheet.axes.as_ref()?;
            axes.up.places.iter().map(|place| place.chars().count()).max()
        };
        match self.sheets.iter().filter_map(places).max() {
            None => [0, 0],
            Some(longest) => [self.px(TEXT * (2.0 + 0.6 * longest as f64)), self.px(2.8 * TEXT)],
        }
    }

    /// Pixels of all boards.
    fn body(&self) -> [i32; 2] {
        let ([columns, rows], [width, height]) = (self.grid(), self.panel());
        let gap = self.px(2.0 * GAP);
        [columns * (width + gap) - gap, rows * (height + gap) - gap]
    }

    /// Position of a board with its colour bar.
    fn place(&self, index: usize) -> Square {
        let ([columns, _], [width, height]) = (self.grid(), self.panel());
        let (column, row) = (index as i32 % columns, index as i32 / columns);
        let (gap, [_, board]) = (self.px(2.0 * GAP), self.area());
        let [left, below] = self.gutter();
        let heading = height - board.max(self.px(4.0 * TEXT)) - below;
        Square {
            x: self.px(MARGIN) + left + column * (width + gap),
            y: self.px(MARGIN + 2.0 * TITLE) + row * (height + gap) + heading,
            side: self.grain.side,
        }
    }

    /// Every cell of a sheet that is shown, and where.
    fn cells<'s>(
        &'s self,
        sheet: &'s Sheet,
        origin: Square,
    ) -> impl Iterator<Item = (&'s Face, Square)> {
        let ([columns, _], stride) = (self.shape, self.grain.stride);
        let rows = sheet.faces.chunks(columns).step_by(stride).enumerate();
        rows.flat_map(move |(row, faces)| {
            faces.iter().step_by(stride).enumerate().map(move |(column, face)| {
                let x = origin.x + column as i32 * origin.side;
                (face, Square { x, y: origin.y + row as i32 * origin.side, ..origin })
            })
        })
    }
}

impl Drawing for Page<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = self.flow().last().map_or(0, |(row, _)| row + 1);
        let legend = if rows == 0 { 0 } else { self.px(GAP + f64::from(rows) * 1.4 * SAMPLE) };
        let height = self.px(2.0 * MARGIN + 2.0 * TITLE) + self.body()[1] + legend;
        ((self.width + self.px(2.0 * MARGIN)) as u32, height as u32)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
        root.fill(&WHITE)?;
        let brush = Brush { area: root };
        let text = f64::from(self.px(TEXT));
        let at = (self.px(MARGIN), self.px(MARGIN + 0.5 * TITLE));
        let font = f64::from(self.px(TITLE));
        brush.label(Label { text: self.title, at, font, colour: INK, anchor: HPos::Left })?;
        for (index, sheet) in self.sheets.iter().enumerate() {
            let origin = self.place(index);
            if self.sheets.len() > 1 {
                let at = (origin.x, origin.y - self.px(TEXT));
                let text_at =
                    Label { text: &sheet.title, at, font: text, colour: INK, anchor: HPos::Left };
                brush.label(text_at)?;
            }
            if self.grain.detail != Detail::Pixels {
                for (face, square) in self.cells(sheet, origin) {
                    brush.face(face, sheet.scale, square, self.grain.detail)?;
                }
            }
            let [width, height] = self.area();
            let x = origin.x + width + self.px(GAP);
            let bottom = origin.y + height.max(self.px(4.0 * TEXT));
            if sheet.bar {
                brush.bar(sheet.scale, [(x, origin.y), (x + self.px(BAR), bottom)], text)?;
            }
            if let Some(axes) = &sheet.axes {
                brush.axes(axes, origin, self.shape, text)?;
            }
        }
        let top = self.px(MARGIN + 2.0 * TITLE + GAP) + self.body()[1];
        for ((face, meaning), (row, x)) in self.legend.iter().zip(self.flow()) {
            let (x, y) = (self.px(MARGIN) + x, top + row * self.px(1.4 * SAMPLE));
            let square = Square { x, y, side: self.px(SAMPLE) };
            let detail =
                if face.text.is_empty() { Detail::Arrows } else { Detail::Numbers(0.8 * text) };
            brush.face(face, Scale { low: 0.0, high: 1.0 }, square, detail)?;
            let at = (x + self.px(SAMPLE + 0.5 * TEXT), y + self.px(SAMPLE) / 2);
            brush.label(Label {
                text: meaning,
                at,
                font: text,
                colour: INK,
                anchor: HPos::Left,
            })?;
        }
        root.present()
    }

    fn patches(&self) -> Vec<Patch> {
        if self.grain.detail != Detail::Pixels {
            return Vec::new();
        }
        let patch = |(index, sheet): (usize, &Sheet)| {
            let origin = self.place(index);
            let [width, height] = self.area();
            let mut image = RgbImage::new(width as u32, height as u32);
            for (face, square) in self.cells(sheet, origin) {
                let RGBColor(red, green, blue) = ground(face, sheet.scale);
                let (x, y) = ((square.x - origin.x) as u32, (square.y - origin.y) as u32);
                for pixel in 0..(square.side * square.side) as u32 {
                    let (right, down) = (pixel % square.side as u32, pixel / square.side as u32);
                    image.put_pixel(x + right, y + down, image::Rgb([red, green, blue]));
                }
            }
            Patch { at: (origin.x as u32, origin.y as u32), image }
        };
        self.sheets.iter().enumerate().map(patch).collect()
    }
}
