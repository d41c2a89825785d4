//! Workers of a study by the scheduler of a cluster.
use super::info::Study;
use super::work::Crew;
use crate::usage::Usage;
use crate::wording;
use anyhow::{Context as _, bail};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// The program that starts workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scheduler {
    /// This one, on this machine.
    #[default]
    Local,
    /// Slurm, by an array of jobs.
    Slurm,
    /// HyperQueue, by an array of tasks.
    Hq,
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
            Self::Hq => "hq",
        })
    }
}

impl FromStr for Scheduler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Local, Self::Slurm, Self::Hq];
        let found = all.into_iter().find(|scheduler| scheduler.to_string() == text);
        found.ok_or_else(|| "local, slurm or hq is expected".to_owned())
    }
}

/// Most workers of one array: Slurm takes no more unless it is told.
const MOST: usize = 1000;

/// Hands so many workers of a study to a scheduler, with options of its own: its answer.
///
/// # Errors
/// If the scheduler is not there, or refuses.
pub(crate) fn submit(
    scheduler: Scheduler,
    study: &Study,
    crew: &Crew,
    options: &str,
) -> anyhow::Result<String> {
    let Some(options) = shlex::split(options) else {
        return Err(Usage(format!("--on-options {options}: a quote is not closed")).into());
    };
    let path = std::path::absolute(&study.path)?;
    if path.to_string_lossy().contains(['"', '\n']) {
        let sentence =
            format!("--on {scheduler}: {}: a path without quotes is expected", path.display());
        return Err(Usage(sentence).into());
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let worker = worker(&program, &path, crew)?;
    let workers = crew.jobs.min(study.members.len()).clamp(1, MOST);
    let mut command = match scheduler {
        Scheduler::Local => bail!("a study on this machine needs no scheduler"),
        Scheduler::Slurm => {
            let file = path.join("slurm.sh");
            let script = slurm_script(&path, &worker, [workers, crew.threads])?;
            train::write_atomic(&file, script.as_bytes())?;
            let mut command = Command::new("sbatch");
            command.args(options).arg(file);
            command
        }
        Scheduler::Hq => {
            let log = path.join("worker-%{TASK_ID}.log").display().to_string();
            let mut command = Command::new("hq");
            command.arg("submit").args(options);
            command.args(["--array", &format!("1-{workers}"), "--cpus", &crew.threads.to_string()]);
            command.args(["--name", "lab", "--stdout", &log, "--stderr", &log, "--"]).args(&worker);
            command
        }
    };
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!(
            "{name} was not found: run this where its cluster takes jobs, or `lab worker {}` by another scheduler",
            wording::path(&study.path)
        ),
        _ => anyhow::Error::from(error).context(format!("cannot start {name}")),
    })?;
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("{name} refuses: {}", told(&output.stderr));
    }
    Ok(told(&output.stdout))
}

/// The command of a worker, in words.
fn worker(program: &Path, study: &Path, crew: &Crew) -> anyhow::Result<Vec<String>> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.with_context(|| format!("{}: a path in UTF-8 is expected", path.display()))
    };
    let options = ["--threads", &crew.threads.to_string(), "--device", &crew.device];
    let words = [text(program)?, "worker".to_owned(), text(study)?].into_iter();
    Ok(words.chain(options.map(str::to_owned)).collect())
}

/// The script of an array of workers. A job that is pre-empted or loses its node comes again and goes on.
fn slurm_script(
    study: &Path,
    worker: &[String],
    [workers, threads]: [usize; 2],
) -> anyhow::Result<String> {
    let log: PathBuf = study.join("worker-%a.log");
    let command = shlex::try_join(worker.iter().map(String::as_str))?;
    Ok(format!(
        "#!/bin/sh\n\
         #SBATCH --job-name=lab\n\
         #SBATCH --array=1-{workers}\n\
         #SBATCH --cpus-per-task={threads}\n\
         #SBATCH --output=\"{}\"\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --requeue\n\
         exec {}\n",
        log.display(),
        command
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_starts_an_array_of_workers() {
        let crew = Crew { jobs: 3, threads: 2, device: "cpu".to_owned(), again: false };
        let worker = worker(Path::new("/opt/my lab"), Path::new("/runs/a b"), &crew).unwrap();
        let script = slurm_script(Path::new("/runs/a b"), &worker, [3, 2]).unwrap();
        assert!(script.starts_with("#!/bin/sh\n"));
        for line in [
            "#SBATCH --array=1-3",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --output=\"/runs/a b/worker-%a.log\"",
            "exec '/opt/my lab' worker '/runs/a b' --threads 2 --device cpu",
        ] {
            assert!(script.lines().any(|written| written == line), "{line}: {script}");
        }
    }
}
