//! Shared parts of the reproductions of published likelihoods.
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Stroke};
use crate::run::in_memory::{plan, train};
use crate::told::interval;
use anyhow::Result;
use train::{Learner, Measure, Row};

/// Number of evaluations on the validation images during training.
const MOMENTS: u64 = 25;

/// Trains for so many `steps`; the rows of the evaluations on the way.
///
/// # Errors
/// [`Interrupted`](train::Interrupted); what the learner reports.
pub(super) fn learned(learner: &mut dyn Learner, steps: u64) -> Result<Vec<Row>> {
    Ok(train(learner, &plan(steps, [0, (steps / MOMENTS).max(1)]))?.0)
}

/// Claim that minus a log-likelihood, `found`, is at most so many nats.
pub(super) fn line(what: &str, found: &Measure, most: f64) -> Claim {
    let what = format!("{what} on {} test images, nats", found.n);
    let ours = format!("{:.2} ({})", found.mean, interval(found, 2));
    Claim::stated(what, ours, &format!("at most {most:.2}"), found.mean <= most)
}

/// A measure over the images trained on, and beside it what is published.
pub(super) fn panel(
    title: &str,
    (measure, rows): (&str, &[Row]),
    (label, published): (&str, f64),
) -> Panel {
    let points: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some((row.step as f64, *row.values.get(measure)?))).collect();
    let ends = points.first().into_iter().chain(points.last());
    let published = ends.map(|(step, _)| (*step, published)).collect();
    let curves = vec![
        Curve { label: measure.to_owned(), points, stroke: Stroke::Marked, ..Curve::default() },
        Curve {
            label: label.to_owned(),
            points: published,
            stroke: Stroke::Dashed,
            ..Curve::default()
        },
    ];
    Panel {
        title: title.to_owned(),
        x_label: "images".to_owned(),
        y_label: "nats".to_owned(),
        curves,
        ..Panel::default()
    }
}
