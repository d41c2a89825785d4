//! Layout and drawing of one figure by [`draw`](super::draw), on any of plotters' back ends.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Drawing, Drawn};
use super::chart::{INK, PALETTE, TEXT, chart};
use super::panel::{Panel, Scale, Stroke};

/// Twice the size for the eye: both back ends place everything on whole pixels.
const CELL: (u32, u32) = (1120, 740);
const LEGEND_ROW: u32 = 52;
const SWATCH: u32 = 48;
/// More than a letter needs here: an SVG is shown in the viewer's own font.
const LETTER: u32 = 14;
/// More points than this, and only a hairline keeps them apart.
const DENSE: usize = 300;

/// Of a broken line, and half of what ends an error bar.
const DASH: (i32, i32) = (16, 12);
const CAP: i32 = 7;

/// One figure: the legend above the panels, each in a grid of rows and columns.
pub(super) struct Figure<'a> {
    panels: &'a [Panel],
    grid: (usize, usize),
    /// Every label once, and how its first curve is drawn; its place gives its colour.
    labels: Vec<(&'a str, Stroke)>,
    legend: (usize, usize),
    legend_cell: u32,
}

impl<'a> Figure<'a> {
    /// None where no curve has a point to draw.
    pub(super) fn new(panels: &'a [Panel]) -> Option<Self> {
        let mut labels: Vec<(&str, Stroke)> = Vec::new();
        for curve in panels.iter().flat_map(|panel| &panel.curves) {
            let known = labels.iter().any(|(label, _)| *label == curve.label);
            if !curve.visible().is_empty() && !known {
                labels.push((&curve.label, curve.stroke));
            }
        }
        let letters = labels.iter().map(|(label, _)| label.chars().count()).max()?;
        let legend_cell = 2 * SWATCH + letters as u32 * LETTER;
        let columns = (panels.len() as f64).sqrt().ceil().min(3.0) as usize;
        let across = (CELL.0 * columns as u32 / legend_cell).clamp(1, labels.len() as u32) as usize;
        // The name of a single run would only repeat what the reader knows.
        let down = if labels.len() > 1 { labels.len().div_ceil(across) } else { 0 };
        let grid = (panels.len().div_ceil(columns), columns);
        Some(Self { panels, grid, labels, legend: (down, across), legend_cell })
    }

    fn legend_height(&self) -> u32 {
        if self.legend.0 == 0 { 0 } else { LEGEND_ROW * self.legend.0 as u32 + LEGEND_ROW / 2 }
    }

    fn colour(&self, label: &str) -> RGBColor {
        let index = self.labels.iter().position(|(other, _)| *other == label).unwrap_or(0);
        PALETTE[index % PALETTE.len()]
    }

    fn draw_legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let side = (self.size().0.saturating_sub(self.legend_cell * self.legend.1 as u32)) / 2;
        let cells = area.margin(LEGEND_ROW / 2, 0, side, side).split_evenly(self.legend);
        let style = ("sans-serif", TEXT).into_font().color(&INK);
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        for ((label, stroke), cell) in self.labels.iter().zip(&cells) {
            let (swatch, middle) = (SWATCH as i32, LEGEND_ROW as i32 / 2);
            let (line, colour) = ([(0, middle), (swatch, middle)], self.colour(label));
            match stroke {
                Stroke::Points => {
                    cell.draw(&Circle::new((swatch / 2, middle), 9, colour.filled()))?
                }
                Stroke::Dashed => {
                    let dash = swatch / 5;
                    for from in [0, 2 * dash, 4 * dash] {
                        let line = [(from, middle), (from + dash, middle)];
                        cell.draw(&PathElement::new(line, colour.stroke_width(6)))?;
                    }
                }
                Stroke::Line | Stroke::Marked => {
                    cell.draw(&PathElement::new(line, colour.stroke_width(6)))?;
                }
            }
            cell.draw(&Text::new(*label, (swatch * 4 / 3, middle), style.clone()))?;
        }
        Ok(())
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        panel: &Panel,
        cell: &DrawingArea<B, Shift>,
    ) -> Drawn<B> {
        let curves: Vec<_> = panel.curves.iter().map(|curve| (curve, curve.visible())).collect();
        let points = || curves.iter().flat_map(|(_, points)| points);
        let ends = panel.curves.iter().flat_map(|curve| curve.bars.as_flattened()).copied();
        let x = match &panel.x {
            Scale::Auto => Axis::linear(points().map(|point| point.0)),
            scale => Axis::scaled(scale, points().map(|point| point.0)),
        };
        let y = Axis::scaled(&panel.y, points().map(|point| point.1).chain(ends));
        let names = [&*panel.x_label, &panel.y_label];
        let mut chart = chart(cell, &panel.title, [&x, &y], names)?;
        for (curve, points) in curves {
            let colour = self.colour(&curve.label);
            let bars = || curve.points.iter().map(|point| point.0).zip(&curve.bars);
            let style = colour.stroke_width(3);
            let line = |(x, &[low, high]): (f64, &[f64; 2])| [(x, low), (x, high)];
            chart.draw_series(bars().map(|bar| PathElement::new(line(bar), style)))?;
            let cap = |end| EmptyElement::at(end) + PathElement::new([(-CAP, 0), (CAP, 0)], style);
            chart.draw_series(bars().flat_map(line).map(cap))?;
            if curve.stroke == Stroke::Dashed {
                let (on, off) = DASH;
                let style = colour.stroke_width(3);
                chart.draw_series(DashedLineSeries::new(points, on as u32, off as u32, style))?;
                continue;
            }
            let marked = matches!(curve.stroke, Stroke::Marked | Stroke::Points)
                || panel.title.starts_with("eval/")
                || points.len() == 1;
            if !marked && points.len() > DENSE {
                chart.draw_series(LineSeries::new(points, colour))?;
                continue;
            }
            if curve.stroke != Stroke::Points {
                // Piece by piece: a wide line in one piece has long spikes at its sharp turns.
                let style = colour.stroke_width(if marked { 4 } else { 3 });
                let pieces = points.windows(2).map(|ends| PathElement::new(ends.to_vec(), style));
                chart.draw_series(pieces)?;
            }
            if marked {
                let markers = points.into_iter().map(|at| Circle::new(at, 7, colour.filled()));
                chart.draw_series(markers)?;
            }
        }
        Ok(())
    }
}

impl Drawing for Figure<'_> {
    fn size(&self) -> (u32, u32) {
        (CELL.0 * self.grid.1 as u32, CELL.1 * self.grid.0 as u32 + self.legend_height())
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
        root.fill(&WHITE)?;
        let (legend, grid) = root.split_vertically(self.legend_height());
        if self.legend.0 > 0 {
            self.draw_legend(&legend)?;
        }
        for (panel, cell) in self.panels.iter().zip(&grid.split_evenly(self.grid)) {
            self.draw_panel(panel, cell)?;
        }
        root.present()
    }
}
