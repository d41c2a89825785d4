//! `lab reproduce`: experiments run whole.
use super::check::write_line;
use super::{Verbose, doing};
use crate::registry::{DataName, Options, find};
use crate::reproduce::{Experiment, Report, Setting, Size, TARGETS, Target};
use crate::run::interrupt::Interrupts;
use crate::run::machine::Machine;
use crate::usage::Usage;
use ::train::{DeviceChoice, Interrupted, RunDir, RunInfo};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

/// Reproduce a published experiment: figures, and numbers beside theory
#[derive(clap::Args)]
pub(super) struct Args {
    /// Name of the reproduction (`lab list reproductions`)
    name: Option<String>,
    /// Sample less: wider intervals; scores of dqn-ablations and minatar need only be numbers then
    #[arg(long)]
    quick: bool,
    /// One experiment of it alone
    #[arg(long, value_name = "EXPERIMENT")]
    only: Option<String>,
    /// The data, where some are needed, and another place than `lab data get` puts them: mnist:PATH
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Steps of each run, where the reproduction has long ones (minatar) [default: the reproduction's]
    #[arg(long, value_name = "N", value_parser = steps)]
    steps: Option<u64>,
    /// Seed of every random draw
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=LAST_SEED))]
    seed: u64,
    /// Device for tensors: auto, cpu, cuda or cuda:I; some recipes are longer where there is a graphics card
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Directory of this run [default: runs/reproduce-<name>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbose,
}

/// Experiments count on from theirs.
const LAST_SEED: u64 = u64::MAX - 1_000;

/// `result.json`.
#[derive(Serialize)]
struct ReproductionResult<'a> {
    reproduce: &'a str,
    seed: u64,
    outcome: &'a str,
    passed: usize,
    failed: usize,
    wall_seconds: f64,
    experiments: Vec<Report>,
    run: String,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<u8> {
    let Some(name) = &args.name else {
        let lines = TARGETS.iter().map(|target| format!("\n  {:18}{}", target.name, target.about));
        let lines: String = lines.collect();
        return Err(Usage(format!("say what to reproduce; there are{lines}")).into());
    };
    let target = find("reproduction", name, TARGETS, |target| target.name)?;
    let experiments: Vec<&Experiment> = match &args.only {
        Some(only) => vec![find("experiment", only, target.experiments, |one| one.name)?],
        None => target.experiments.iter().collect(),
    };
    if let (Some(steps), false) = (args.steps, target.takes_steps) {
        let name = target.name;
        return Err(Usage(format!(
            "--steps {steps}: {name} has a length of its own; give --quick for less"
        ))
        .into());
    }
    let data = data(target, args.data.as_deref())?;
    let machine = Machine::prepare(args.device, args.threads)?;
    let setting = Setting {
        seed: args.seed,
        size: if args.quick { Size::Quick } else { Size::Full },
        data,
        device: machine.device.clone(),
        steps: args.steps,
    };
    let dir = RunDir::create(args.out.as_deref(), &format!("reproduce-{}", target.name))?;
    let info = RunInfo {
        algorithm: "reproduce".to_owned(),
        subject: target.name.to_owned(),
        seed: args.seed,
        config: Map::from_iter([
            ("quick".to_owned(), Value::from(args.quick)),
            ("data".to_owned(), Value::from(setting.data.as_str())),
            ("steps".to_owned(), Value::from(args.steps)),
        ]),
        lab_version: env!("CARGO_PKG_VERSION").to_owned(),
        lab_commit: env!("LAB_COMMIT").to_owned(),
        device: ::train::device_name(&machine.device),
        threads: machine.threads,
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        data: None,
    };
    dir.write_json("run.json", &info)?;
    if !args.verbosity.quiet {
        crate::run::data::tell(machine.note.as_slice());
    }
    let interrupts = Interrupts::listen()?;
    interrupts.hearing(|| reproduce((target, &experiments), &setting, &dir, args.verbosity, out))
}

