//! Settings of runs by name, as they are typed after `--show`, `--by` and `--where`.
use super::layer::fields;
use crate::registry::{Subject, algorithms, subjects, wrappers};
use crate::usage::Usage;
use params::{Parameters as _, canonical, plain};
use serde_json::Value;
use train::{Plan, RunInfo};

/// Names of what a run is, beside those of its configuration.
const OWN: [&str; 3] = ["algorithm", "subject", "seed"];

/// Value of the setting `key` of a run: `algorithm`, `seed`, `env`, `data`, a hyper-parameter or an option of the
/// environment or the data set, by its own name or one that another library has for it. `None` where the run has
/// no such setting, or has it without a value.
pub(crate) fn value(info: &RunInfo, key: &str) -> Option<Value> {
    let key = key.replace('-', "_");
    match key.as_str() {
        "algorithm" => return Some(info.algorithm.clone().into()),
        "subject" => return Some(info.subject.clone().into()),
        "seed" => return Some(info.seed.into()),
        _ => {}
    }
    let kinds = [Subject::Env, Subject::Data];
    if kinds.iter().any(|kind| kind.key() == key) {
        return info.config.contains_key(&key).then(|| info.subject.clone().into());
    }
    let args = kinds.map(|kind| info.config.get(kind.args_key())?.as_object());
    let tables = std::iter::once(&info.config).chain(args.into_iter().flatten());
    let found = |table: &serde_json::Map<String, Value>| {
        let name = canonical(&key, table.keys().map(String::as_str))?;
        table.get(name).cloned()
    };
    let mut found = tables.filter_map(found);
    found.next().filter(|value| !value.is_null())
}

/// Refuses a setting that neither one of these runs has nor any other can have.
pub(crate) fn check<'a>(
    flag: &str,
    key: &str,
    infos: impl IntoIterator<Item = &'a RunInfo>,
) -> Result<(), Usage> {
    let found = infos.into_iter().any(|info| value(info, key).is_some());
    if found || known(key) {
        Ok(())
    } else {
        Err(Usage(format!("{flag} {key}: no run has such an option")))
    }
}

/// Test whether some algorithm, environment or data set has an option `key`: a run may leave it without a value.
fn known(key: &str) -> bool {
    let key = key.replace('-', "_");
    let kinds = [Subject::Env, Subject::Data];
    let has = |fields: Vec<params::Field>| {
        canonical(&key, fields.iter().map(|field| field.name)).is_some()
    };
    OWN.contains(&key.as_str())
        || kinds.iter().any(|kind| kind.key() == key || has(wrappers(*kind)))
        || algorithms().iter().any(|algorithm| has(fields(algorithm)))
        || kinds.into_iter().flat_map(subjects).any(|(_, options)| has(options()))
}

/// The settings in which runs differ: the algorithm, the environment or data set, and what differs between two runs of
/// the same of both. Neither the seed nor the plan is among them: steps and intervals change nothing that is learned.
pub(crate) fn differing(infos: &[&RunInfo]) -> Vec<String> {
    let differs = |key: &str, among: &[&RunInfo]| {
        among.iter().any(|info| value(info, key) != value(among[0], key))
    };
    let mut keys: Vec<String> = ["algorithm", "subject"]
        .iter()
        .filter(|key| differs(key, infos))
        .map(|key| (*key).to_owned())
        .collect();
    let plan: Vec<_> = Plan::fields().iter().map(|field| field.name).collect();
    let kinds = [Subject::Env, Subject::Data];
    let frame = kinds.map(|kind| [kind.key(), kind.args_key()]).concat();
    for info in infos {
        let alike: Vec<_> = infos
            .iter()
            .filter(|other| other.algorithm == info.algorithm && other.subject == info.subject)
            .copied()
            .collect();
        let args = kinds.map(|kind| info.config.get(kind.args_key())?.as_object());
        let args = args.into_iter().flatten().flat_map(serde_json::Map::keys);
        for key in info.config.keys().chain(args) {
            let aside =
                key == "seed" || frame.contains(&key.as_str()) || plan.contains(&key.as_str());
            if !aside && !keys.contains(key) && differs(key, &alike) {
                keys.push(key.clone());
            }
        }
    }
    keys
}

