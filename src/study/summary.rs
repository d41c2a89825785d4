//! Results of a study: a table and JSON.
use super::groups::{Group, OverSeeds, Sorted, groups};
use crate::wording;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

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
        names.map(|name| (name, group.statistics(name))).collect()
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
            let scores = group.statistics(&objective.measure);
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
            if group.is_one_answer() {
                writeln!(out, "  each seed gives the same answer: one is enough")?;
            }
            if scores.iqm_ci95.is_some() {
                writeln!(out, "  interquartile mean {}", wording::measure(&scores.middle()))?;
            }
        }
        Ok(())
    }
}
