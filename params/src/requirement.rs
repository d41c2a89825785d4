//! Parameters that count only beside another one.
use crate::{Kind, flag, plain};
use serde_json::{Map, Value};

/// Values of another parameter without which a parameter counts for nothing.
///
/// ```
/// use params::Parameters as _;
///
/// params::parameters! {
///     /// A learner with parts.
///     pub struct Config {
///         /// Noise
///         noisy: bool = false;
///         /// Deviation of the noise
///         sigma: f64 = 0.5, in 0.0..=2.0, with noisy;
///         /// Form of the outputs
///         form: String = "mean".to_owned();
///         /// Number of outputs
///         outputs: usize = 51, with form = "atoms" | "quantiles";
///         /// Decay
///         decay: f64 = 0.0;
///         /// Steps of the decay
///         steps: u64 = 5, with decay not 0.0;
///     }
/// }
/// let fields = Config::fields();
/// let all: Vec<_> = fields.iter().filter_map(|field| field.requirement.as_ref()).collect();
/// let shown: Vec<_> = all.iter().map(|requirement| requirement.shown()).collect();
/// assert_eq!(shown, ["--noisy", "--form atoms or quantiles", "--decay other than 0.0"]);
/// let met = |config: Config| {
///     let config = serde_json::to_value(config).unwrap();
///     all.iter().map(|requirement| requirement.is_met(config.as_object().unwrap())).collect::<Vec<_>>()
/// };
/// assert_eq!(met(Config::default()), [false, false, false]);
/// assert_eq!(met(Config { noisy: true, decay: 0.1, ..Config::default() }), [true, false, true]);
/// assert_eq!(met(Config { form: "quantiles".into(), ..Config::default() }), [false, true, false]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// Name of the other parameter.
    pub parameter: &'static str,
    values: Vec<Value>,
    /// Every value but these will do.
    excluded: bool,
}

impl Requirement {
    /// The switch `parameter` has to be on.
    pub fn of(parameter: &'static str) -> Self {
        Self { parameter, values: vec![Value::from(true)], excluded: false }
    }

    /// It has to be one of `values`.
    #[must_use]
    pub fn among<const N: usize>(self, values: [impl Into<Value>; N]) -> Self {
        Self { values: values.map(Into::into).into(), ..self }
    }

    /// It has to be another value than `value`.
    #[must_use]
    pub fn other_than(self, value: impl Into<Value>) -> Self {
        Self { values: vec![value.into()], excluded: true, ..self }
    }

    /// Returns `true` if the other parameter, among `all`, has such a value.
    pub fn is_met(&self, all: &Map<String, Value>) -> bool {
        let value = all.get(self.parameter);
        value.is_some_and(|value| self.values.contains(value) != self.excluded)
    }

    /// The requirement as flags: `--prioritized`, `--distribution c51 or qr`, `--lambda other than 0.0`.
    pub fn shown(&self) -> String {
        let long = format!("--{}", flag(self.parameter));
        let values: Vec<_> = self.values.iter().map(plain).collect();
        match &self.values[..] {
            [Value::Bool(true)] if !self.excluded => long,
            _ if self.excluded => format!("{long} other than {}", values.join(", ")),
            _ => format!("{long} {}", values.join(" or ")),
        }
    }

    /// Returns `true` if a parameter of this kind may have the values.
    pub fn fits(&self, kind: &Kind) -> bool {
        self.values.iter().all(|value| kind.read(value).as_ref() == Ok(value))
    }
}
