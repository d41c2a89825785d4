//! The data of a figure: panels of curves.

/// A curve's `(step, value)`.
pub(super) type Points = Vec<(f64, f64)>;

/// More points than this cost time and show nothing more.
pub(super) const MOST_POINTS: usize = 2000;

/// One run's curve of one metric, or one series of an experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// The name in the legend; equal labels get equal colours in all panels.
    pub label: String,
    /// `(step, value)`, by step; values that are not finite are skipped.
    pub points: Vec<(f64, f64)>,
    /// The ends of an error bar for each point, or none.
    pub bars: Vec<[f64; 2]>,
    /// The ends of a band for each point, or none: a light area behind the line, which is left out where an end
    /// is not finite.
    pub band: Vec<[f64; 2]>,
    /// Style of the points.
    pub stroke: Stroke,
}

/// Style of a curve's points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stroke {
    /// Joined by a line.
    #[default]
    Line,
    /// Joined by a broken line: what theory says.
    Dashed,
    /// Joined by a line, each with a marker.
    Marked,
    /// Each a marker by itself.
    Points,
}

/// Scale of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scale {
    /// As the values have it: see [`Panel::y`].
    #[default]
    Auto,
    /// Linear.
    Linear,
    /// Logarithmic; what is not above 0 lies at its lower end.
    Logarithmic,
    /// These names, at 0, 1, 2, …
    Names(Vec<String>),
    /// From 0 to 1, without numbers.
    Unit,
}

impl Curve {
    /// The points that can be drawn, as means of equal buckets where there are too many.
    pub(super) fn visible(&self) -> Points {
        let points = self.points.iter().copied().filter(|(step, value)| drawable(&[*step, *value]));
        let points = buckets(points.map(|(step, value)| [step, value]).collect());
        points.into_iter().map(|[step, value]| (step, value)).collect()
    }

    /// The band at the points that can be drawn, in pieces without a gap: `[step, low, high]`.
    pub(super) fn visible_band(&self) -> Vec<Vec<[f64; 3]>> {
        let points = self.points.iter().zip(&self.band);
        let points = points.filter(|((step, value), _)| drawable(&[*step, *value]));
        let points = buckets(points.map(|((step, _), [low, high])| [*step, *low, *high]).collect());
        let pieces = points.split(|point| !drawable(point));
        pieces.filter(|piece| piece.len() > 1).map(<[_]>::to_vec).collect()
    }
}

/// An axis as long as `f64` reaches is never finished: what overflows `f32` counts as infinite.
fn drawable(values: &[f64]) -> bool {
    values.iter().all(|value| (*value as f32).is_finite())
}

/// Means of equal buckets of neighbours, where there are too many.
fn buckets<const N: usize>(points: Vec<[f64; N]>) -> Vec<[f64; N]> {
    let mean = |bucket: &[[f64; N]]| {
        std::array::from_fn(|at| {
            bucket.iter().map(|point| point[at]).sum::<f64>() / bucket.len() as f64
        })
    };
    points.chunks(points.len().div_ceil(MOST_POINTS).max(1)).map(mean).collect()
}

/// One pair of axes with its curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// The metric; an evaluation (`eval/…`) is drawn with a marker on each point.
    pub title: String,
    /// Label of the horizontal axis.
    pub x_label: String,
    /// Label of the vertical axis; empty where the title says it.
    pub y_label: String,
    /// The horizontal axis; linear where it is [`Scale::Auto`].
    pub x: Scale,
    /// The vertical axis; where it is [`Scale::Auto`], logarithmic for values that are never negative
    /// and span more than four decades.
    pub y: Scale,
    /// The curves, one for each run.
    pub curves: Vec<Curve>,
    /// The legend is there for one label too, which says more than a name.
    pub is_labelled: bool,
    /// Words beside points of the panel.
    pub words: Vec<(f64, f64, String)>,
}
