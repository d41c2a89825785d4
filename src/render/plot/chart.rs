//! Shared parts of charts: title, axes and grid.
use super::axis::Axis;
use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Okabe and Ito's colours, which colour-blind readers tell apart; yellow, faint on white, is last.
pub(super) const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(240, 228, 66),
];
pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
const AXIS: RGBColor = RGBColor(150, 150, 150);
const GRID: RGBColor = RGBColor(228, 228, 228);

/// Twice the size for the eye: both back ends place everything on whole pixels.
pub(super) const TEXT: u32 = 34;
const TITLE: u32 = 40;

/// Of the points of a chart.
type Plane = Cartesian2d<Axis, Axis>;

/// A chart of points between `axes`, across and upwards, with their names, which may be empty.
pub(super) fn chart<'a, B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    axes: [&Axis; 2],
    names: [&str; 2],
) -> Result<ChartContext<'a, B, Plane>, DrawingAreaErrorKind<B::ErrorType>> {
    let [x, y] = axes;
    let text = ("sans-serif", TEXT).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", TITLE).into_font().color(&INK))
        .margin(16)
        .margin_right(60)
        .x_label_area_size(88)
        .y_label_area_size(if names[1].is_empty() { 140 } else { 170 })
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .x_labels(x.ticks())
        .y_labels(y.ticks())
        .x_label_formatter(&|at| x.label(*at))
        .y_label_formatter(&|at| y.label(*at))
        .x_desc(names[0])
        .y_desc(names[1])
        .label_style(text.clone())
        .axis_desc_style(text)
        .axis_style(AXIS.stroke_width(2))
        .bold_line_style(GRID.stroke_width(2))
        .light_line_style(TRANSPARENT)
        .set_all_tick_mark_size(8)
        .draw()?;
    Ok(chart)
}
