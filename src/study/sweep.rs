//! Sweeps: runs whose settings a file varies, by a grid, evenly drawn, or searched for. Here is what the file says; [`rounds`](super::rounds)
//! makes runs of it.
use super::median::MedianRule;
use super::seeds;
use super::space::{Dimension, Range};
use super::tpe;
use crate::registry::{self, Algorithm, Options, Subject};
use crate::run::config::Config;
use crate::run::layer::{Layer, Source, fields};
use crate::usage::Usage;
use anyhow::Result;
use params::{Kind, canonical};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use train::stream;

/// Most configurations of a sweep.
const MOST: usize = seeds::MOST;

/// A sweep, as `study.json` keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sweep {
    /// Name of its file.
    file: String,
    pub(crate) method: Method,
    pub(super) seeds: Vec<u64>,
    /// Configurations in all.
    configurations: usize,
    /// Configurations of a round, of a search or where the median rule stops some.
    round: usize,
    /// Seed of what is drawn.
    seed: u64,
    /// At each rung one configuration in so many goes on, for so many times as many steps.
    pub(super) halving: Option<u64>,
    /// Configurations that do worse than half of the earlier ones are stopped on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) median: Option<MedianRule>,
    /// Seconds of training in all after which no run is begun.
    pub(crate) seconds: Option<f64>,
    /// Settings of all runs.
    settings: Options,
    pub(crate) space: Vec<Dimension>,
}

/// Choice of configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// Every combination of the values listed.
    Grid,
    /// Drawn evenly.
    Random,
    /// Drawn near those that scored well.
    Tpe,
}

/// Values of a configuration, in the order of the space.
pub(crate) type Point = Vec<Value>;

