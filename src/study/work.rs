//! Making the runs of a study, each in a process of its own.
use super::info::{Member, Study};
use super::rounds::{Next, advance};
use crate::run::interrupt::Interrupts;
use crate::run::machine::Verbosity;
use crate::run::start::Start;
use crate::run::state::State;
use anyhow::{Context, Result};
use std::io::{Read as _, Write as _, sink};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use train::{DeviceChoice, Diverged, Held, RunDir};

/// Time between two looks at whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// Time between two looks at runs that others make.
const WAIT: Duration = Duration::from_millis(500);

/// Longest sentence about a failure.
const LONGEST: usize = 2_000;

/// Exit code of the process of a run that diverged, for the worker that started it.
const DIVERGED: i32 = 3;

/// Exit code of a process that came too late: another worker has made its run since, or makes it.
const TAKEN: i32 = 4;

/// Processes that make runs, and what each of them has.
#[derive(Debug, Clone)]
pub(crate) struct Crew {
    /// Runs that are made at once.
    pub(crate) jobs: usize,
    /// Threads of each.
    pub(crate) threads: usize,
    pub(crate) device: String,
    /// Runs that failed are tried again.
    pub(crate) again: bool,
}

/// Event in the life of a run.
pub(crate) enum Event {
    Began,
    /// It is done, failed or diverged.
    Over(State),
    /// It was interrupted, or another worker has it.
    Left,
}

/// Makes the runs that are neither done nor held by another worker, those that a sweep adds when they are over too;
/// `tell` hears what happens to which, and of nothing while nothing happens. Whether it was interrupted.
///
/// # Errors
/// If a process can't be started, or the study can't be written.
pub(crate) fn work(
    study: &mut Study,
    crew: &Crew,
    mut tell: impl FnMut(&Study, Option<(&Member, Event)>),
) -> Result<bool> {
    let interrupts = Interrupts::listen()?;
    let mut crew = crew.clone();
    loop {
        if list(study, &crew, &interrupts, |news| tell(study, news))? {
            return Ok(true);
        }
        crew.again = false;
        study.check_place()?;
        // Another worker may have left one since.
        if study.has_waiting() {
            continue;
        }
        let next = {
            let held = study.hold()?;
            *study = Study::open(&study.path)?;
            if held.is_some() { advance(study)? } else { Next::Wait }
        };
        match next {
            Next::Over => return Ok(false),
            Next::More => {}
            Next::Wait => {
                std::thread::sleep(WAIT);
                tell(study, None);
            }
        }
    }
}

/// Makes the runs that are listed.
fn list(
    study: &Study,
    crew: &Crew,
    interrupts: &Interrupts,
    mut tell: impl FnMut(Option<(&Member, Event)>),
) -> Result<bool> {
    let queue = Queue { study, crew, next: Mutex::default(), inputs: Mutex::default() };
    std::thread::scope(|scope| {
        let (sender, events) = mpsc::channel();
        for _ in 0..crew.jobs {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || {
                if let Err(error) = queue.serve(&sender) {
                    queue.stop();
                    // Nobody listens any more where another one has failed.
                    let _ = sender.send(Err(error));
                }
            });
        }
        drop(sender);
        loop {
            match events.recv_timeout(LOOK) {
                Ok(Ok((member, event))) => tell(Some((&study.members[member], event))),
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Disconnected) => return Ok(interrupts.stopped()),
                Err(RecvTimeoutError::Timeout) => tell(None),
            }
            if interrupts.stopped() {
                queue.stop();
            }
        }
    })
}

/// Place in the list of runs, up to which each was looked at here.
#[derive(Default)]
struct Cursor {
    number: usize,
    /// No more are to be begun.
    is_stopped: bool,
}

struct Queue<'a> {
    study: &'a Study,
    crew: &'a Crew,
    next: Mutex<Cursor>,
    /// Standard input of each process: it stops when this is closed, and so when this process is gone.
    inputs: Mutex<Vec<(usize, ChildStdin)>>,
}

type Told = Result<(usize, Event)>;

