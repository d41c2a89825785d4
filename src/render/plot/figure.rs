//! Layout and drawing of one figure by [`draw`](super::draw), on any of plotters' back ends.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged as _;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Drawing, Drawn, font};
use super::chart::{INK, PALETTE, TEXT, chart};
use super::panel::{Curve, Panel, Scale, Stroke};
use super::style::{Style, pieces};

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

/// Opacity of a band: lines and other bands show through.
const BAND: f64 = 0.18;

/// Radius of a marker.
const MARKER: i32 = 7;

/// One figure: the legend above the panels, each in a grid of rows and columns.
pub(super) struct Figure<'a> {
    panels: &'a [Panel],
    grid: (usize, usize),
    /// Every label once, and how its first curve is drawn; its place gives its style.
    labels: Vec<(&'a str, Stroke)>,
    /// Length of a line in the legend.
    swatch: u32,
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
        // Dashes and markers need room to be told apart.
        let swatch = if labels.len() > PALETTE.len() { 2 * SWATCH } else { SWATCH };
        let legend_cell = SWATCH + swatch + letters as u32 * LETTER;
        let columns = (panels.len() as f64).sqrt().ceil().min(3.0) as usize;
        let across = (CELL.0 * columns as u32 / legend_cell).clamp(1, labels.len() as u32) as usize;
        // The name of a single run would only repeat what the reader knows.
        let has_legend = labels.len() > 1 || panels.iter().any(|panel| panel.is_labelled);
        let down = if has_legend { labels.len().div_ceil(across) } else { 0 };
        let grid = (panels.len().div_ceil(columns), columns);
        Some(Self { panels, grid, labels, swatch, legend: (down, across), legend_cell })
    }

    fn legend_height(&self) -> u32 {
        if self.legend.0 == 0 { 0 } else { LEGEND_ROW * self.legend.0 as u32 + LEGEND_ROW / 2 }
    }

    fn style(&self, label: &str) -> Style {
        let place = self.labels.iter().position(|(other, _)| *other == label);
        Style::of(place.unwrap_or(0))
    }

    fn draw_legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let side = (self.size().0.saturating_sub(self.legend_cell * self.legend.1 as u32)) / 2;
        let cells = area.margin(LEGEND_ROW / 2, 0, side, side).split_evenly(self.legend);
        let text = ("sans-serif", TEXT).into_font().color(&INK);
        let text = text.pos(Pos::new(HPos::Left, VPos::Center));
        for ((label, stroke), cell) in self.labels.iter().zip(&cells) {
            let (swatch, middle) = (self.swatch as i32, LEGEND_ROW as i32 / 2);
            let style = self.style(label);
            let dash = match stroke {
                Stroke::Dashed => Some((SWATCH as i32 / 5, SWATCH as i32 / 5)),
                _ => style.dash,
            };
            if *stroke == Stroke::Points {
                style.mark(cell, (swatch / 2, middle), 9)?;
            } else {
                for line in pieces([0, swatch], dash).map(|ends| ends.map(|at| (at, middle))) {
                    cell.draw(&PathElement::new(line, style.colour.stroke_width(6)))?;
                }
            }
            if self.labels.len() > PALETTE.len() && self.is_marked(label) {
                style.mark(cell, (swatch / 2, middle), 9)?;
            }
            let at = (swatch + SWATCH as i32 / 3, middle);
            cell.draw(&Text::new(*label, at, text.clone()))?;
        }
        Ok(())
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        panel: &Panel,
        cell: &DrawingArea<B, Shift>,
    ) -> Result<Frame, DrawingAreaErrorKind<B::ErrorType>> {
        let curves: Vec<_> = panel.curves.iter().map(|curve| (curve, curve.visible())).collect();
        let points = || curves.iter().flat_map(|(_, points)| points);
        let bars = panel.curves.iter().flat_map(|curve| curve.bars.as_flattened()).copied();
        let bands: Vec<_> =
            panel.curves.iter().map(|curve| (curve, curve.visible_band())).collect();
        let x = match &panel.x {
            Scale::Auto => Axis::linear(points().map(|point| point.0)),
            scale => Axis::scaled(scale, points().map(|point| point.0)),
        };
        let values = points().map(|point| point.1).chain(bars);
        let band = bands.iter().flat_map(|(_, pieces)| pieces).flatten();
        let ends = band.flat_map(|[_, low, high]| [*low, *high]);
        let y = Axis::scaled(&panel.y, values).with_band(ends);
        let names = [&*panel.x_label, &panel.y_label];
        let mut chart = chart(cell, &panel.title, [&x, &y], names)?;
        // Behind all lines.
        for (curve, pieces) in &bands {
            let light = self.style(&curve.label).colour.mix(BAND).filled();
            for piece in pieces {
                let lower = piece.iter().map(|[step, low, _]| (*step, y.nearest(*low)));
                let upper = piece.iter().rev().map(|[step, _, high]| (*step, y.nearest(*high)));
                let area = Polygon::new(lower.chain(upper).collect::<Vec<_>>(), light);
                chart.draw_series(std::iter::once(area))?;
            }
        }
        for (curve, points) in curves {
            let style = self.style(&curve.label);
            let colour = style.colour;
            let bars = || curve.points.iter().map(|point| point.0).zip(&curve.bars);
            let thin = colour.stroke_width(3);
            let line = |(x, &[low, high]): (f64, &[f64; 2])| [(x, low), (x, high)];
            chart.draw_series(bars().map(|bar| PathElement::new(line(bar), thin)))?;
            let cap = |end| EmptyElement::at(end) + PathElement::new([(-CAP, 0), (CAP, 0)], thin);
            chart.draw_series(bars().flat_map(line).map(cap))?;
            let alone = points.len() == 1 && curve.stroke != Stroke::Dashed;
            let marked = is_marked(panel, curve) || alone;
            let dash = match curve.stroke {
                Stroke::Dashed => Some(DASH),
                _ => style.dash,
            };
            if let Some((on, off)) = dash
                && curve.stroke != Stroke::Points
            {
                let points = points.iter().copied();
                let line = DashedLineSeries::new(points, on as u32, off as u32, thin);
                chart.draw_series(line)?;
            } else if !marked && points.len() > DENSE {
                chart.draw_series(LineSeries::new(points.iter().copied(), colour))?;
            } else if curve.stroke != Stroke::Points {
                // Piece by piece: a wide line in one piece has long spikes at its sharp turns.
                let style = colour.stroke_width(if marked { 4 } else { 3 });
                let pieces = points.windows(2).map(|ends| PathElement::new(ends.to_vec(), style));
                chart.draw_series(pieces)?;
            }
            if marked {
                for at in points {
                    style.mark(chart.plotting_area(), at, MARKER)?;
                }
            }
        }
        let text = ("sans-serif", TEXT).into_font().color(&INK);
        let text = text.pos(Pos::new(HPos::Left, VPos::Center));
        for (x, y, word) in &panel.words {
            let word =
                EmptyElement::at((*x, *y)) + Text::new(word.clone(), (MARKER, 0), text.clone());
            chart.draw_series(std::iter::once(word))?;
        }
        let (across, down) = chart.plotting_area().get_pixel_range();
        let range = x.range();
        Ok(Frame {
            width: CELL.0,
            left: across.start,
            right: across.end,
            top: down.start,
            bottom: down.end,
            x: [range.start, range.end],
            logarithmic: matches!(x, Axis::Logarithmic(_)),
        })
    }

    /// The legend and each panel as a drawing of its own, in the styles of the whole.
    pub(super) fn framed(&self) -> Result<Framed> {
        let (size, legend) = (self.size(), self.legend_height());
        let legend = (legend > 0).then(|| text_of((size.0, legend), |area| self.draw_legend(area)));
        let panel = |panel: &Panel| text_of(CELL, |area| self.draw_panel(panel, area));
        Ok(Framed {
            legend: legend.transpose()?.map(|(svg, ())| svg),
            panels: self.panels.iter().map(panel).collect::<Result<_>>()?,
        })
    }

    /// Test whether some curve of this label has a marker on each point.
    fn is_marked(&self, label: &str) -> bool {
        let curves = |panel: &'a Panel| panel.curves.iter().map(move |curve| (panel, curve));
        let mut own = self.panels.iter().flat_map(curves).filter(|(_, curve)| curve.label == label);
        own.any(|(panel, curve)| is_marked(panel, curve))
    }
}

