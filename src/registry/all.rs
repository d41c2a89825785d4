//! All there is: the tables of lab, and the entries of a user's own.
use super::Fields;
use super::algorithms::{ALGORITHMS, Algorithm};
use super::data::{DATA, DataEntry};
use super::environments::{ENVS, EnvEntry, GYM};
use super::job::Subject;
use crate::usage::Usage;
use envs::{GymOptions, WrapperConfig};
use params::{Field, Parameters as _};
use std::sync::OnceLock;

static ALL: OnceLock<Tables> = OnceLock::new();

/// Entries, each table by name.
#[derive(Default, Clone)]
pub(crate) struct Tables {
    pub(crate) envs: Vec<EnvEntry>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) data: Vec<DataEntry>,
}

impl Tables {
    /// The tables of lab, and `own`.
    fn with(own: Self) -> Self {
        let mut all =
            Self { envs: ENVS.to_vec(), algorithms: ALGORITHMS.to_vec(), data: DATA.to_vec() };
        all.envs.extend(own.envs);
        all.algorithms.extend(own.algorithms);
        all.data.extend(own.data);
        all.envs.sort_by_key(|entry| entry.name);
        all.algorithms.sort_by_key(|entry| entry.name);
        all.data.sort_by_key(|entry| entry.name);
        all
    }
}

fn all() -> &'static Tables {
    ALL.get_or_init(|| Tables::with(Tables::default()))
}

/// Adds entries of a user's own, before any is looked up.
///
/// # Errors
/// If a name is taken or no name for a command line, or the tables were read before.
pub(crate) fn add(own: Tables) -> Result<(), Usage> {
    if own.envs.is_empty() && own.algorithms.is_empty() && own.data.is_empty() {
        return Ok(());
    }
    let names = own.envs.iter().map(|entry| entry.name);
    let names = names.chain(own.algorithms.iter().map(|entry| entry.name));
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let sound =
        |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits);
    if let Some(name) =
        names.chain(own.data.iter().map(|entry| entry.name)).find(|name| !sound(name))
    {
        let expected = "a lower-case letter, then letters, digits and hyphens are expected";
        return Err(Usage(format!("the name `{name}`: {expected}")));
    }
    let all = Tables::with(own);
    let twice = |names: Vec<&'static str>| {
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| {
            Err(Usage(format!(
                "the name {} is taken: another entry has it, of lab or of this program",
                pair[0]
            )))
        })
    };
    twice(all.envs.iter().map(|entry| entry.name).collect())?;
    twice(all.algorithms.iter().map(|entry| entry.name).collect())?;
    twice(all.data.iter().map(|entry| entry.name).collect())?;
    ALL.set(all).map_err(|_| Usage("entries are added before the first run".to_owned()))
}

/// Every environment, by name.
pub fn envs() -> &'static [EnvEntry] {
    &all().envs
}

/// Every algorithm, by name.
pub fn algorithms() -> &'static [Algorithm] {
    &all().algorithms
}

/// Every data set, by name.
pub fn data_sets() -> &'static [DataEntry] {
    &all().data
}

/// The environment that goes by `name`, here or in Gymnasium.
///
/// # Errors
/// [`Usage`], with the nearest name.
pub fn env(name: &str) -> Result<&'static EnvEntry, Usage> {
    let found = envs().iter().find(|entry| entry.is_called(name));
    found.ok_or_else(|| {
        // A name in the style of an id is near an id.
        let ids = envs().iter().flat_map(|entry| entry.ids).copied();
        let (version, names) = (name.contains("-v"), envs().iter().map(|entry| entry.name));
        let known: Vec<_> = if version { ids.collect() } else { names.collect() };
        // The part before the slash may have been left out, which makes more of a difference than an error of typing.
        let is_short = |id: &&&str| id.rsplit('/').next().is_some_and(|end| is_near(end, name));
        match known.iter().filter(|id| id.contains('/')).find(is_short) {
            Some(id) if !name.contains('/') => {
                Usage(format!("unknown environment `{name}`; did you mean `{id}`?"))
            }
            _ => Usage::unknown("environment", name, known.into_iter()),
        }
    })
}

/// Returns `true` if `end` and `name` differ in the version at most, as `Breakout-v1` and `breakout-v4`.
fn is_near(end: &str, name: &str) -> bool {
    let bare = |id: &str| id.rsplit_once("-v").map_or(id, |(bare, _)| bare).to_lowercase();
    bare(end) == bare(name)
}

/// Returns `true` if `key` is an option that wraps environments.
pub(crate) fn wraps(key: &str) -> bool {
    WrapperConfig::fields().iter().any(|field| field.name == key)
}

/// Returns `true` if this program has entries of its own beside lab's.
pub(crate) fn has_own() -> bool {
    let Tables { envs, algorithms, data } = all();
    envs.len() + algorithms.len() + data.len() > ENVS.len() + ALGORITHMS.len() + DATA.len()
}

/// Returns `true` if the environment `name` is one of this program's, and not of lab's.
pub fn is_own_env(name: &str) -> bool {
    ENVS.iter().all(|entry| entry.name != name) && envs().iter().any(|entry| entry.name == name)
}

/// The algorithm `name`.
///
/// # Errors
/// [`Usage`], with the nearest name.
pub fn algorithm(name: &str) -> Result<&'static Algorithm, Usage> {
    let known =
        |algorithm: &&Algorithm| algorithm.name == name || algorithm.aliases.contains(&name);
    let names = algorithms().iter().map(|algorithm| algorithm.name);
    algorithms().iter().find(known).ok_or_else(|| Usage::unknown("algorithm", name, names))
}

/// The data set `name`.
///
/// # Errors
/// [`Usage`], with the nearest name.
pub fn data_set(name: &str) -> Result<&'static DataEntry, Usage> {
    super::find("data set", name, data_sets(), |entry| entry.name)
}

/// The options of all environments that sample their outcomes, beside their own.
pub(crate) fn wrappers(kind: Subject) -> Vec<Field> {
    match kind {
        Subject::Env => WrapperConfig::fields(),
        Subject::Data => Vec::new(),
    }
}

/// The name and the options of everything that can be learned from.
pub fn subjects(kind: Subject) -> Vec<(&'static str, Fields)> {
    match kind {
        Subject::Env => {
            let own = envs().iter().map(|entry| (entry.name, entry.options));
            own.chain([(GYM, GymOptions::fields as Fields)]).collect()
        }
        Subject::Data => data_sets().iter().map(|entry| (entry.name, entry.options)).collect(),
    }
}