impl Sweep {
    /// Reads a file: settings of all runs as in `--config`, `[space]` with what is varied, `[sweep]` with how.
    ///
    /// # Errors
    /// [`Usage`], which names the file and the key.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let wrong = |why: &str| Usage(format!("{file}: {why}"));
        let text = train::read_text(path)?;
        let table = text.parse::<toml::Table>().map_err(|error| wrong(&error.to_string()))?;
        let mut settings: Options =
            table.try_into().map_err(|_| wrong("a number is not finite"))?;
        let mut section = |name: &str| match settings.remove(name) {
            None => Ok(Options::new()),
            Some(Value::Object(section)) => Ok(section),
            Some(_) => Err(wrong(&format!("[{name}] is a table"))),
        };
        let (sweep, varied) = (section("sweep")?, section("space")?);
        if settings.contains_key("seed") || settings.contains_key("seeds") {
            return Err(wrong("seeds are those of [sweep]: seeds = \"1..5\"").into());
        }
        if let Some(key) =
            varied.keys().find(|key| settings.contains_key(*key) && !varied[*key].is_object())
        {
            return Err(
                wrong(&format!("{key} is both a setting of all runs and in [space]")).into()
            );
        }
        let how: How = serde_json::from_value(Value::Object(sweep))
            .map_err(|error| wrong(&format!("[sweep]: {error}")))?;
        if varied.is_empty() {
            return Err(wrong("[space] names nothing to vary, as in lr = [1e-3, 1e-4]").into());
        }
        let mut sweep = Self {
            seeds: match &how.seeds {
                Some(text) => seeds::parse(text).map_err(|error| {
                    let why = error.to_string();
                    wrong(&format!("[sweep]: {}", why.replacen("--seeds", "seeds =", 1)))
                })?,
                None => vec![1],
            },
            file: file.clone(),
            method: how.method,
            configurations: 0,
            round: how.round,
            seed: how.seed,
            halving: how.halving,
            median: how.median(&wrong)?,
            seconds: how.time.as_deref().map(time).transpose().map_err(|why| wrong(&why))?,
            settings,
            space: Vec::new(),
        };
        sweep.space = sweep.dimensions(varied)?;
        sweep.configurations = match (how.method, how.configurations) {
            (Method::Grid, None) => sweep.grid_size()?,
            (Method::Grid, Some(_)) => {
                return Err(
                    wrong("[sweep]: configurations: a grid has as many as its lists give").into()
                );
            }
            (_, Some(n @ 1..=MOST)) => n,
            (_, Some(_)) => {
                return Err(
                    wrong(&format!("[sweep]: configurations must be from 1 to {MOST}")).into()
                );
            }
            (_, None) => {
                return Err(
                    wrong("[sweep]: configurations = N is missing: how many to draw").into()
                );
            }
        };
        let subject =
            sweep.space.iter().find(|dimension| ["env", "data"].contains(&dimension.key.as_str()));
        if let Some(Dimension { key, .. }) = subject
            && (how.method == Method::Tpe || how.halving.or(how.median).is_some())
        {
            let why = format!(
                "[space] {key}: scores of different ones can't be ranked; make a sweep of each"
            );
            return Err(wrong(&why).into());
        }
        if how.halving.or(how.median).is_some()
            && sweep.space.iter().any(|dimension| dimension.key == "steps")
        {
            let why = "[space] steps: scores after different steps can't be ranked, so neither halving nor median goes with it";
            return Err(wrong(why).into());
        }
        if sweep.seconds == Some(0.0) {
            return Err(wrong("[sweep]: time must be above 0").into());
        }
        if how.round == 0 || how.halving.is_some_and(|part| part < 2) {
            return Err(wrong("[sweep]: round must be at least 1, halving at least 2").into());
        }
        Ok(sweep)
    }

    /// The dimensions that `[space]` names.
    fn dimensions(&self, varied: Options) -> Result<Vec<Dimension>> {
        let mut all: Vec<(String, Value)> = Vec::new();
        let args = [Subject::Env, Subject::Data].map(Subject::args_key);
        for (key, value) in varied {
            match value {
                Value::Object(options) if args.contains(&key.as_str()) => {
                    all.extend(
                        options.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)),
                    );
                }
                value => all.push((key, value)),
            }
        }
        let algorithm = self.settings.get("algorithm").and_then(Value::as_str);
        let fields = match algorithm {
            Some(name) => fields(registry::algorithm(name)?),
            None => Vec::new(),
        };
        let dimension = |(key, value): (String, Value)| {
            let wrong = |why: String| Usage(format!("{}: [space] {key}: {why}", self.file));
            if ["seed", "seeds"].contains(&key.as_str()) {
                return Err(wrong("seeds are those of [sweep]: seeds = \"1..5\"".to_owned()));
            }
            let name = canonical(&key, fields.iter().map(|field| field.name));
            let field = fields.iter().find(|field| Some(field.name) == name);
            let whole = field.and_then(|field| match field.kind {
                Kind::Whole(_) => Some(true),
                Kind::Number => Some(false),
                _ => None,
            });
            let range = Range::read(&value, whole).map_err(wrong)?;
            if let (Method::Grid, Range::Between { .. }) = (self.method, &range) {
                return Err(wrong(
                    "a grid needs lists; ranges are for method = \"random\" or \"tpe\"".to_owned(),
                ));
            }
            Ok(Dimension { key: name.map_or(key.clone(), str::to_owned), range })
        };
        Ok(all.into_iter().map(dimension).collect::<Result<_, _>>()?)
    }

    fn grid_size(&self) -> Result<usize, Usage> {
        let sizes = self.space.iter().map(|dimension| match &dimension.range {
            Range::List(values) => values.len(),
            Range::Between { .. } => 0,
        });
        let size = sizes.fold(1, usize::saturating_mul);
        match size {
            0..=MOST => Ok(size),
            _ => Err(Usage(format!(
                "{}: the grid has {size} configurations; at most {MOST} make a sweep",
                self.file
            ))),
        }
    }

    /// The configurations that a sweep begins with.
    pub(super) fn first(&self) -> Vec<Point> {
        self.round(0, &[])
    }

    /// Test whether configurations are added once others are over.
    pub(super) fn is_in_rounds(&self) -> bool {
        self.method == Method::Tpe || self.median.is_some()
    }

    /// The configurations of a round, after all that were scored before, the best first. Those of a grid and of even draws are
    /// the same in rounds or at once.
    pub(super) fn round(&self, round: usize, scored: &[Point]) -> Vec<Point> {
        let before = scored.len();
        let left = self.configurations.saturating_sub(before);
        let n = match self.median {
            Some(rule) if round == 0 => rule.startup.min(left),
            _ if self.is_in_rounds() => self.round.min(left),
            _ => left,
        };
        match self.method {
            Method::Grid => (before..before + n).map(|i| self.grid_point(i)).collect(),
            Method::Random => {
                let all = self.drawn(self.configurations, 0, &[]).into_iter();
                all.skip(before).take(n).collect()
            }
            Method::Tpe => self.drawn(n, round, scored),
        }
    }

    /// Algorithm and configuration of the first run, with where each value comes from.
    ///
    /// # Errors
    /// [`Usage`], if a setting is unknown or out of its range.
    pub(crate) fn example(&self) -> Result<(&'static Algorithm, Config)> {
        self.resolved(&self.first()[0])
    }

    /// The configuration of this number in a grid, of which the last setting varies fastest.
    fn grid_point(&self, mut number: usize) -> Point {
        let mut point: Point = self
            .space
            .iter()
            .rev()
            .map(|dimension| match &dimension.range {
                Range::List(values) => {
                    let value = values[number % values.len()].clone();
                    number /= values.len();
                    value
                }
                range @ Range::Between { .. } => range.at(0.5),
            })
            .collect();
        point.reverse();
        point
    }

    /// `n` configurations of a round, after others that were scored, the best first; of two that are the same, one.
    fn drawn(&self, n: usize, round: usize, scored: &[Point]) -> Vec<Point> {
        let mut rng = stream(self.seed, &format!("sweep/{round}"));
        let mut points: Vec<Point> = Vec::new();
        // In a small space nothing new may be left.
        for _ in 0..100 * n {
            if points.len() == n {
                break;
            }
            let point = tpe::propose(&self.space, scored, &mut rng);
            if !points.contains(&point) && !scored.contains(&point) {
                points.push(point);
            }
        }
        points
    }

    /// The algorithm and the configuration at a point.
    pub(super) fn resolved(&self, point: &[Value]) -> Result<(&'static Algorithm, Config)> {
        let mut options = self.settings.clone();
        for (Dimension { key, .. }, value) in self.space.iter().zip(point) {
            match key.split_once('.') {
                Some((args, key)) => {
                    let args = options.entry(args).or_insert_with(|| Value::Object(Options::new()));
                    if let Value::Object(args) = args {
                        args.insert(key.to_owned(), value.clone());
                    }
                }
                None => _ = options.insert(key.clone(), value.clone()),
            }
        }
        let name = options.remove("algorithm");
        let Some(name) = name.as_ref().and_then(Value::as_str) else {
            let why = "algorithm is missing, as in algorithm = \"ppo\"";
            return Err(Usage(format!("{}: {why}", self.file)).into());
        };
        let algorithm = registry::algorithm(name)?;
        let layer = Layer::of(options, &Source::Sweep(self.file.clone()), algorithm)?;
        Ok((algorithm, Config::resolve(algorithm, layer, None, None)?))
    }
}

