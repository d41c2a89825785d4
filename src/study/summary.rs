//! Results of a study: a table and JSON.
use super::groups::{Group, Sorted, groups};
use super::statistics::{bootstrap, interquartile_mean};
use crate::wording;
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use train::Measure;

/// One measure over the seeds of a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct OverSeeds {
    pub(crate) mean: f64,
    /// Student's interval of the mean; `null` for one seed.
    pub(crate) ci95: Option<[f64; 2]>,
    /// Interquartile mean.
    pub(crate) iqm: f64,
    /// Its bootstrap interval; `null` for one seed.
    pub(crate) iqm_ci95: Option<[f64; 2]>,
    pub(crate) n_seeds: usize,
}

impl OverSeeds {
    /// The statistics of the scores of some runs.
    pub(crate) fn of(scores: &[f64]) -> Self {
        let Measure { mean, ci95, n } = Measure::of(scores);
        let scores = [scores.to_vec()];
        Self {
            mean,
            ci95,
            iqm: interquartile_mean(&scores),
            iqm_ci95: bootstrap(&scores, interquartile_mean),
            n_seeds: n,
        }
    }

    /// The mean with Student's interval.
    pub(crate) fn measure(&self) -> Measure {
        Measure { mean: self.mean, ci95: self.ci95, n: self.n_seeds }
    }

    /// The interquartile mean with its interval.
    pub(crate) fn middle(&self) -> Measure {
        Measure { mean: self.iqm, ci95: self.iqm_ci95, n: self.n_seeds }
    }
}

/// A study as far as it is done.
pub(crate) struct Summary {
    pub(crate) groups: Vec<Group>,
    /// The others.
    pub(crate) left: Sorted,
}

impl Summary {
    pub(crate) fn new(mut runs: Sorted) -> Self {
        Self { groups: groups(std::mem::take(&mut runs.ended)), left: runs }
    }

    /// The measures of a group over its seeds.
    fn measures(group: &Group) -> BTreeMap<&String, OverSeeds> {
        let names = group.runs.iter().flat_map(|run| run.result.eval.keys());
        names.map(|name| (name, OverSeeds::of(&group.scores(name)))).collect()
    }

    /// `{"study", "runs": [result.json…], "groups": […], "summary": {measure: {…}}}`; `summary` is that of the only group,
    /// and `null` where there are several.
    pub(crate) fn json(&self, study: &Path) -> Result<Value> {
        let runs = self.groups.iter().flat_map(|group| &group.runs);
        let runs =
            runs.map(|run| serde_json::to_value(&run.result)).collect::<Result<Vec<_>, _>>()?;
        let group = |group: &Group| {
            json!({
                "label": group.label(&self.groups),
                "algorithm": group.algorithm,
                "subject": group.subject,
                "settings": group.settings,
                "seeds": group.runs.iter().map(|run| run.result.seed).collect::<Vec<_>>(),
                "summary": Self::measures(group),
            })
        };
        let groups: Vec<_> = self.groups.iter().map(group).collect();
        let summary = match &groups[..] {
            [one] => one["summary"].clone(),
            _ => Value::Null,
        };
        let failed = self.left.failed.iter().map(|(run, state)| (run, state.why()));
        let failed: BTreeMap<_, _> = failed.collect();
        Ok(json!({
            "study": study.display().to_string(),
            "runs": runs,
            "groups": groups,
            "summary": summary,
            "failed": failed,
            "missing": self.left.missing(),
            "training": self.left.training,
        }))
    }

    /// The table of all runs, and a sentence for each group.
    pub(crate) fn tell(&self, out: &mut dyn Write) -> Result<()> {
        let mut table =
            vec![["run", "outcome", "steps", "time", "score"].map(str::to_owned).to_vec()];
        for run in self.groups.iter().flat_map(|group| &group.runs) {
            let result = &run.result;
            let name =
                run.dir.file_name().map_or(String::new(), |name| name.to_string_lossy().into());
            let score = result.scored().map_or_else(
                || "none".to_owned(),
                |(_, measure)| wording::number(measure.mean, wording::digits(measure)),
            );
            let outcome = wording::outcome(result.outcome).to_owned();
            let time = wording::duration(result.wall_seconds);
            table.push(vec![name, outcome, result.steps.to_string(), time, score]);
        }
        write!(out, "{}", wording::table(&table))?;
        for (run, state) in &self.left.failed {
            writeln!(out, "{run} {}: {}", state.name(), state.why().unwrap_or_default())?;
        }
        for group in &self.groups {
            let Some(objective) = group.objective() else { continue };
            let scores = OverSeeds::of(&group.scores(&objective.measure));
            let better = wording::better(objective.direction);
            let settings: Vec<_> = group
                .settings
                .iter()
                .map(|(key, value)| format!(", {key}={}", params::plain(value)))
                .collect();
            writeln!(
                out,
                "{} on {}{}, {}: {} {}, {better} is better",
                group.algorithm,
                group.subject,
                settings.concat(),
                wording::counted(scores.n_seeds as u64, "seeds"),
                objective.measure,
                wording::measure(&scores.measure()),
            )?;
            if scores.iqm_ci95.is_some() {
                writeln!(out, "  interquartile mean {}", wording::measure(&scores.middle()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_over_seeds_by_hand() {
        let scores = OverSeeds::of(&[1.0, 2.0, 3.0, 4.0, 90.0]);
        assert_eq!((scores.mean, scores.iqm, scores.n_seeds), (20.0, 3.0, 5));
        let [low, high] = scores.iqm_ci95.unwrap();
        assert!((1.0..3.0).contains(&low) && (3.0..=90.0).contains(&high) && high > 3.0);
        let one = OverSeeds::of(&[7.0]);
        assert_eq!((one.mean, one.ci95, one.iqm, one.iqm_ci95), (7.0, None, 7.0, None));
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(json, r#"{"mean":7.0,"ci95":null,"iqm":7.0,"iqm_ci95":null,"n_seeds":1}"#);
    }
}
