//! A thread that owns what was loaded and answers Python's questions.
//!
//! An agent or a model stays on one thread, and Python may ask from any; while it waits, Python's other threads run, and
//! Ctrl-C is heard.
use crate::errors;
use anyhow::Result;
use lab::loaded::Loaded;
use lab::train::pulse;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

type Job = Box<dyn FnOnce(&Loaded) + Send>;

/// The thread, which ends when this is dropped.
pub(crate) struct Worker(Sender<Job>);

/// Time after which Ctrl-C is looked for.
const PATIENCE: Duration = Duration::from_millis(50);

impl Worker {
    /// Starts the thread with what `open` loads.
    pub(crate) fn start(
        py: Python<'_>,
        open: impl FnOnce() -> Result<Loaded> + Send + 'static,
    ) -> PyResult<Self> {
        let (jobs, asked) = channel::<Job>();
        let (opened, answer) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&stop);
        std::thread::spawn(move || {
            let loaded = pulse::hearing(move || heard.load(Ordering::Relaxed), open);
            match loaded {
                Ok(loaded) => {
                    // Nobody waits any more where Ctrl-C was heard; then there are no jobs either.
                    let _ = opened.send(Ok(()));
                    asked.iter().for_each(|job| job(&loaded));
                }
                Err(error) => _ = opened.send(Err(error)),
            }
        });
        awaited(py, answer, &stop)?;
        Ok(Self(jobs))
    }

    /// The answer of `job`, computed on the thread.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&Loaded) -> Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let (answered, answer) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&stop);
        let job: Job = Box::new(move |loaded| {
            let result = pulse::hearing(move || heard.load(Ordering::Relaxed), || job(loaded));
            // Nobody waits any more where Ctrl-C was heard.
            let _ = answered.send(result);
        });
        self.0.send(job).map_err(|_| gone())?;
        awaited(py, answer, &stop)
    }
}

/// Waits for an answer; Ctrl-C raises `stop` and ends the wait.
fn awaited<T: Send>(py: Python<'_>, answer: Receiver<Result<T>>, stop: &AtomicBool) -> PyResult<T> {
    let mut answer = answer;
    loop {
        let waited;
        (waited, answer) = py.detach(move || (answer.recv_timeout(PATIENCE), answer));
        match waited {
            Ok(result) => return result.map_err(|error| errors::raised(py, error)),
            Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals().inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            }
        }
    }
}

/// The thread has panicked, and said why on standard error.
fn gone() -> PyErr {
    let sentence =
        "this model has failed inside; the message is on standard error. Load the run again";
    PyRuntimeError::new_err(sentence)
}
