//! Rust's errors as exceptions of Python, with the same sentence.
use lab::registry::BadOption;
use lab::train::{BadValue, Interrupted};
use lab::usage::Usage;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error: `ValueError` where the caller asked for something that can't be, `FileNotFoundError` where
/// a file is missing, else `RuntimeError`.
pub(crate) fn raised(py: Python<'_>, error: anyhow::Error) -> PyErr {
    if error.chain().any(|cause| cause.is::<Interrupted>()) {
        // The signal's own handler speaks first, if it has something to say.
        return py.check_signals().err().unwrap_or_else(|| PyKeyboardInterrupt::new_err(()));
    }
    if let Some(bad) = error.downcast_ref::<BadValue>() {
        return PyValueError::new_err(format!(
            "{}={}: {}",
            bad.name(),
            bad.value(),
            bad.expected()
        ));
    }
    if let Some(bad) = error.downcast_ref::<BadOption>() {
        let options = bad.options.iter().map(|(name, value)| format!("{name}={value}"));
        let options = options.collect::<Vec<_>>().join(", ");
        return PyValueError::new_err(format!("{options}: {}", bad.why));
    }
    let sentence = format!("{error:#}");
    let missing = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound)
    };
    if error.chain().any(|cause| cause.is::<Usage>()) {
        PyValueError::new_err(sentence)
    } else if error.chain().any(missing) {
        PyFileNotFoundError::new_err(sentence)
    } else {
        PyRuntimeError::new_err(sentence)
    }
}
