//! A training command as a line of text: `lab ALGORITHM --env NAME --steps 1000`.
use super::config::Config;
use super::layer::Layer;
use crate::registry::{self, Algorithm};
use crate::usage::Usage;
use anyhow::{Context, Result};
use std::path::Path;

/// The algorithm that a line names, by its name or a shorter one, and the configuration.
///
/// # Errors
/// The sentences of the command line.
pub(crate) fn configured(line: &str) -> Result<(&'static Algorithm, Config)> {
    let mut words = line.split_whitespace().peekable();
    words.next_if_eq(&"lab");
    let name = words.next().context("an algorithm is expected")?;
    let algorithm = registry::algorithm(name)?;
    let (mut typed, mut preset, mut file) = (Vec::new(), None, None);
    while let Some(word) = words.next() {
        let flag =
            word.strip_prefix("--").ok_or_else(|| Usage(format!("{word}: a flag is expected")))?;
        // A switch needs no value.
        let value = words.next_if(|next| !next.starts_with("--")).unwrap_or("true");
        match flag {
            "preset" => preset = Some(value),
            "config" => file = Some(Path::new(value)),
            flag => typed.push((flag.to_owned(), value.to_owned())),
        }
    }
    let config = Config::resolve(algorithm, Layer::typed(algorithm, typed)?, preset, file)?;
    Ok((algorithm, config))
}