/// `[sweep]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    #[serde(default = "How::method")]
    method: Method,
    seeds: Option<String>,
    configurations: Option<usize>,
    #[serde(default = "How::round")]
    round: usize,
    #[serde(default)]
    seed: u64,
    halving: Option<u64>,
    median: Option<u64>,
    startup: Option<usize>,
    warmup: Option<u64>,
    time: Option<String>,
}

impl How {
    fn method() -> Method {
        Method::Grid
    }

    fn round() -> usize {
        8
    }

    /// The median rule, with the numbers that Optuna's has by default.
    fn median(&self, wrong: &dyn Fn(&str) -> Usage) -> Result<Option<MedianRule>, Usage> {
        let Self { halving, median, startup, warmup, .. } = *self;
        let refused = |why: &str| Err(wrong(&format!("[sweep]: {why}")));
        match median {
            None if startup.is_some() => refused("startup is of the median rule; add median = N"),
            None if warmup.is_some() => refused("warmup is of the median rule; add median = N"),
            None => Ok(None),
            Some(_) if halving.is_some() => {
                refused("either halving or median stops configurations")
            }
            Some(0 | 1) => refused("median must be at least 2"),
            Some(_) if startup == Some(0) => refused("startup must be at least 1"),
            Some(checks) => Ok(Some(MedianRule {
                checks,
                startup: startup.unwrap_or(5),
                warmup: warmup.unwrap_or(0),
            })),
        }
    }
}