impl Queue<'_> {
    /// Makes one run after another.
    fn serve(&self, told: &Sender<Told>) -> Result<()> {
        while let Some(number) = self.take() {
            let member = &self.study.members[number];
            match self.study.state(member) {
                State::Failed(_) | State::Diverged(_) if self.crew.again => {
                    self.study.forgive(member)?;
                }
                state if state.is_waiting() => {}
                _ => continue,
            }
            self.study.check_place()?;
            let tell = |event| {
                // Without a listener there is nobody to be told.
                let _ = told.send(Ok((number, event)));
            };
            tell(Event::Began);
            tell(self.make(number, member)?);
        }
        Ok(())
    }

    fn take(&self) -> Option<usize> {
        let is_spent = |seconds| self.study.seconds() >= seconds;
        if self.study.sweep.as_ref().and_then(|sweep| sweep.seconds).is_some_and(is_spent) {
            return None;
        }
        let mut next = locked(&self.next);
        let number = next.number;
        next.number += 1;
        (!next.is_stopped && number < self.study.members.len()).then_some(number)
    }

    /// Makes a run in a process of its own.
    fn make(&self, number: usize, member: &Member) -> Result<Event> {
        let mut child = self.spawn(member)?;
        if let Some(input) = child.stdin.take() {
            locked(&self.inputs).push((number, input));
        }
        if locked(&self.next).is_stopped {
            self.stop(); // It was stopped in between.
        }
        let mut errors = Vec::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_end(&mut errors)?;
        }
        let status = child.wait()?;
        locked(&self.inputs).retain(|(other, _)| *other != number);
        Ok(match self.study.state(member) {
            _ if status.code() == Some(TAKEN) => Event::Left,
            done @ State::Done(_) => Event::Over(done),
            _ if status.code() == Some(130) || locked(&self.next).is_stopped => Event::Left,
            State::Training => Event::Left,
            _ => {
                // What a process could not write there is no failure of its run.
                self.study.check_place()?;
                let why = failure(&errors, status);
                let state = match status.code() {
                    Some(DIVERGED) => State::Diverged(why),
                    _ => State::Failed(why),
                };
                self.study.fail(member, &state)?;
                Event::Over(state)
            }
        })
    }

    fn spawn(&self, member: &Member) -> Result<Child> {
        let program = std::env::current_exe().context("cannot find this program again")?;
        let mut command = Command::new(program);
        let study = std::path::absolute(&self.study.path)?; // It may begin with a dash.
        command.arg("worker").arg(study).args(["--run", &member.run]);
        command.args(["--threads", &self.crew.threads.to_string()]);
        command.args(["--device", &self.crew.device]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().with_context(|| format!("cannot start a process for {}", member.run))
    }

    /// Begins no more runs, and stops those that are being made, which save themselves.
    fn stop(&self) {
        locked(&self.next).is_stopped = true;
        locked(&self.inputs).clear();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a process failed: its last sentence, or how it ended.
fn failure(errors: &[u8], status: ExitStatus) -> String {
    let text = String::from_utf8_lossy(errors);
    let told = text.rsplit_once("error: ").map_or("", |(_, told)| told.trim());
    match told {
        "" => {
            let last = text.trim().lines().last().unwrap_or_default();
            let last = if last.is_empty() { String::new() } else { format!(": {last}") };
            format!("its process ended with {status}{last}")
        }
        told => told.chars().take(LONGEST).collect(),
    }
}

/// Makes one run of a study in this process, which stops with its standard input.
pub(crate) fn make(
    study: &Study,
    run: &str,
    device: DeviceChoice,
    threads: Option<usize>,
) -> Result<u8> {
    let begun = Instant::now();
    let member = study.members.iter().find(|member| member.run == run);
    let member = member.with_context(|| format!("the study has no run {run}"))?;
    let (algorithm, config) = member.resolved()?;
    let start = Start {
        algorithm,
        config,
        device,
        threads,
        verbosity: Verbosity { quiet: true, json: true },
        tensorboard: study.shared.tensorboard,
        ends_with_input: true,
        begun,
    };
    let dir: PathBuf = study.dir(member);
    let has_begun = || dir.join("run.json").exists();
    let was_begun = has_begun();
    let made = if was_begun {
        RunDir::open(&dir).and_then(|opened| match study.state(member) {
            State::Done(_) => Ok(TAKEN as u8),
            _ => start.again(opened, None, &mut sink()),
        })
    } else {
        start.anew(Some(&dir), &mut sink())
    };
    match made {
        Err(error) if error.is::<Diverged>() => {
            // Where nobody reads it, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            Ok(DIVERGED as u8)
        }
        // What fails in a run that was begun meanwhile fails once more when it is taken up.
        Err(error) if error.is::<Held>() || !was_begun && has_begun() => Ok(TAKEN as u8),
        made => made,
    }
}
