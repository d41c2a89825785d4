//! A worker process of Python.
use crate::EnvError;
use serde_json::Value;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The program, which the bootstrap reads from the pipe, so that it is no argument of thousands of characters.
const PROGRAM: &str = include_str!("worker.py");
const BOOTSTRAP: &str = "\
import os, sys
n, source = int(sys.argv[1]), b''
while len(source) < n:
    part = os.read(0, n - len(source))
    if not part:
        sys.exit(1)
    source += part
__file__ = 'lab-worker.py'
exec(compile(source, __file__, 'exec'))";

/// Time that a worker may take to end once its pipe is closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lines of standard error that are kept for an error.
const KEPT: usize = 8;

/// Requests to a worker.
#[derive(Clone, Copy)]
pub(super) enum Op {
    Init = 0,
    Run = 1,
    Save = 2,
    Load = 3,
    Draw = 4,
}

/// A process, its pipes, and the last lines of its standard error, all of which are handed on to ours.
pub(super) struct Worker {
    /// Name of the environment, for errors.
    name: String,
    python: String,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Hears when standard error is closed.
    closed: Receiver<()>,
}

impl Worker {
    /// Starts a process and asks it to begin with `settings`; [`receive`](Self::receive) has its answer.
    pub(super) fn start(
        name: &str,
        python: Option<&str>,
        settings: &Value,
    ) -> Result<Self, EnvError> {
        let python = python.map_or_else(usual_python, OsString::from);
        let mut command = Command::new(&python);
        command.args(["-c", BOOTSTRAP, &PROGRAM.len().to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // In a group of its own the terminal's Ctrl-C does not reach it: the run is saved first.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let python = PathBuf::from(python).display().to_string();
        let mut child = command.spawn().map_err(|error| {
            EnvError::new(match error.kind() {
                ErrorKind::NotFound => format!(
                    "{name}: {python} was not found; install Python with gymnasium, or give --python PATH"
                ),
                _ => format!("{name}: {python} can't be started: {error}"),
            })
        })?;
        let (Some(to), Some(from), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(EnvError::new(format!("{name}: {python} has no pipes")));
        };
        let lines = Arc::default();
        let closed = hand_on(errors, Arc::clone(&lines));
        let from = BufReader::with_capacity(1 << 16, from);
        let name = name.to_owned();
        let mut worker = Self { name, python, child, to: Some(to), from, lines, closed };
        worker.write(PROGRAM.as_bytes())?;
        worker.send(Op::Init, settings.to_string().as_bytes())?;
        Ok(worker)
    }

    /// Sends a request; the one before must have been answered.
    pub(super) fn send(&mut self, op: Op, data: &[u8]) -> Result<(), EnvError> {
        let Ok(len) = u32::try_from(data.len()) else {
            return Err(EnvError::new(format!("{}: {} bytes are too many", self.name, data.len())));
        };
        let mut frame = Vec::with_capacity(data.len() + 5);
        frame.extend(len.to_le_bytes());
        frame.push(op as u8);
        frame.extend(data);
        self.write(&frame)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let written = self.to.as_mut().map(|to| to.write_all(bytes).and_then(|()| to.flush()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.lost()),
        }
    }

    /// The answer to the request before; the outer error is that of a lost worker, the inner one that of a request.
    pub(super) fn receive(&mut self) -> Result<Result<Vec<u8>, EnvError>, EnvError> {
        let mut head = [0; 5];
        if self.from.read_exact(&mut head).is_err() {
            return Err(self.lost());
        }
        let [a, b, c, d, status] = head;
        let len = u32::from_le_bytes([a, b, c, d]);
        let mut data = Vec::new();
        // As it comes: a length alone takes no memory.
        let read = (&mut self.from).take(len.into()).read_to_end(&mut data);
        if read.is_err() || data.len() != len as usize {
            return Err(self.lost());
        }
        Ok(match status {
            0 => Ok(data),
            _ => Err(self.error(&String::from_utf8_lossy(&data))),
        })
    }

    /// An error in the words of the worker: what follows the first line is indented.
    pub(super) fn error(&self, told: &str) -> EnvError {
        EnvError::new(format!("{}: {}", self.name, told.trim_end().replace('\n', "\n  ")))
    }

    /// The error of a process that closed its pipe.
    fn lost(&mut self) -> EnvError {
        self.to = None;
        let ended = match self.end() {
            Some(status) if status.success() => "ended".to_owned(),
            Some(status) => format!("died ({status})"),
            None => "closed its pipe".to_owned(),
        };
        // Its last lines may still be on their way.
        let _ = self.closed.recv_timeout(Duration::from_millis(500));
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let told: String = lines.iter().map(|line| format!("\n{line}")).collect();
        self.error(&format!("its Python process ({}) {ended}{told}", self.python))
    }

    /// Waits for the end of a process whose pipe is closed; kills one that takes too long.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Ok(Some(status)) => return Some(status),
                Err(_) => break,
            }
        }
        // It may have ended since, and can't be killed then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.to.take().is_some() {
            self.end();
        }
    }
}

/// The Python that `$LAB_PYTHON` names, that of the virtual environment that is active, or `python3`.
fn usual_python() -> OsString {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(python) = given("LAB_PYTHON") {
        return python;
    }
    let parts = if cfg!(windows) { ["Scripts", "python.exe"] } else { ["bin", "python"] };
    match given("VIRTUAL_ENV") {
        Some(path) => parts.iter().fold(PathBuf::from(path), |path, part| path.join(part)).into(),
        None => "python3".into(),
    }
}

/// Hands standard error on to ours, and keeps its last lines.
fn hand_on(errors: ChildStderr, kept: Arc<Mutex<VecDeque<String>>>) -> Receiver<()> {
    let (over, closed) = channel();
    std::thread::spawn(move || {
        let mut errors = BufReader::new(errors);
        let mut line = Vec::new();
        while errors.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // Nobody reads standard error: no reason to stop the environment.
            let _ = std::io::stderr().write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(text);
            if kept.len() > KEPT {
                kept.pop_front();
            }
            line.clear();
        }
        // It may be that nobody waits for the end.
        let _ = over.send(());
    });
    closed
}