fn time(text: &str) -> Result<f64, String> {
    let time = humantime::parse_duration(text).map(|time| time.as_secs_f64());
    time.map_err(|error| format!("[sweep]: time = \"{text}\": {error}, as in \"2h 30m\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sweep> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s.toml");
        std::fs::write(&path, text).unwrap();
        Sweep::read(&path)
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let sweep = read(
            "algorithm = 'dqn'\nenv = 'catch'\n[space]\nlr = [0.1, 0.2]\nbatch = [8, 16, 32]\n",
        )
        .unwrap();
        let points = sweep.first();
        assert_eq!(
            serde_json::json!(points).to_string(),
            "[[8,0.1],[8,0.2],[16,0.1],[16,0.2],[32,0.1],[32,0.2]]"
        );
        let (algorithm, config) = sweep.resolved(&points[3]).unwrap();
        assert_eq!(
            (algorithm.name, &config.all["lr"], &config.all["batch"]),
            ("dqn", &0.2.into(), &16.into())
        );
    }

    #[test]
    fn rounds_of_the_median_rule_are_those_of_no_rule_in_parts() {
        for method in ["grid", "random"] {
            let n = if method == "random" { "configurations = 9\n" } else { "" };
            let file = |rule: &str| {
                let space = "lr = [0.1, 0.2, 0.3]\nbatch = [8, 16, 32]\n";
                let sweep = format!("[sweep]\nmethod = '{method}'\nround = 4\n{n}{rule}");
                read(&format!("algorithm = 'dqn'\nenv = 'catch'\n[space]\n{space}{sweep}")).unwrap()
            };
            let whole = file("").first();
            let sweep = file("median = 3\nstartup = 2\n");
            assert_eq!(sweep.median, Some(MedianRule { checks: 3, startup: 2, warmup: 0 }));
            let mut all = sweep.first();
            assert_eq!((all.len(), whole.len()), (2, 9));
            for (round, n) in [(1, 6), (2, 9), (3, 9)] {
                // In whatever order they are ranked.
                let ranked: Vec<_> = all.iter().rev().cloned().collect();
                all.extend(sweep.round(round, &ranked));
                assert_eq!(all.len(), n, "{method}");
            }
            assert_eq!(all, whole);
        }
        let by_default =
            read("algorithm='dqn'\nenv='catch'\n[space]\nlr=[1.0]\n[sweep]\nmedian=4\n").unwrap();
        assert_eq!(by_default.median, Some(MedianRule { checks: 4, startup: 5, warmup: 0 }));
    }

    #[test]
    fn what_is_drawn_is_in_the_space_and_the_same_again() {
        let text = "algorithm = 'dqn'\nenv = 'catch'\n[space]\nlearning_rate = { low = 1e-4, high = 1, scale = 'log' }\n\
                    batch = { low = 8, high = 64 }\n[space.env_args]\nsticky = [0.0, 0.1]\n\
                    [sweep]\nmethod = 'random'\nconfigurations = 50\ntime = '2h 30m'\nseeds = '1..3'\n";
        let sweep = read(text).unwrap();
        assert_eq!((sweep.seconds, &sweep.seeds[..]), (Some(9000.0), &[1, 2, 3][..]));
        let points = sweep.first();
        assert_eq!(points.len(), 50);
        assert_eq!(points, read(text).unwrap().first());
        for point in &points {
            let (_, config) = sweep.resolved(point).unwrap();
            let (lr, batch) =
                (config.all["lr"].as_f64().unwrap(), config.all["batch"].as_u64().unwrap());
            assert!((1e-4..=1.0).contains(&lr) && (8..=64).contains(&batch));
            assert!([0.0, 0.1].contains(&config.all["env_args"]["sticky"].as_f64().unwrap()));
        }
        // A third of the learning rates lies in each of the last decades or so.
        let small = points.iter().filter(|point| point[2].as_f64().unwrap() < 1e-2).count();
        assert!((15..=35).contains(&small), "{small}");
        // A small space is exhausted.
        let few = read(
            "algorithm='dqn'\nenv='catch'\n[space]\nbatch=[8, 16]\n[sweep]\nmethod='random'\nconfigurations=9\n",
        );
        assert_eq!(few.unwrap().first().len(), 2);
    }

    #[test]
    fn what_is_no_sweep_is_refused_by_name() {
        for (text, why) in [
            ("", "[space] names nothing to vary"),
            ("space = 3", "[space] is a table"),
            ("[space]\nlr = []", "[space] lr: it lists no value"),
            ("[space]\nseed = [1]", "[space] seed: seeds are those of [sweep]"),
            ("[space]\nlr = {low=1, high=2}", "[space] lr: a grid needs lists"),
            ("[space]\nlr = [1]\n[sweep]\nmethod = 'ga'", "[sweep]: unknown variant `ga`"),
            ("[space]\nlr = [1]\n[sweep]\nfoo = 1", "[sweep]: unknown field `foo`"),
            (
                "[space]\nlr = [1]\n[sweep]\nconfigurations = 3",
                "a grid has as many as its lists give",
            ),
            ("[space]\nlr = [1]\n[sweep]\nmethod = 'tpe'", "configurations = N is missing"),
            ("[space]\nlr = [1]\n[sweep]\nmethod = 'tpe'\nconfigurations = 0", "from 1 to 10000"),
            ("[space]\nlr = [1]\n[sweep]\nseeds = '2..1'", "[sweep]: seeds = 2..1: 2..1 goes down"),
            ("[space]\nlr = [1]\n[sweep]\ntime = 'long'", "[sweep]: time = \"long\""),
            ("[space]\nlr = [1]\n[sweep]\nhalving = 1", "halving at least 2"),
            ("[space]\nlr = [1]\n[sweep]\nmedian = 1", "median must be at least 2"),
            ("[space]\nlr = [1]\n[sweep]\nmedian = 4\nstartup = 0", "startup must be at least 1"),
            ("[space]\nlr = [1]\n[sweep]\nstartup = 2", "startup is of the median rule"),
            ("[space]\nlr = [1]\n[sweep]\nwarmup = 2", "warmup is of the median rule"),
            ("[space]\nlr = [1]\n[sweep]\nmedian = 4\nhalving = 2", "either halving or median"),
            (
                "[space]\nsteps = [1]\n[sweep]\nmedian = 4",
                "[space] steps: scores after different steps",
            ),
            ("[space]\nlr = [1, 1]", "[space] lr: 1 is listed twice"),
            ("seed = 3\n[space]\nlr = [1]", "seeds are those of [sweep]"),
            ("lr = 0.1\n[space]\nlr = [1]", "lr is both a setting of all runs and in [space]"),
            (
                "[space]\nenv = ['catch', 'chain']\n[sweep]\nhalving = 2",
                "[space] env: scores of different ones",
            ),
            ("[space]\nlr = [1]\n[sweep]\ntime = '0s'", "time must be above 0"),
            ("[space]\nlr = [", "TOML parse error"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.is::<Usage>(), "{error:#}");
            let error = error.to_string();
            assert!(error.contains("s.toml: ") && error.contains(why), "{text}: {error}");
        }
        let many = (0..4)
            .map(|i| format!("k{i} = {:?}\n", (0..20).collect::<Vec<_>>()))
            .collect::<String>();
        let error = read(&format!("[space]\n{many}")).unwrap_err().to_string();
        assert!(error.contains("the grid has 160000 configurations; at most 10000"), "{error}");
    }
}
