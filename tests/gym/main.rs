//! Environments of Gymnasium, in a virtual environment under target/ that the first test makes. Skipped where there is
//! no Python, or nowhere to install gymnasium from.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
mod atari;
mod errors;
mod runs;
mod spaces;
mod speed;

use envs::{Env, Gym, GymId, GymOptions, Rng};
use rand::SeedableRng as _;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Python of the virtual environment, with gymnasium.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(|| tried("gymnasium", &[])).as_deref()
}

/// Python of another virtual environment, with Atari games too.
fn python_with_atari() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let packages = [("ale-py", "ale_py"), ("opencv-python-headless", "cv2")];
    PYTHON.get_or_init(|| tried("gymnasium-atari", &packages)).as_deref()
}

fn tried(name: &str, more: &[(&str, &str)]) -> Option<PathBuf> {
    let python = installed(name, more);
    if let Err(why) = &python {
        println!("skipped: {why}");
    }
    python.ok()
}

/// Python of the virtual environment `name`, with gymnasium and other packages, which go by a name of their own when they
/// are imported.
fn installed(name: &str, more: &[(&str, &str)]) -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let run = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{args:?}: {told}")) }
    };
    let (packages, modules): (Vec<_>, Vec<_>) = more.iter().copied().unzip();
    let import = format!("import {}", [&["gymnasium", "numpy"], &modules[..]].concat().join(", "));
    let there = || run(&python, &["-c", &import]);
    if there().is_err() {
        run(Path::new("python3"), &["-m", "venv", &dir.display().to_string()])?;
        let install = ["-m", "pip", "install", "--quiet", "gymnasium", "numpy"];
        run(&python, &[&install[..], &packages].concat())?;
        there()?;
    }
    Ok(python)
}

/// The module of odd environments, as Python finds it from the root of the repository.
fn odd(name: &str) -> String {
    format!("tests.gym.odd_envs:{name}-v0")
}

fn started(id: &str, options: GymOptions, arguments: Value) -> Option<Gym> {
    Some(started_by(python()?, id, options, arguments))
}

fn started_by(python: &Path, id: &str, options: GymOptions, arguments: Value) -> Gym {
    let options = GymOptions { python: Some(python.display().to_string()), ..options };
    let arguments: Map<_, _> = arguments.as_object().cloned().unwrap_or_default();
    Gym::start(&GymId::new(id), &arguments, &options).unwrap()
}

fn gym(id: &str) -> Option<Gym> {
    started(id, GymOptions::default(), Value::Null)
}

/// An environment at the start of its first episode.
fn begun(gym: &Gym, seed: u64) -> (Box<dyn Env>, Rng) {
    let (mut env, mut rng) = (gym.make(), Rng::seed_from_u64(seed));
    env.reset(&mut rng);
    (env, rng)
}

fn obs(env: &dyn Env) -> Vec<f32> {
    let mut obs = vec![f32::NAN; env.spec().obs_len()];
    env.observe(&mut obs);
    obs
}

/// The binary, in a directory with the odd environments.
struct Lab {
    dir: tempfile::TempDir,
    python: &'static Path,
}

impl Lab {
    fn new() -> Option<Self> {
        Some(Self::with(python()?))
    }

    fn with(python: &'static Path) -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap(), python };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gym/odd_envs.py");
        fs::copy(here, lab.path("odd_envs.py")).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(args.split_whitespace()).current_dir(self.dir.path());
        // As if the virtual environment was active.
        command.env("VIRTUAL_ENV", self.python.parent().unwrap().parent().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must go well.
    fn ok(&self, args: &str) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must fail with code 1.
    fn fails(&self, args: &str) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args}: {}", stderr(&output));
        stderr(&output)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
