//! Runs that differ by their seeds alone, together; and what tells one such group from another.
use super::named::{Named, named};
use super::statistics::{bootstrap, interquartile_mean};
use crate::registry::{Options, Subject};
use crate::run::result::RunResult;
use crate::run::state::State;
use anyhow::Result;
use params::plain;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use train::{Measure, Objective, RunInfo};

/// A run that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) dir: PathBuf,
    /// The plan and every hyper-parameter.
    pub(crate) config: Options,
    pub(crate) result: RunResult,
}

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

/// Runs of one algorithm with one configuration, by seed.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) algorithm: String,
    pub(crate) subject: String,
    /// Settings that differ from those of other groups of the same algorithm and subject; options of the environment among it.
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) runs: Vec<Ended>,
}

/// Settings of which no group is made.
const APART: [&str; 5] = ["seed", "algorithm", "log_every", "eval_every", "save_every"];

/// The settings of a run, those of its environment or data among them.
fn settings(config: &Options) -> BTreeMap<String, Value> {
    let args = [Subject::Env, Subject::Data].map(Subject::args_key);
    let mut all = BTreeMap::new();
    for (key, value) in config {
        match value {
            Value::Object(options) if args.contains(&key.as_str()) => {
                all.extend(options.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            _ if APART.contains(&key.as_str()) => {}
            value => _ = all.insert(key.clone(), value.clone()),
        }
    }
    all
}

/// Groups of runs, in the order of the first run of each.
pub(crate) fn groups(runs: Vec<Ended>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for run in runs {
        let settings = settings(&run.config);
        let RunResult { algorithm, subject, .. } = &run.result;
        let is_of = |group: &&mut Group| {
            group.algorithm == *algorithm && group.subject == *subject && group.settings == settings
        };
        match groups.iter_mut().find(is_of) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group {
                algorithm: algorithm.clone(),
                subject: subject.clone(),
                settings,
                runs: vec![run],
            }),
        }
    }
    keep_what_differs(&mut groups);
    groups.iter_mut().for_each(|group| group.runs.sort_by_key(|run| run.result.seed));
    groups
}

/// Leaves each group the settings that differ among the groups of its algorithm and subject.
fn keep_what_differs(groups: &mut [Group]) {
    let kind = |group: &Group| (group.algorithm.clone(), group.subject.clone());
    let mut first = BTreeMap::new();
    let mut differing = BTreeMap::<_, BTreeSet<String>>::new();
    for group in groups.iter() {
        let first: &BTreeMap<_, _> =
            first.entry(kind(group)).or_insert_with(|| group.settings.clone());
        // A setting that one of them lacks differs too.
        let keys = first.keys().chain(group.settings.keys());
        let keys = keys.filter(|key| first.get(*key) != group.settings.get(*key)).cloned();
        differing.entry(kind(group)).or_default().extend(keys);
    }
    for group in groups {
        let differing = &differing[&kind(group)];
        group.settings.retain(|key, _| differing.contains(key));
    }
}

impl Group {
    /// The name that tells this group from the others: its algorithm, its subject and its settings, each where it differs.
    pub(crate) fn label(&self, groups: &[Self]) -> String {
        let mut parts = Vec::new();
        let differs = |of: fn(&Self) -> &String| groups.iter().any(|group| of(group) != of(self));
        if differs(|group| &group.algorithm)
            || !differs(|group| &group.subject) && self.settings.is_empty()
        {
            parts.push(self.algorithm.clone());
        }
        if differs(|group| &group.subject) {
            parts.push(format!("on {}", self.subject));
        }
        let settings = self.settings.iter().map(|(key, value)| format!("{key}={}", plain(value)));
        parts.extend(settings);
        parts.join(" ")
    }

    /// Its algorithm with its settings, on whatever environment or data.
    pub(crate) fn method(&self) -> String {
        let settings = self.settings.iter().map(|(key, value)| format!(" {key}={}", plain(value)));
        self.algorithm.clone() + &settings.collect::<String>()
    }

    /// Test whether its runs, of several seeds, all have the same parameters or values, as those of a planner have.
    pub(crate) fn is_one_answer(&self) -> bool {
        let mut hashes = self.runs.iter().map(|run| &run.result.params_hash);
        let first = hashes.next();
        self.runs.len() > 1 && hashes.all(|hash| Some(hash) == first)
    }

    /// The statistics of a measure over its seeds; without an interval where they all give one answer.
    pub(crate) fn statistics(&self, measure: &str) -> OverSeeds {
        let over = OverSeeds::of(&self.scores(measure));
        match self.is_one_answer() {
            true => OverSeeds { ci95: None, iqm_ci95: None, ..over },
            false => over,
        }
    }

    /// The measure that decides, and whether higher is better: that of the first run that has one.
    pub(crate) fn objective(&self) -> Option<&Objective> {
        self.runs.iter().find_map(|run| run.result.objective.as_ref())
    }

    /// The scores of its runs by a measure.
    pub(crate) fn scores(&self, measure: &str) -> Vec<f64> {
        let score = |run: &Ended| Some(run.result.eval.get(measure)?.mean);
        self.runs.iter().filter_map(score).collect()
    }
}

/// Runs by their states.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Those that have come to their end.
    pub(crate) ended: Vec<Ended>,
    /// Those that failed or diverged: name, state and why.
    pub(crate) failed: Vec<(String, State)>,
    /// Those that a process trains now.
    pub(crate) training: Vec<String>,
    /// A sentence for each run that is left out since a file of it is damaged.
    pub(crate) damaged: Vec<String>,
    /// Those that are yet to be made, or to go on.
    pub(crate) waiting: usize,
}

