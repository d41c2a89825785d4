//! Training and figures in memory: a notebook or a program shows them, and nothing is written to disk.
//!
//! ```
//! use lab::prelude::*;
//!
//! # fn main() -> anyhow::Result<()> {
//! let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
//! let mut agent = Dqn::new(make, DqnConfig::default(), 1, &Device::Cpu)?;
//! let trained = learn(&mut agent, 2_000)?;
//! trained.curves()?; // shown where a cell ends with it
//! # Ok(())
//! # }
//! ```
use crate::render::gif::Animation;
use crate::render::plot::{self, Curve, Panel};
use crate::render::{board::Board, sheet};
use crate::run::{episode::record, in_memory};
use agents::tabular::Model;
use agents::{Agent, MakeEnv};
use anyhow::{Context, Result};
use envs::{Mdp, Rgb, Spec};
use generative::data::Images;
use lab_notebook::{Figure, Format, Table};
use std::collections::BTreeMap;
use train::{Direction, Learner, Report, Row, stream};

/// Rows of metrics, and evaluations, of a training in memory.
const ROWS: u64 = 100;
const EVALUATIONS: u64 = 10;

/// Frames of an episode at most, and how many of them a second.
const FRAMES: usize = 2_000;
const RATE: u32 = 20;

/// A training in memory; at the end of a cell, the table of its measures.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Every row of metrics.
    pub rows: Vec<Row>,
    /// Outcome and final evaluation.
    pub report: Report,
}

/// Trains a learner for `steps` of its own unit, with a hundred rows of metrics and ten evaluations on the way.
///
/// # Errors
/// Errors of the learner.
pub fn learn(learner: &mut dyn Learner, steps: u64) -> Result<Trained> {
    let plan = in_memory::plan(steps, [ROWS, EVALUATIONS].map(|n| steps.div_ceil(n)));
    let (rows, report) = in_memory::train(learner, &plan)?;
    Ok(Trained { rows, report })
}

impl Trained {
    /// Learning curves, a panel for each metric.
    ///
    /// # Errors
    /// If there is no curve.
    pub fn curves(&self) -> Result<Figure> {
        let mut curves = BTreeMap::<&str, Vec<(f64, f64)>>::new();
        for row in &self.rows {
            for (metric, value) in &row.values {
                curves.entry(metric).or_default().push((row.step as f64, *value));
            }
        }
        let seen = |metric: &&str| !metric.starts_with("speed/") && !metric.starts_with("time/");
        let panel = |(metric, points): (&str, _)| Panel {
            title: metric.to_owned(),
            x_label: "step".into(),
            curves: vec![Curve { label: metric.to_owned(), points, ..Curve::default() }],
            ..Panel::default()
        };
        let panels: Vec<_> =
            curves.into_iter().filter(|(metric, _)| seen(metric)).map(panel).collect();
        Ok(Figure::new(Format::Svg, plot::svg(&panels)?.into_bytes(), "learning curves"))
    }

    /// Measures of the final evaluation.
    ///
    /// # Errors
    /// [`train::Interrupted`] where the training was.
    pub fn score(&self) -> Result<Table> {
        let evaluation = self.report.clone().evaluated()?;
        let objective = &evaluation.objective;
        let mut table = Table::new(["measure", "mean", "95 % interval", "n", ""]);
        for (name, measure) in &evaluation.measures {
            let interval = measure
                .ci95
                .map_or_else(String::new, |[low, high]| format!("{low:.2} to {high:.2}"));
            let decides = match objective.direction {
                _ if objective.measure != *name => "",
                Direction::Maximise => "higher is better",
                Direction::Minimise => "lower is better",
            };
            let (mean, n) = (format!("{:.2}", measure.mean), measure.n.to_string());
            table.row([name.clone(), mean, interval, n, decides.to_owned()]);
        }
        Ok(table)
    }

    /// Shows the measures at the end of a cell.
    pub fn evcxr_display(&self) {
        if let Ok(score) = self.score() {
            score.evcxr_display();
        }
    }
}

/// An episode without exploration, as an animation.
///
/// # Errors
/// Errors of the agent.
pub fn episode(agent: &dyn Agent, make: &MakeEnv, seed: u64) -> Result<Figure> {
    let mut animation = Animation::new(RATE)?;
    let most = |_: &Spec, _: &Rgb| FRAMES;
    record((agent, make), stream(seed, "play/0"), &most, &mut animation)?;
    Ok(Figure::new(Format::Gif, animation.finish()?, "an episode"))
}

/// Values and policy of an agent of a known MDP on its grid.
///
/// # Errors
/// If the MDP has no grid, or the agent no values; errors of the agent.
pub fn values(agent: &dyn Agent, mdp: &dyn Mdp) -> Result<Figure> {
    let board = Board::new(mdp)?.context("the states of this MDP have no places on a grid")?;
    let table = agent.table(&Model::new(mdp)?)?.context("the agent has no values of states")?;
    let svg = board.values_svg("", &table)?;
    Ok(Figure::new(Format::Svg, svg.into_bytes(), "values and policy"))
}

/// Images side by side, `columns` in a row.
///
/// # Errors
/// If there is no image.
pub fn images(images: &Images, columns: usize) -> Result<Figure> {
    Ok(Figure::new(Format::Png, sheet::png(images, columns)?, "images"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use std::sync::Arc;

    #[test]
    fn a_planner_is_trained_and_drawn_in_memory() {
        let world = GridWorld::new(&GridConfig::default()).unwrap();
        let mut planner = ValueIteration::new(&world, ValueIterationConfig::default(), 1).unwrap();
        let trained = learn(&mut planner, 1000).unwrap();
        let curves = trained.curves().unwrap();
        let svg = str::from_utf8(curves.bytes()).unwrap();
        assert!(svg.contains("train/residual") && !svg.contains("speed/"), "{svg}");
        let score = trained.score().unwrap();
        assert_eq!(score.rows()[0][..2], ["value_start", "0.71"]);
        let board = values(&planner, &world).unwrap();
        assert!(str::from_utf8(board.bytes()).unwrap().contains("0.71"));

        let world = Arc::new(world);
        let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&world))));
        let animation = episode(&planner, &make, 1).unwrap();
        assert!(animation.bytes().starts_with(b"GIF89a"));
    }

    #[test]
    fn images_are_a_png() {
        let config = BarsConfig { n_train: 20, n_test: 20, ..BarsConfig::default() };
        let data = bars(&config).unwrap();
        let figure = images(&data.images().unwrap().test, 5).unwrap();
        assert!(figure.bytes().starts_with(b"\x89PNG"));
    }
}