/// A number of steps, at least 1, as `--steps` of training commands is typed.
fn steps(text: &str) -> Result<u64, String> {
    match params::whole(text) {
        Ok(0) | Err(_) => Err("a number of steps is expected, such as 2M".to_owned()),
        Ok(steps) => Ok(steps),
    }
}

/// The data that `target` needs, by a path that holds everywhere; they are read once, so that nothing
/// begins without them.
fn data(target: &Target, given: Option<&str>) -> Result<String> {
    let Some(needed) = target.data else {
        return match given {
            Some(data) => Err(Usage(format!("--data {data}: {} needs none", target.name)).into()),
            None => Ok(String::new()),
        };
    };
    let given = given.unwrap_or(needed);
    let data = DataName::parse(given)?;
    if data.entry.name != needed {
        let name = target.name;
        return Err(Usage(format!("--data {given}: {name} is about {needed}")).into());
    }
    data.load(&Options::new())?;
    data.full()
}

fn reproduce(
    (target, chosen): (&Target, &[&Experiment]),
    setting: &Setting,
    dir: &RunDir,
    verbosity: Verbose,
    out: &mut dyn Write,
) -> Result<u8> {
    let (begun, run) = (Instant::now(), dir.path().display().to_string());
    let (mut experiments, mut outcome) = (Vec::<Report>::new(), "finished");
    for (experiment, place) in chosen.iter().zip(1..) {
        if !verbosity.quiet {
            let (n, name, about) = (chosen.len(), experiment.name, experiment.about);
            // Who cannot read progress does not need it.
            let _ = writeln!(std::io::stderr(), "{place} of {n}  {name}: {about}");
        }
        let report = doing::telling(verbosity.quiet, || experiment.report(setting, dir.path()));
        match report {
            Ok(report) => {
                if !verbosity.json {
                    tell(&report, &run, out)?;
                }
                experiments.push(report);
            }
            Err(error) if error.is::<Interrupted>() => {
                outcome = "interrupted";
                break;
            }
            Err(error) => return Err(error.context(format!("{} failed", experiment.name))),
        }
    }
    let lines = || experiments.iter().flat_map(|report| &report.lines);
    let passed = lines().filter(|line| line.pass).count();
    let failed = lines().count() - passed;
    let whole = experiments.iter().all(|report| report.pass);
    let (reproduce, seed, wall_seconds) =
        (target.name, setting.seed, begun.elapsed().as_secs_f64());
    let result = ReproductionResult {
        reproduce,
        seed,
        outcome,
        passed,
        failed,
        wall_seconds,
        experiments,
        run,
    };
    dir.write_json("result.json", &result)?;
    if verbosity.json {
        writeln!(out, "{}", serde_json::to_string(&result)?)?;
    } else {
        let (n, run) = (passed + failed, &result.run);
        writeln!(out, "{outcome} after {wall_seconds:.0} s: {passed} of {n} pass; saved to {run}")?;
    }
    Ok(match (outcome, whole) {
        ("interrupted", _) => 130,
        (_, true) => 0,
        (_, false) => 1,
    })
}

/// Writes the report of an experiment, line by line.
fn tell(report: &Report, run: &str, out: &mut dyn Write) -> Result<()> {
    let verdict = if report.pass { "pass" } else { "FAIL" };
    let agree = report.lines.iter().filter(|line| line.pass).count();
    let Report { name, about, figure, lines, seconds, .. } = report;
    writeln!(out, "{verdict}  {name}  {agree} of {}  {seconds:.1} s  {about}", lines.len())?;
    writeln!(out, "      figure   {run}/{}, {}", figure[0], figure[1])?;
    lines.iter().try_for_each(|line| write_line(line, out))?;
    // What takes minutes is told piece by piece, also through a pipe.
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
        assert_eq!(names.len(), TARGETS.len());
        for target in TARGETS {
            let figures: BTreeSet<_> = target.experiments.iter().map(|one| one.name).collect();
            assert_eq!(figures.len(), target.experiments.len(), "{}", target.name);
        }
    }
}
