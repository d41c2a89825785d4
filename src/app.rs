//! lab with environments, algorithms and data sets of a user's own.
use crate::cli;
use crate::registry::{Algorithm, DataEntry, EnvEntry, Tables};
use envs::{Env, Mdp};
use params::Parameters;
use std::ffi::OsString;
use std::process::ExitCode;

/// The program `lab`, with entries of a user's own: they train, play, are scored, resumed and drawn like lab's.
///
/// ```no_run
/// use lab::prelude::*;
/// # type MyEnv = Catch;
///
/// fn main() -> std::process::ExitCode {
///     lab::App::new().env::<MyEnv>("my-env", "An environment of my own").run()
/// }
/// ```
///
/// `cargo run -- dqn --env my-env` then trains in it.
#[derive(Default)]
pub struct App {
    own: Tables,
}

impl App {
    /// lab as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an environment without options. `about` is its line in `lab list envs`.
    pub fn env<E: Env + Default + 'static>(self, name: &'static str, about: &'static str) -> Self {
        self.environment(EnvEntry::of::<E>(name, about))
    }

    /// Adds an environment that is made from its options, which become flags.
    pub fn env_with_options<C, E>(self, name: &'static str, about: &'static str) -> Self
    where
        C: Parameters + Clone + 'static,
        E: Env + From<C> + 'static,
    {
        self.environment(EnvEntry::with_options::<C, E>(name, about))
    }

    /// Adds a problem whose outcomes are known: planners solve it, and learners play it, for `time_limit` steps
    /// at most.
    pub fn mdp<M: Mdp + Default + 'static>(
        self,
        name: &'static str,
        about: &'static str,
        time_limit: u32,
    ) -> Self {
        self.environment(EnvEntry::known::<M>(name, about, time_limit))
    }

    /// Adds an environment by its entry.
    pub fn environment(mut self, entry: EnvEntry) -> Self {
        self.own.envs.push(entry);
        self
    }

    /// Adds an algorithm, which becomes a subcommand.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.own.algorithms.push(algorithm);
        self
    }

    /// Adds a data set.
    pub fn data(mut self, entry: DataEntry) -> Self {
        self.own.data.push(entry);
        self
    }

    /// Runs the command line on the process's arguments.
    pub fn run(self) -> ExitCode {
        ExitCode::from(self.run_on(std::env::args_os().collect()))
    }

    /// Runs the command line on other arguments, of which the first is the program's name: its exit code. Help, and
    /// arguments that can't be read, end the process.
    pub fn run_on(self, arguments: Vec<OsString>) -> u8 {
        nn::prepare_process();
        cli::main(self.own, arguments)
    }
}
