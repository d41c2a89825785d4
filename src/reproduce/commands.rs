//! Training commands as lines of text, run in memory, and their numbers by seed.
use super::Setting;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::run::build;
use crate::run::in_memory::train;
use crate::run::line::configured;
use anyhow::Result;
use train::{Measure, Report, Row};

/// Trains an agent as `lab LINE` does: rows of metrics, and the report.
pub(super) fn trained(line: &str, setting: &Setting) -> Result<(Vec<Row>, Report)> {
    let (algorithm, config) = configured(line)?;
    let mut agent = build::agent(algorithm, &config, &setting.device)?;
    train(&mut *agent, &config.plan()?)
}

/// Steps and values of a metric, in the rows that have it.
pub(super) fn points(rows: &[Row], metric: &str) -> Vec<(f64, f64)> {
    rows.iter().filter_map(|row| Some((row.step as f64, *row.values.get(metric)?))).collect()
}

/// The mean of a metric over the later half of the rows that have it; NaN where none has.
pub(super) fn later_half(rows: &[Row], metric: &str) -> f64 {
    let all: Vec<f64> = points(rows, metric).into_iter().map(|(_, value)| value).collect();
    mean(&all[all.len() / 2..])
}

pub(super) fn mean(values: &[f64]) -> f64 {
    Measure::of(values).mean
}

/// Numbers by seed, as a claim shows them.
pub(super) fn by_seed(values: &[f64]) -> String {
    let each: Vec<_> = values.iter().map(|value| format!("{value:.1}")).collect();
    format!("{} (mean {:.1})", each.join(", "), mean(values))
}

/// The mean of curves over seeds, of as many points each.
pub(super) fn mean_curve(label: &str, runs: &[Vec<(f64, f64)>]) -> Curve {
    let at = |i: usize| {
        let each: Vec<f64> = runs.iter().map(|points| points[i].1).collect();
        (runs[0][i].0, mean(&each))
    };
    let length = runs.iter().map(Vec::len).min().unwrap_or(0);
    Curve { label: label.to_owned(), points: (0..length).map(at).collect(), ..Curve::default() }
}

/// A panel of a number for each variant and seed, from the seed `first` on.
pub(super) fn seeds_panel(title: &str, names: &[&str], found: &[Vec<f64>], first: u64) -> Panel {
    let seeds = found.iter().map(Vec::len).max().unwrap_or(0);
    let of_seed = |seed: usize| Curve {
        label: format!("seed {}", first + seed as u64),
        points: found.iter().enumerate().map(|(i, each)| (i as f64, each[seed])).collect(),
        stroke: Stroke::Points,
        ..Curve::default()
    };
    Panel {
        title: title.to_owned(),
        x: Scale::Names(names.iter().map(|name| (*name).to_owned()).collect()),
        curves: (0..seeds).map(of_seed).collect(),
        ..Panel::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_half_by_hand() {
        let row = |step, value: Option<f64>| Row {
            step,
            values: value.map(|value| ("eval/return".to_owned(), value)).into_iter().collect(),
        };
        let rows = [row(1, Some(1.0)), row(2, None), row(3, Some(2.0)), row(4, Some(4.0))];
        assert_eq!(later_half(&rows, "eval/return"), 3.0);
        assert!(later_half(&[row(1, None)], "eval/return").is_nan());
    }

    #[test]
    fn a_mean_of_curves_by_hand() {
        let curve = mean_curve("", &[vec![(1.0, 2.0), (2.0, 4.0)], vec![(1.0, 4.0), (2.0, 0.0)]]);
        assert_eq!(curve.points, [(1.0, 3.0), (2.0, 2.0)]);
    }
}
