//! The program `lab`: its place, its arguments and its output.
use crate::{Error, Result};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two lines of progress that are shown.
const BETWEEN: Duration = Duration::from_secs(5);

/// Words of a command line, with its quotes.
pub(crate) fn words(line: &str) -> Result<Vec<OsString>> {
    let words = shlex::split(line)
        .ok_or_else(|| Error::new(format!("`{line}`: a quote without its partner")))?;
    let words = words.into_iter().skip_while(|word| word == "lab");
    Ok(words.map(Into::into).collect())
}

/// The part of lab's standard error that a cell shows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shown {
    /// All, and progress from time to time.
    Progress,
    /// Nothing: it matters only in an error.
    Errors,
}

/// Output of lab, and how it ended.
pub(crate) struct Output {
    pub(crate) printed: String,
    told: Vec<String>,
    success: bool,
}

impl Output {
    /// lab's own sentence, from the word `error:` on.
    pub(crate) fn refusal(&self) -> Error {
        let told = self.told.join("\n");
        let sentence = told.split_once("error: ").map_or(told.as_str(), |(_, rest)| rest);
        Error::new(match sentence.trim() {
            "" => "lab ended without a result and without a word".to_owned(),
            sentence => sentence.to_owned(),
        })
    }
}

/// Standard output of lab.
///
/// # Errors
/// lab's own sentence; lab can't be found.
pub(crate) fn output(arguments: &[OsString]) -> Result<String> {
    call(arguments, Shown::Errors)
}

pub(crate) fn call(arguments: &[OsString], told: Shown) -> Result<String> {
    let output = start(arguments, told)?;
    if output.success { Ok(output.printed) } else { Err(output.refusal()) }
}

pub(crate) fn start(arguments: &[OsString], told: Shown) -> Result<Output> {
    let program = program()?;
    let failed = |error| Error::new(format!("can't run {}: {error}", program.display()));
    let mut child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // Both pipes at once: a full one would stop lab.
    let printed = child.stdout.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).map(|_| text)
        })
    });
    let lines = child.stderr.take().map(|pipe| follow(BufReader::new(pipe), told));
    let printed = printed.and_then(|reader| reader.join().ok()).transpose().map_err(failed)?;
    let success = child.wait().map_err(failed)?.success();
    Ok(Output { printed: printed.unwrap_or_default(), told: lines.unwrap_or_default(), success })
}

/// Shows lines while they come; those that are no progress, for an error.
fn follow(pipe: impl BufRead, told: Shown) -> Vec<String> {
    let mut kept = Vec::new();
    let mut shown = Instant::now();
    for line in pipe.lines().map_while(std::io::Result::ok) {
        let progress = is_progress(&line);
        let refused = kept.iter().chain([&line]).any(|line: &String| line.starts_with("error: "));
        if told == Shown::Progress && !refused && (!progress || shown.elapsed() >= BETWEEN) {
            // A notebook that is gone does not stop a run.
            writeln!(std::io::stdout(), "{line}").ok();
            shown = Instant::now();
        }
        if !progress {
            kept.push(line);
        }
    }
    kept
}

/// Returns `true` for a line that counts: `2000/10000 transitions …`, `evaluating 0/1000`.
fn is_progress(line: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|char| char.is_ascii_digit());
    let mut words = line.split(' ').take(2);
    words.any(|word| word.split_once('/').is_some_and(|(n, of)| number(n) && number(of)))
}

/// The program: `LAB`, else on the path, else built in the repository around.
fn program() -> Result<PathBuf> {
    if let Some(program) = env::var_os("LAB") {
        return Ok(program.into());
    }
    let here = env::current_dir().unwrap_or_default();
    found(env::var_os("PATH").as_deref(), here)
}

fn found(path: Option<&OsStr>, here: PathBuf) -> Result<PathBuf> {
    let name = format!("lab{}", env::consts::EXE_SUFFIX);
    let on_path = path.into_iter().flat_map(env::split_paths).map(|dir| dir.join(&name));
    let built = here.ancestors().map(|dir| dir.join("target/release").join(&name));
    let found = on_path.chain(built).find(|program| program.is_file());
    found.ok_or_else(|| {
        Error::new(
            "can't find the program lab: it is neither on PATH nor in target/release of this directory or one above; \
             run `cargo build --release` in its repository, or set the environment variable LAB to its path",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_progress_are_told_from_sentences() {
        assert!(is_progress("1536/2000 samples  107462/s  0 seconds left"));
        assert!(is_progress("evaluating 0/1000"));
        assert!(!is_progress("dqn on catch, seed 1"));
        assert!(!is_progress("") && !is_progress("warning: 3 of 4"));
        let lines = "1/2 sweeps\nwarning: slow\nerror: no `x`\n\nUsage: lab";
        let told = follow(lines.as_bytes(), Shown::Errors);
        let output = Output { printed: String::new(), told, success: false };
        assert_eq!(output.refusal().to_string(), "no `x`\n\nUsage: lab");
    }

    #[test]
    fn the_program_is_found_on_the_path_before_the_repository() {
        let root = env::temp_dir().join(format!("lab-notebook-{}", std::process::id()));
        let (bin, inner) = (root.join("bin"), root.join("examples/notebooks"));
        let name = format!("lab{}", env::consts::EXE_SUFFIX);
        std::fs::create_dir_all(&inner).unwrap();
        let sentence = found(None, inner.clone()).unwrap_err().to_string();
        assert!(sentence.contains("set the environment variable LAB"), "{sentence}");
        for dir in [root.join("target/release"), bin.clone()] {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(&name), "").unwrap();
        }
        assert_eq!(found(None, inner.clone()).unwrap(), root.join("target/release").join(&name));
        assert_eq!(found(Some(bin.as_os_str()), inner).unwrap(), bin.join(&name));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn lines_are_split_like_a_shell_does() {
        assert_eq!(words("lab gan --data 'a b'").unwrap(), ["gan", "--data", "a b"]);
        assert!(words("gan 'a").unwrap_err().to_string().contains("quote"));
    }
}
