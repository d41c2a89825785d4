//! Options of an environment, from keyword arguments.
use lab::registry::{EnvEntry, Options, Source, env};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use serde_json::Value;

/// The entry of an environment.
pub(crate) fn entry(name: &str) -> PyResult<&'static EnvEntry> {
    env(name).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Returns `true` if its observations are numbers of states.
pub(crate) fn has_states(entry: &EnvEntry) -> bool {
    matches!(entry.source, Source::Mdp(..))
}

/// Keyword arguments as options of `entry`.
pub(crate) fn read(entry: &EnvEntry, given: &Bound<'_, PyDict>) -> PyResult<Options> {
    let known: Vec<_> = (entry.options)().iter().map(|field| field.name).collect();
    given
        .iter()
        .map(|(name, value)| {
            let name: String = name.extract()?;
            if !known.contains(&name.as_str()) {
                let known = match known.as_slice() {
                    [] => "none".to_owned(),
                    known => known.join(", "),
                };
                let sentence = format!("{name}: {} has the options {known}", entry.name);
                return Err(PyTypeError::new_err(sentence));
            }
            Ok((name.clone(), plain(&name, &value)?))
        })
        .collect()
}

fn plain(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(Value::from(value.extract::<bool>()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Value::from(value.extract::<i64>()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Value::from(value.extract::<f64>()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::from(value.extract::<String>()?));
    }
    let kind = value.get_type().qualname()?;
    let sentence = format!("{name}: a number, a text, True, False or None is expected, not {kind}");
    Err(PyTypeError::new_err(sentence))
}