impl Sorted {
    /// Number of those that have not come to their end, and that nobody makes.
    pub(crate) fn missing(&self) -> usize {
        self.damaged.len() + self.waiting
    }
}

/// Runs at `dirs`, each a run directory or a study, each configuration with each seed once.
///
/// # Errors
/// If a directory is neither, or the list of a study is damaged.
pub(crate) fn sorted(dirs: &[PathBuf]) -> Result<Sorted> {
    let mut seen = BTreeSet::new();
    let mut sorted = Sorted::default();
    for Named { dir, info, state, .. } in named(dirs)? {
        let config = info.map(|RunInfo { config, .. }| config);
        // The same run by two names, or made twice, is one run.
        if config
            .as_ref()
            .is_some_and(|config| !seen.insert(Value::Object(config.clone()).to_string()))
        {
            continue;
        }
        let name = || dir.file_name().map_or(String::new(), |name| name.to_string_lossy().into());
        match (state, config) {
            (State::Done(result), Some(config)) => {
                sorted.ended.push(Ended { dir, config, result: *result });
            }
            (State::Training, _) => sorted.training.push(name()),
            (state @ (State::Failed(_) | State::Diverged(_)), _) => {
                sorted.failed.push((name(), state));
            }
            (State::Damaged(why), _) => sorted.damaged.push(why),
            _ => sorted.waiting += 1,
        }
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use train::RunOutcome;

    fn run(algorithm: &str, subject: &str, config: Value) -> Ended {
        let result = json!({
            "algorithm": algorithm, "subject": subject, "seed": config["seed"], "outcome": "finished", "steps": 1,
            "wall_seconds": 1.0, "steps_per_second": 1.0, "updates": 1, "params_hash": "", "run": "",
            "eval": {"return": {"mean": config["seed"], "ci95": null, "n": 1}},
            "objective": {"measure": "return", "direction": "maximise"},
        });
        let Value::Object(config) = config else { unreachable!() };
        Ended { dir: "r".into(), config, result: serde_json::from_value(result).unwrap() }
    }

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

    #[test]
    fn one_answer_has_no_interval() {
        let mut group = groups(vec![
            run("vi", "catch", json!({"seed": 1, "env": "catch"})),
            run("vi", "catch", json!({"seed": 3, "env": "catch"})),
        ])
        .remove(0);
        let of = |group: &Group| (group.is_one_answer(), group.statistics("return").ci95.is_some());
        assert_eq!(of(&group), (true, false));
        group.runs[1].result.params_hash = "other".to_owned();
        assert_eq!(of(&group), (false, true));
        group.runs.pop();
        assert!(!group.is_one_answer(), "of one run nothing is known");
    }

    #[test]
    fn a_run_that_is_to_go_on_is_not_over() {
        let mut result = run("dqn", "catch", json!({"seed": 1})).result;
        assert!(result.is_over(1) && !result.is_over(2), "it has one step");
        result.outcome = RunOutcome::TargetReached;
        assert!(result.is_over(2));
        result.outcome = RunOutcome::Interrupted;
        assert!(!result.is_over(1));
    }

    #[test]
    fn seeds_are_together_and_labels_say_what_differs() {
        let groups = groups(vec![
            run(
                "dqn",
                "catch",
                json!({"seed": 2, "lr": 0.1, "env": "catch", "env_args": {"rows": 5}}),
            ),
            run(
                "dqn",
                "catch",
                json!({"seed": 1, "lr": 0.1, "env": "catch", "env_args": {"rows": 5}}),
            ),
            run(
                "dqn",
                "catch",
                json!({"seed": 1, "lr": 0.2, "env": "catch", "env_args": {"rows": 5}}),
            ),
            run(
                "dqn",
                "catch",
                json!({"seed": 1, "lr": 0.1, "env": "catch", "env_args": {"rows": 9}}),
            ),
            run(
                "ppo",
                "catch",
                json!({"seed": 1, "clip": 0.2, "env": "catch", "env_args": {"rows": 5}}),
            ),
        ]);
        let labels: Vec<_> = groups.iter().map(|group| group.label(&groups)).collect();
        assert_eq!(labels, ["dqn lr=0.1 rows=5", "dqn lr=0.2 rows=5", "dqn lr=0.1 rows=9", "ppo"]);
        assert_eq!(groups[0].scores("return"), [1.0, 2.0], "by seed");
        assert!(groups[0].scores("nll_nats").is_empty());
    }

    #[test]
    fn one_group_goes_by_its_algorithm_and_subjects_where_they_differ() {
        let labels = |runs| {
            let groups = groups(runs);
            groups.iter().map(|group| group.label(&groups)).collect::<Vec<_>>()
        };
        let config = |env: &str| json!({"seed": 1, "env": env});
        assert_eq!(labels(vec![run("dqn", "catch", config("catch"))]), ["dqn"]);
        let two = vec![run("dqn", "catch", config("catch")), run("dqn", "chain", config("chain"))];
        assert_eq!(labels(two), ["on catch", "on chain"]);
        let lr = |lr: f64| json!({"seed": 1, "env": "catch", "lr": lr});
        let two = vec![run("dqn", "catch", lr(0.1)), run("dqn", "catch", lr(0.2))];
        assert_eq!(labels(two), ["lr=0.1", "lr=0.2"]);
    }
}