/// A figure in parts, each the text of an SVG.
#[derive(Clone, Debug)]
pub struct Framed {
    /// Legend, where it says more than one name.
    pub legend: Option<String>,
    /// Panels, each with the place of its values.
    pub panels: Vec<(String, Frame)>,
}

/// Place of the values in the drawing of a panel, in pixels.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Frame {
    /// Width of the drawing.
    pub width: u32,
    /// Left end of the horizontal axis.
    pub left: i32,
    /// Right end of the horizontal axis.
    pub right: i32,
    /// Upper end of the vertical axis.
    pub top: i32,
    /// Lower end of the vertical axis.
    pub bottom: i32,
    /// Values at the two ends of the horizontal axis.
    pub x: [f64; 2],
    /// The horizontal axis is logarithmic.
    pub logarithmic: bool,
}

/// The SVG that `draw` draws, of this size, that can be shown at any.
fn text_of<T>(
    (width, height): (u32, u32),
    draw: impl for<'b> FnOnce(
        &DrawingArea<SVGBackend<'b>, Shift>,
    ) -> Result<T, DrawingAreaErrorKind<std::io::Error>>,
) -> Result<(String, T)> {
    font()?;
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        let drawn = draw(&area)?;
        area.present()?;
        drawn
    };
    Ok((svg, drawn))
}

/// Test whether each point of a curve has a marker.
fn is_marked(panel: &Panel, curve: &Curve) -> bool {
    match curve.stroke {
        Stroke::Dashed => false,
        Stroke::Marked | Stroke::Points => true,
        Stroke::Line => panel.title.starts_with("eval/"),
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
