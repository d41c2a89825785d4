//! The module `_lab` of Python: environments, runs and the command line of lab.
//!
//! Python's own part, in `lab/`, names spaces and keeps Gymnasium's rules; all that is done for each environment is
//! done here.
mod actions;
mod arrays;
mod env;
mod errors;
mod model;
mod options;
mod vector;
mod worker;

use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The part of the package `lab` that is Rust.
#[pymodule]
mod _lab {
    #[pymodule_export]
    use super::env::Env;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::vector::VectorEnv;
    #[pymodule_export]
    use super::{environments, main, rows};
}

/// Runs the command line on arguments of which the first is the program's name: the exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| lab::App::new().run_on(arguments))
}

/// Name of an environment, a line about it, and its options with their defaults as JSON.
type Environment = (&'static str, &'static str, Vec<(&'static str, String)>);

/// Every environment.
#[pyfunction]
fn environments() -> Vec<Environment> {
    let option = |field: lab::params::Field| (field.name, field.default.to_string());
    let entry = |entry: &lab::registry::EnvEntry| {
        (entry.name, entry.about, (entry.options)().into_iter().map(option).collect())
    };
    lab::registry::envs().iter().map(entry).collect()
}

/// Steps, and each metric with NaN where a row does not have it.
type Columns = (Vec<u64>, BTreeMap<String, Vec<f64>>);

/// The rows of metrics of a run.
#[pyfunction]
fn rows(py: Python<'_>, run: PathBuf) -> PyResult<Columns> {
    let rows = py.detach(|| lab::render::plot::rows(&run.join("metrics.jsonl")));
    let rows = rows.map_err(|error| errors::raised(py, error))?;
    let mut metrics = BTreeMap::<String, Vec<f64>>::new();
    for name in rows.iter().flat_map(|row| row.values.keys()) {
        if !metrics.contains_key(name) {
            let of = |row: &lab::train::Row| row.values.get(name).copied().unwrap_or(f64::NAN);
            metrics.insert(name.clone(), rows.iter().map(of).collect());
        }
    }
    Ok((rows.iter().map(|row| row.step).collect(), metrics))
}
