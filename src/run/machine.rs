//! The device and the threads of a run, and how its progress is told.
use anyhow::Result;
use candle_core::Device;
use std::io::{IsTerminal as _, Write};
use train::{Bar, DeviceChoice, Ends, Lines, Notes, OpenDevice, Sink};

/// Amount and form of output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verbosity {
    /// No progress is shown.
    pub(crate) quiet: bool,
    /// The result is one JSON object.
    pub(crate) json: bool,
}

/// Device and threads of a run.
pub(crate) struct Machine {
    pub(crate) device: Device,
    pub(crate) threads: usize,
    /// Why `--device auto` took this device, for the user.
    pub(crate) note: Option<String>,
}

impl Machine {
    /// Opens the device and starts the threads.
    pub(crate) fn prepare(device: DeviceChoice, threads: Option<usize>) -> Result<Self> {
        let threads = start(threads)?;
        let OpenDevice { device, note } = device.open()?;
        Ok(Self { device, threads, note })
    }
}

/// Starts the threads to compute on, one per core unless told otherwise: how many there are.
pub(crate) fn start(threads: Option<usize>) -> Result<usize> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores);
    train::BadValue::outside("threads", threads, 1..=1024)?;
    // The main thread computes too, instead of waiting for the others.
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global()?;
    Ok(threads)
}

/// Progress sink on standard error, counted in `unit`.
pub(crate) fn progress(unit: &'static str, ends: Ends, quiet: bool) -> Box<dyn Sink> {
    match (quiet, std::io::stderr().is_terminal()) {
        (true, _) => Box::new(Notes),
        (false, true) => Box::new(Bar::new(unit, ends)),
        (false, false) => Box::new(Lines::new(unit, ends)),
    }
}

/// Tells on standard error; who does not read it does without.
pub(crate) fn tell(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{sentence}");
}