/// A run among others, by its values of `keys`: `ppo, lr 0.001, not slippery`.
pub(crate) fn described(info: &RunInfo, keys: &[String]) -> String {
    let described = |key: &String| {
        let name = key.replace(['_', '-'], " ");
        match (key.as_str(), value(info, key)) {
            (_, None) => format!("no {name}"),
            ("algorithm" | "subject" | "env" | "data", Some(value)) => plain(&value),
            (_, Some(Value::Bool(true))) => name,
            (_, Some(Value::Bool(false))) => format!("not {name}"),
            (_, Some(value)) => format!("{name} {}", plain(&value)),
        }
    };
    keys.iter().map(described).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(algorithm: &str, seed: u64, config: Value) -> RunInfo {
        let Value::Object(config) = config else { panic!("an object") };
        RunInfo {
            algorithm: algorithm.to_owned(),
            subject: "gridworld".to_owned(),
            seed,
            config,
            lab_version: String::new(),
            lab_commit: String::new(),
            device: String::new(),
            threads: 1,
            started: String::new(),
            data: None,
        }
    }

    fn dqn(seed: u64, lr: f64, noise: f64) -> RunInfo {
        let config = serde_json::json!({
            "seed": seed, "env": "gridworld", "env_args": {"noise": noise}, "lr": lr, "steps": 1000 * seed,
            "lr_end": null, "double": true,
        });
        info("dqn", seed, config)
    }

    #[test]
    fn settings_are_found_by_any_of_their_names() {
        let run = dqn(3, 0.01, 0.2);
        for (key, expected) in [
            ("algorithm", serde_json::json!("dqn")),
            ("env", serde_json::json!("gridworld")),
            ("seed", serde_json::json!(3)),
            ("lr", serde_json::json!(0.01)),
            ("learning-rate", serde_json::json!(0.01)),
            ("noise", serde_json::json!(0.2)),
        ] {
            assert_eq!(value(&run, key), Some(expected), "{key}");
        }
        assert_eq!(
            [value(&run, "lr_end"), value(&run, "data"), value(&run, "clip")],
            [None, None, None]
        );
        assert!(check("--by", "clip-range", [&run]).is_ok(), "other algorithms have it");
        assert!(check("--by", "sticky", [&run]).is_ok(), "a wrapper");
        let error = check("--by", "learning", [&run]).unwrap_err().to_string();
        assert_eq!(error, "--by learning: no run has such an option");
    }

    #[test]
    fn runs_differ_in_what_is_neither_seed_nor_plan() {
        let runs = [dqn(1, 0.01, 0.2), dqn(2, 0.01, 0.2)];
        assert_eq!(differing(&runs.each_ref()), [""; 0]);
        let runs = [dqn(1, 0.01, 0.2), dqn(1, 0.02, 0.2), dqn(2, 0.01, 0.0)];
        assert_eq!(differing(&runs.each_ref()), ["lr", "noise"]);
        // What another algorithm has otherwise does not tell two runs of one algorithm apart.
        let sarsa = info("sarsa", 1, serde_json::json!({"env": "gridworld", "alpha": 0.1}));
        assert_eq!(differing(&[&runs[0], &sarsa]), ["algorithm"]);
    }

    #[test]
    fn runs_are_described_by_their_settings() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let described = |of: &[&str]| described(&dqn(1, 0.01, 0.2), &keys(of));
        assert_eq!(
            described(&["algorithm", "learning-rate", "double"]),
            "dqn, learning rate 0.01, double"
        );
        assert_eq!(described(&["env", "lr_end"]), "gridworld, no lr end");
    }
}
