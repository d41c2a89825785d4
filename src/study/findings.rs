//! Findings of a sweep: its best configurations, the worth of each setting, figures.
use super::importance::{Importance, LEAST, importance, names, parts};
use super::info::Study;
use super::rounds::{Tried, tried};
use super::space::Range;
use super::sweep::{Point, Sweep};
use crate::render::plot::{self, Curve, Heat, Panel, Scale};
use crate::wording;
use anyhow::Result;
use params::plain;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use train::Objective;

/// Configurations in the table that is printed.
const SHOWN: usize = 20;

/// Configurations of a sweep, and what they show.
pub(crate) struct Findings<'a> {
    sweep: &'a Sweep,
    tried: Vec<Tried>,
    /// Steps after which scores are compared, where configurations have different ones.
    rung: Option<u64>,
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
        let in_rungs = sweep.halving.is_some() || sweep.median.is_some();
        let rung = if in_rungs { rung(&tried) } else { None };
        let importance = importance(&sweep.space, &scored(&tried, rung));
        let (measure, sign) = (objective.measure.clone(), objective.direction.score(1.0));
        Some(Self { sweep, tried, rung, importance, measure, sign })
    }

    /// The end of a sentence about the scores that are compared.
    fn at_rung(&self) -> String {
        match self.rung {
            Some(steps) => {
                let n = scored(&self.tried, self.rung).len();
                format!(", of {n} configurations after {steps} steps")
            }
            None => String::new(),
        }
    }

    /// The best configurations, the worth of each setting, and what was made of the best, of a sweep that was interrupted or has come to
    /// its end.
    pub(crate) fn tell(&self, is_interrupted: bool, out: &mut dyn Write) -> Result<()> {
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
        let stopped = self.tried.iter().filter(|tried| tried.is_stopped).count();
        // Of one that was interrupted, a run that was to go on looks like one that was stopped.
        if self.sweep.median.is_some() && !is_interrupted {
            let all = self.tried.len();
            writeln!(
                out,
                "stopped on their way by the median rule: {stopped} of {all} configurations"
            )?;
        }
        if !self.importance.is_empty() {
            let shares =
                self.importance.iter().map(|Importance { key, share }| format!("{key} {share:.2}"));
            let shares: Vec<_> = shares.collect();
            writeln!(
                out,
                "share of the variance of {} between values{}: {}",
                self.measure,
                self.at_rung(),
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
        json!({
            "measure": self.measure,
            "tried": tried,
            "importance": self.importance,
            "importance_steps": self.rung,
        })
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
        let mut scored = scored(&self.tried, self.rung);
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        let high = scored.first().map_or(0.0, |(_, score)| *score);
        let low = scored.last().map_or(0.0, |(_, score)| *score);
        let quarter = scored.len().div_ceil(4);
        let curve = |(rank, (point, score)): (usize, &(&Point, f64))| {
            let places = self.sweep.space.iter().zip(*point);
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
        let names: Vec<_> = keys.chain([self.measure.clone()]).collect();
        let ranges = self.sweep.space.iter().enumerate();
        let mut words: Vec<_> =
            ranges.flat_map(|(x, dimension)| ends(x as f64, &dimension.range)).collect();
        let last = (names.len() - 1) as f64;
        let scores = if high > low { vec![(0.0, low), (1.0, high)] } else { vec![(0.5, low)] };
        words.extend(
            scores.into_iter().map(|(y, score)| (last, y, wording::short(self.sign * score))),
        );
        Panel {
            title: match self.rung {
                Some(_) => self.at_rung().trim_start_matches(", of ").to_owned(),
                None => format!("{} configurations", scored.len()),
            },
            x: Scale::Names(names),
            y: Scale::Unit,
            curves,
            words,
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
        for (point, score) in scored(&self.tried, self.rung) {
            let part = |axis: usize, parts: usize| {
                let place = ranges[axis].place(&point[of[axis]]);
                ((place * parts as f64) as usize).min(parts - 1)
            };
            let cell: &mut (f64, f64) = &mut cells[part(1, rows)][part(0, columns)];
            *cell = (cell.0 + self.sign * score, cell.1 + 1.0);
        }
        let mean = |(sum, n): &(f64, f64)| (*n > 0.0).then(|| sum / n);
        Some(Heat {
            title: format!("mean {}{}", self.measure, self.at_rung()),
            names: [one.key.clone(), two.key.clone()],
            values: ranges.map(names),
            cells: cells.iter().map(|row| row.iter().map(mean).collect()).collect(),
        })
    }
}

/// Values at the axis of a setting: those of a list at their places, of a long one the first and the last; the ends of a range.
fn ends(x: f64, range: &Range) -> Vec<(f64, f64, String)> {
    const MOST: usize = 12;
    let values: Vec<Value> = match range {
        Range::List(values) if values.len() <= MOST => values.clone(),
        Range::List(values) => values.first().into_iter().chain(values.last()).cloned().collect(),
        Range::Between { .. } => vec![range.at(0.0), range.at(1.0)],
    };
    values.iter().map(|value| (x, range.place(value), shown(value))).collect()
}

/// Scores of configurations: after so many steps, or where each is.
fn scored(tried: &[Tried], rung: Option<u64>) -> Vec<(&Point, f64)> {
    let score = |tried: &Tried| match rung {
        None => tried.score,
        Some(steps) => tried.course.iter().find(|(at, _)| *at == steps).map(|(_, score)| *score),
    };
    tried.iter().filter_map(|tried| Some((&tried.point, score(tried)?))).collect()
}

/// The last steps after which enough configurations were scored to say what counts, or else those after which the most were.
fn rung(tried: &[Tried]) -> Option<u64> {
    let mut of = BTreeMap::<u64, usize>::new();
    for (steps, _) in tried.iter().flat_map(|tried| &tried.course) {
        *of.entry(*steps).or_default() += 1;
    }
    let enough = of.iter().rev().find(|(_, n)| **n >= LEAST);
    enough.or_else(|| of.iter().rev().max_by_key(|(_, n)| **n)).map(|(steps, _)| *steps)
}

/// A value as tables show it.
fn shown(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => wording::short(number),
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tried(course: &[(u64, f64)]) -> Tried {
        let (steps, score) = course[course.len() - 1];
        let (score, point) = (Some(score), vec![json!(1)]);
        let course = course.to_vec();
        Tried { configuration: 0, steps, score, point, round: 0, course, is_stopped: false }
    }

    #[test]
    fn scores_of_one_rung_are_compared() {
        let mut all: Vec<_> = (0..6).map(|i| tried(&[(200, f64::from(i))])).collect();
        all.extend((0..2).map(|i| tried(&[(200, 6.0), (600, f64::from(i))])));
        all.push(tried(&[(200, 9.0), (600, 5.0), (1800, 7.0)]));
        assert_eq!(rung(&all), Some(200));
        let scores = |rung| scored(&all, rung).iter().map(|(_, score)| *score).collect::<Vec<_>>();
        assert_eq!(scores(Some(200)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0, 9.0]);
        assert_eq!(scores(Some(600)), [0.0, 1.0, 5.0]);
        assert_eq!(scores(None)[6..], [0.0, 1.0, 7.0]);
        // Eight came to the second rung.
        all.extend((0..5).map(|i| tried(&[(200, 0.0), (600, f64::from(i))])));
        assert_eq!(rung(&all), Some(600));
        // Too few: the most.
        assert_eq!(rung(&all[5..8]), Some(200));
        assert_eq!(rung(&[]), None);
    }

    #[test]
    fn axes_say_what_lies_at_their_ends() {
        let read = |value| Range::read(&value, None).unwrap();
        let words = |range: &Range| {
            ends(2.0, range)
                .into_iter()
                .map(|(x, y, word)| format!("{x} {y} {word}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&read(json!(["a", 0.5]))), ["2 0.25 a", "2 0.75 0.5"]);
        assert_eq!(
            words(&read(json!({"low": 1e-5, "high": 0.1, "scale": "log"}))),
            ["2 0 1e-5", "2 1 0.1"]
        );
        let many = read(json!((0..20).collect::<Vec<_>>()));
        assert_eq!(words(&many), ["2 0.025 0", "2 0.975 19"]);
    }
}
