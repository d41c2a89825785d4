//! Findings of a sweep: its best configurations, the worth of each setting, figures.
use super::importance::{Importance, importance, names, parts};
use super::info::Study;
use super::rounds::{Tried, tried};
use super::sweep::Sweep;
use crate::render::plot::{self, Curve, Heat, Panel, Scale};
use crate::wording;
use anyhow::Result;
use params::plain;
use serde_json::{Value, json};
use std::io::Write;
use train::Objective;

/// Configurations in the table that is printed.
const SHOWN: usize = 20;

/// Configurations of a sweep, and what they show.
pub(crate) struct Findings<'a> {
    sweep: &'a Sweep,
    tried: Vec<Tried>,
    importance: Vec<Importance>,
    measure: String,
    /// 1 where higher is better, else −1.
    sign: f64,
}

impl<'a> Findings<'a> {
    /// Those of a sweep, as far as its configurations are over; none of runs whose scores do not compare.
    pub(crate) fn of(study: &'a Study, objective: &Objective) -> Option<Self> {
        let sweep = study.sweep.as_ref()?;
        let (tried, _) = tried(study);
        if tried.is_empty() {
            return None;
        }
        let importance = importance(&sweep.space, &tried);
        let (measure, sign) = (objective.measure.clone(), objective.direction.score(1.0));
        Some(Self { sweep, tried, importance, measure, sign })
    }

    /// The best configurations, the worth of each setting, and what was made of the best.
    pub(crate) fn tell(&self, out: &mut dyn Write) -> Result<()> {
        let head = ["rank".to_owned(), "configuration".to_owned()];
        let keys = self.sweep.space.iter().map(|dimension| dimension.key.clone());
        let score = [self.measure.clone(), "steps".to_owned()];
        let mut table = vec![head.into_iter().chain(keys).chain(score).collect::<Vec<_>>()];
        for (rank, tried) in (1..).zip(self.tried.iter().take(SHOWN)) {
            let score =
                tried.score.map_or("failed".to_owned(), |score| wording::short(self.sign * score));
            let head = [rank.to_string(), format!("{:03}", tried.configuration + 1)];
            let values = tried.point.iter().map(shown);
            let end = [score, tried.steps.to_string()];
            table.push(head.into_iter().chain(values).chain(end).collect());
        }
        write!(out, "{}", wording::table(&table))?;
        if self.tried.len() > SHOWN {
            writeln!(out, "… {} more in summary.json", self.tried.len() - SHOWN)?;
        }
        if !self.importance.is_empty() {
            let shares =
                self.importance.iter().map(|Importance { key, share }| format!("{key} {share:.2}"));
            let shares: Vec<_> = shares.collect();
            writeln!(
                out,
                "share of the variance of {} between values: {}",
                self.measure,
                shares.join(", ")
            )?;
        }
        Ok(())
    }

    pub(crate) fn json(&self) -> Value {
        let keys: Vec<_> = self.sweep.space.iter().map(|dimension| &dimension.key).collect();
        let tried: Vec<_> = self
            .tried
            .iter()
            .map(|tried| {
                let settings: serde_json::Map<_, _> =
                    keys.iter().map(|key| (*key).clone()).zip(tried.point.iter().cloned()).collect();
                let score = tried.score.map(|score| self.sign * score);
                json!({"configuration": tried.configuration + 1, "settings": settings, "score": score, "steps": tried.steps})
            })
            .collect();
        json!({ "measure": self.measure, "tried": tried, "importance": self.importance })
    }

    /// Draws parallel coordinates, and a table of the two settings that count most.
    pub(crate) fn draw(&self, study: &Study) -> Result<()> {
        for extension in ["svg", "png"] {
            plot::draw(&[self.parallel()], &study.path.join(format!("parallel.{extension}")))?;
            if let Some(heat) = self.heat() {
                plot::heat(&heat, &study.path.join(format!("heat.{extension}")))?;
            }
        }
        Ok(())
    }

    /// A line for each configuration: the places of its values, and of its score, from the worst to the best.
    fn parallel(&self) -> Panel {
        let scored: Vec<_> =
            self.tried.iter().filter_map(|tried| Some((tried, tried.score?))).collect();
        let scores = || scored.iter().map(|(_, score)| *score);
        let (low, high) =
            (scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max));
        let quarter = scored.len().div_ceil(4);
        let curve = |(rank, (tried, score)): (usize, &(&Tried, f64))| {
            let places = self.sweep.space.iter().zip(&tried.point);
            let places = places.map(|(dimension, value)| dimension.range.place(value));
            let score = if high > low { (score - low) / (high - low) } else { 0.5 };
            let points = places.chain([score]).enumerate().map(|(x, y)| (x as f64, y)).collect();
            let label = if rank < quarter { "best quarter" } else { "others" };
            Curve { label: label.to_owned(), points, ..Curve::default() }
        };
        // The best lie on top, and have the first colour.
        let mut curves: Vec<_> = scored.iter().enumerate().map(curve).collect();
        if let Some(others) = curves.get_mut(1..) {
            others.reverse();
        }
        let keys = self.sweep.space.iter().map(|dimension| dimension.key.clone());
        let names = keys.chain([self.measure.clone()]).collect();
        Panel {
            title: "configurations, from the lowest value to the highest".to_owned(),
            x: Scale::Names(names),
            y: Scale::Linear,
            curves,
            ..Panel::default()
        }
    }

    /// Mean scores over the two settings that count most.
    fn heat(&self) -> Option<Heat> {
        let [one, two] = self.importance.get(..2)? else { return None };
        let at = |key: &str| self.sweep.space.iter().position(|dimension| dimension.key == key);
        let of = [at(&one.key)?, at(&two.key)?];
        let ranges = of.map(|at| &self.sweep.space[at].range);
        let [columns, rows] = ranges.map(parts);
        let mut cells = vec![vec![(0.0, 0.0); columns]; rows];
        for tried in &self.tried {
            let Some(score) = tried.score else { continue };
            let part = |axis: usize, parts: usize| {
                let place = ranges[axis].place(&tried.point[of[axis]]);
                ((place * parts as f64) as usize).min(parts - 1)
            };
            let cell: &mut (f64, f64) = &mut cells[part(1, rows)][part(0, columns)];
            *cell = (cell.0 + self.sign * score, cell.1 + 1.0);
        }
        let mean = |(sum, n): &(f64, f64)| (*n > 0.0).then(|| sum / n);
        Some(Heat {
            title: format!("mean {}", self.measure),
            names: [one.key.clone(), two.key.clone()],
            values: ranges.map(names),
            cells: cells.iter().map(|row| row.iter().map(mean).collect()).collect(),
        })
    }
}

/// A value as tables show it.
fn shown(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => wording::short(number),
        _ => plain(value),
    }
}
