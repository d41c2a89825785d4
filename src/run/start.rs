//! The start of a run, and of one that goes on.
use super::config::Config;
use super::machine::{Machine, Verbosity};
use super::session::{Session, if_already_run};
use super::{build, data};
use crate::registry::{Algorithm, as_part};
use anyhow::Result;
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime};
use train::{DeviceChoice, RunDir, RunInfo};

/// A run before it has a directory.
pub(crate) struct Start {
    pub(crate) algorithm: &'static Algorithm,
    pub(crate) config: Config,
    pub(crate) device: DeviceChoice,
    pub(crate) threads: Option<usize>,
    pub(crate) verbosity: Verbosity,
    /// TensorBoard's event files are written too.
    pub(crate) tensorboard: bool,
    /// The end of standard input interrupts the run, as Ctrl-C does.
    pub(crate) ends_with_input: bool,
    /// Time at which the command was started.
    pub(crate) begun: Instant,
}

/// Default name of the directory of a run.
pub(crate) fn name(algorithm: &Algorithm, config: &Config) -> String {
    format!("{}-{}-s{}", algorithm.name, as_part(config.subject()), config.seed())
}

impl Start {
    /// Makes a run directory, at `path` or under `runs/`, and trains in it.
    pub(crate) fn anew(self, path: Option<&Path>, out: &mut dyn Write) -> Result<u8> {
        let Self { algorithm, config, .. } = &self;
        let machine = Machine::prepare(self.device, self.threads)?;
        // Before the directory is made: wrong usage leaves nothing behind.
        let (mut record, mut notes) = (None, Vec::new());
        let load = || {
            let loaded = data::first(config)?;
            (record, notes) = (loaded.record, loaded.notes);
            Ok(loaded.dataset)
        };
        let trainee = build::trainee(algorithm, config, &machine.device, load)
            .map_err(|error| config.explained(error))?;
        let dir = RunDir::create(path, &name(algorithm, config))
            .map_err(|error| if_already_run(error, path, config))?;
        let info = RunInfo {
            algorithm: algorithm.name.to_owned(),
            subject: config.subject().to_owned(),
            seed: config.seed(),
            config: config.all.clone(),
            lab_version: env!("CARGO_PKG_VERSION").to_owned(),
            lab_commit: env!("LAB_COMMIT").to_owned(),
            device: train::device_name(&machine.device),
            threads: machine.threads,
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            data: data::remember(config, None, None, record)?,
        };
        dir.write_json("run.json", &info)?;
        if !self.verbosity.quiet {
            notes.extend(config.notes.iter().cloned());
            notes.extend(build::fault_of_own_environment(config)?);
            notes.extend(machine.note);
            data::tell(&notes);
        }
        self.session(dir, info).train(trainee, out)
    }

    /// Goes on with the run in `dir`, whose data were `moved` to there if they were.
    pub(crate) fn again(
        self,
        (dir, mut info): (RunDir, RunInfo),
        moved: Option<&str>,
        out: &mut dyn Write,
    ) -> Result<u8> {
        let Self { algorithm, config, .. } = &self;
        let machine = Machine::prepare(self.device, self.threads)?;
        let (mut record, mut notes) = (None, Vec::new());
        let saved = info.data.take();
        let trainee = build::trainee(algorithm, config, &machine.device, || {
            let loaded = data::again(dir.path(), config, saved.as_ref(), moved)?;
            (record, notes) = (loaded.record, loaded.notes);
            Ok(loaded.dataset)
        })?;
        info.data = data::remember(config, moved, saved.as_ref(), record)?;
        // A run that is stopped once more goes on towards the steps that were asked for last.
        info.config = config.all.clone();
        notes.extend(machine.note);
        let device = train::device_name(&machine.device);
        if info.device != device {
            let was = std::mem::replace(&mut info.device, device);
            let now = &info.device;
            notes.push(format!(
                "this run was on {was} and goes on on {now}: numbers are rounded differently there, so the result is \
                 not that of one device to the bit"
            ));
        }
        info.threads = machine.threads;
        dir.write_json("run.json", &info)?;
        if !self.verbosity.quiet {
            data::tell(&notes);
        }
        self.session(dir, info).train(trainee, out)
    }

    fn session(self, dir: RunDir, info: RunInfo) -> Session {
        let Self { algorithm, config, verbosity, tensorboard, ends_with_input, begun, .. } = self;
        Session { algorithm, config, dir, info, verbosity, tensorboard, ends_with_input, begun }
    }
}
