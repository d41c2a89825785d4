//! Numbers too large for the machine, files that are none, checkpoints that hold what can't be: one
//! sentence each, in little memory and at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod checkpoints;
mod files;
mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// KiB of addresses that a run may take.
const ADDRESSES: u64 = 1 << 20;

/// A folder to run the binary in, which has little memory and time there.
struct Folder(tempfile::TempDir);

/// Exit code and output of a run.
struct CommandOutput {
    /// The exit code; `None` where it was still at work when its time was up.
    code: Option<i32>,
    /// Standard error.
    text: String,
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `lab ARGS`; an end by a signal fails.
    fn run(&self, args: &str, seconds: u64) -> CommandOutput {
        let (lab, out) = (env!("CARGO_BIN_EXE_lab"), self.path("stderr"));
        let limited = format!("ulimit -v {ADDRESSES}; exec {lab} {args} --threads 1 --quiet");
        let limited = match args.split(' ').next() {
            Some("plot" | "eval" | "export" | "sample" | "play" | "data") => {
                format!("ulimit -v {ADDRESSES}; exec {lab} {args}")
            }
            _ => limited,
        };
        let mut child = Command::new("sh")
            .args(["-c", &limited])
            .current_dir(self.0.path())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&out).unwrap())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let code = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status.code().unwrap_or(-1)),
                None if begun.elapsed() > Duration::from_secs(seconds) => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let text = String::from_utf8_lossy(&fs::read(&out).unwrap()).into_owned();
        assert!(!text.contains("panicked"), "{args}: {text}");
        assert!(code.is_none_or(|code| (0..=2).contains(&code)), "{args}: {code:?} {text}");
        CommandOutput { code, text }
    }
}
