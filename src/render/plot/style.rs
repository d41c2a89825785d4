//! Styles that tell the curves of a figure apart: a colour, a pattern of dashes and a marker.

use plotters::coord::CoordTranslate;
use plotters::prelude::*;

use super::canvas::Drawn;
use super::chart::PALETTE;

/// Dashes and gaps in pixels of curves beyond the colours, and the marker that goes with them.
const PATTERNS: [(Option<(i32, i32)>, Marker); 4] = [
    (None, Marker::Circle),
    (Some((18, 10)), Marker::Square),
    (Some((4, 9)), Marker::Triangle),
    (Some((34, 12)), Marker::Cross),
];

/// Shape of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Circle,
    Square,
    Triangle,
    Cross,
}

/// Style of all curves of one label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) colour: RGBColor,
    /// Pixels on and off; `None` of a whole line.
    pub(super) dash: Option<(i32, i32)>,
    marker: Marker,
}

impl Style {
    /// Style of the label at `place`: all colours with a whole line, then all with each pattern of dashes. The
    /// 33rd begins again.
    pub(super) fn of(place: usize) -> Self {
        let (dash, marker) = PATTERNS[place / PALETTE.len() % PATTERNS.len()];
        Self { colour: PALETTE[place % PALETTE.len()], dash, marker }
    }

    /// Draws its marker with the middle at `at`, of this radius in pixels.
    pub(super) fn mark<B: DrawingBackend, T: CoordTranslate>(
        self,
        area: &DrawingArea<B, T>,
        at: T::From,
        radius: i32,
    ) -> Drawn<B>
    where
        T::From: Clone,
    {
        let (filled, line) = (self.colour.filled(), self.colour.stroke_width(4));
        match self.marker {
            Marker::Circle => area.draw(&Circle::new(at, radius, filled)),
            Marker::Square => {
                let corners = [(-radius, -radius), (radius, radius)];
                area.draw(&(EmptyElement::at(at) + Rectangle::new(corners, filled)))
            }
            Marker::Triangle => area.draw(&TriangleMarker::new(at, radius + 3, filled)),
            Marker::Cross => area.draw(&Cross::new(at, radius, line)),
        }
    }
}

/// Pieces of the line from `from` to `to` that a pattern of dashes shows.
pub(super) fn pieces(
    [from, to]: [i32; 2],
    dash: Option<(i32, i32)>,
) -> impl Iterator<Item = [i32; 2]> {
    let (on, off) = dash.unwrap_or((to - from, 0));
    let starts = (from..to).step_by((on + off).max(1) as usize);
    starts.map(move |start| [start, (start + on).min(to)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_curves_differ() {
        let styles: Vec<_> = (0..32).map(Style::of).collect();
        for (place, style) in styles.iter().enumerate() {
            assert!(!styles[..place].contains(style), "{place}: {style:?}");
        }
        assert_eq!(Style::of(32), Style::of(0));
        // Eight are told apart by colour alone.
        assert!(styles[..8].iter().all(|style| style.dash.is_none()));
        assert_eq!(styles[8].colour, styles[0].colour);
    }

    #[test]
    fn dashes_end_with_their_line() {
        let pieces = |ends, dash| pieces(ends, dash).collect::<Vec<_>>();
        assert_eq!(pieces([0, 20], None), [[0, 20]]);
        assert_eq!(pieces([3, 20], Some((6, 4))), [[3, 9], [13, 19]]);
        assert_eq!(pieces([0, 12], Some((6, 4))), [[0, 6], [10, 12]]);
    }
}
