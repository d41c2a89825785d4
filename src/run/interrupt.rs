//! Ctrl-C: the first one is heard, the second one ends the program.
use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use train::pulse;

/// Longest silence after Ctrl-C before a sentence is printed.
const PATIENCE: Duration = Duration::from_millis(600);

/// Listens for Ctrl-C and `kill`. A closed terminal is left to what the user chose: `nohup`, or the end.
pub(crate) struct Interrupts {
    /// Raised by the first one.
    stop: Arc<AtomicBool>,
    /// The next one ends the program.
    at_once: Arc<AtomicBool>,
    /// Ctrl-C was pressed since.
    heard: Arc<AtomicBool>,
}

impl Interrupts {
    /// From now on the first one is heard, the second one ends the program.
    pub(crate) fn listen() -> Result<Self> {
        let [stop, at_once, heard] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        let listen = || -> std::io::Result<Signals> {
            for signal in [SIGINT, SIGTERM] {
                flag::register_conditional_shutdown(signal, 130, Arc::clone(&at_once))?;
                flag::register(signal, Arc::clone(&at_once))?;
                flag::register(signal, Arc::clone(&stop))?;
            }
            Signals::new([SIGINT, SIGTERM])
        };
        let mut signals = listen().context("cannot listen for Ctrl-C")?;
        let asked = Arc::clone(&heard);
        std::thread::spawn(move || {
            if signals.forever().next().is_some() {
                std::thread::sleep(PATIENCE);
                if !asked.load(Ordering::Relaxed) {
                    let sentence =
                        "stopping as soon as this step is over; Ctrl-C once more ends at once";
                    // Nobody reads standard error: no reason not to stop.
                    let _ = writeln!(std::io::stderr(), "note: {sentence}");
                }
            }
        });
        Ok(Self { stop, at_once, heard })
    }

    /// Hears the end of standard input as the first one: the process that holds its other end is gone, or wants this one to
    /// stop.
    pub(crate) fn hear_end_of_input(&self) {
        let stop = Arc::clone(&self.stop);
        std::thread::spawn(move || {
            // An error ends it too.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// Does `work`, which is interrupted by the first one.
    pub(crate) fn hearing<T>(&self, work: impl FnOnce() -> T) -> T {
        let (stop, heard) = (Arc::clone(&self.stop), Arc::clone(&self.heard));
        let stopped = move || {
            let stopped = stop.load(Ordering::Relaxed);
            if stopped {
                heard.store(true, Ordering::Relaxed);
            }
            stopped
        };
        pulse::hearing(stopped, work)
    }

    /// Returns `true` if Ctrl-C was pressed.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// From now on the first one ends the program: all that counts is written.
    pub(crate) fn end_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }
}
