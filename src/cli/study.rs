//! Several runs by one command: `--seeds`, and `lab resume STUDY`.
use super::Verbose;
use super::plot::unit_of;
use crate::registry::{Algorithm, as_part};
use crate::render::plot::{self, Form};
use crate::run::config::Config;
use crate::run::machine::tell;
use crate::run::result::RunResult;
use crate::run::state::State;
use crate::run::{build, data};
use crate::study::findings::Findings;
use crate::study::groups::{Group, Sorted, sorted};
use crate::study::info::{Member, Shared, Study};
use crate::study::named::{begun, grouped, named};
use crate::study::scheduler::{Scheduler, submit};
use crate::study::seeds;
use crate::study::summary::Summary;
use crate::study::work::{Crew, Event, work};
use crate::usage::Usage;
use crate::wording;
use ::train::{BadValue, DeviceChoice};
use anyhow::{Context as _, Result};
use candle_core::Device;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most runs that are made at once.
const MOST_JOBS: usize = 1024;

/// Most groups of which a study draws the curves.
const MOST_CURVES: usize = 32;

/// Time between two sentences about runs that are under way.
const STATUS: Duration = Duration::from_secs(60);

/// Options about where the runs of a study are made.
#[derive(clap::Args)]
pub(super) struct Place {
    /// Runs of a study that are made at once [default: as cores allow], or workers by --on [default: one for each run]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Scheduler that starts the workers of a study: local, slurm or hq (HyperQueue)
    #[arg(long, value_name = "SCHEDULER", default_value_t)]
    on: Scheduler,
    /// Options for the scheduler, as in --on-options "--time=2:00:00 --partition=gpu"
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    on_options: Option<String>,
}

impl Place {
    /// On this machine, so many at once.
    pub(super) fn jobs(jobs: usize) -> Self {
        Self { jobs: Some(jobs), on: Scheduler::Local, on_options: None }
    }

    /// The first of these options that was typed, for a command that is no study.
    pub(super) fn typed(&self) -> Option<String> {
        let jobs = self.jobs.map(|jobs| format!("--jobs {jobs}"));
        let on = (self.on != Scheduler::Local).then(|| format!("--on {}", self.on));
        let options = self.on_options.as_ref().map(|options| format!("--on-options {options}"));
        jobs.or(on).or(options)
    }
}

/// Resources that the runs of a study share, as they were typed.
#[derive(Clone, Copy)]
pub(super) struct Shares<'a> {
    pub(super) place: &'a Place,
    /// Threads of each run.
    pub(super) threads: Option<usize>,
    pub(super) device: DeviceChoice,
    pub(super) tensorboard: bool,
}

impl Shares<'_> {
    /// These, on the device of the study unless one was typed.
    pub(super) fn or_those_of(self, study: &Study) -> Self {
        let device = match self.device {
            DeviceChoice::Auto => study.shared.device.parse().unwrap_or(DeviceChoice::Auto),
            typed => typed,
        };
        Self { device, ..self }
    }

    /// Settings that the study keeps.
    pub(super) fn kept(self) -> Shared {
        Shared { device: self.device.to_string(), tensorboard: self.tensorboard }
    }

    /// As many processes as are of use for so many runs: cores are shared among the runs, a graphics card is not.
    pub(super) fn crew(self, runs: usize) -> Result<Crew> {
        let Self { place: &Place { jobs, on, ref on_options }, threads, device, .. } = self;
        if let (Scheduler::Local, Some(options)) = (on, on_options) {
            let sentence =
                format!("--on-options {options}: no scheduler is named; add --on slurm or --on hq");
            return Err(Usage(sentence).into());
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if let Some(jobs) = jobs {
            BadValue::outside("jobs", jobs, 1..=MOST_JOBS)?;
        }
        if let Some(threads) = threads {
            BadValue::outside("threads", threads, 1..=1024)?;
        }
        if on != Scheduler::Local {
            let (jobs, threads) = (jobs.unwrap_or(runs), threads.unwrap_or(1));
            return Ok(Crew { jobs, threads, device: device.to_string(), again: false });
        }
        let on_cpu = device.open()?.device.is_cpu();
        let jobs = jobs.unwrap_or_else(|| match on_cpu {
            true => cores / threads.unwrap_or(1),
            false => 1,
        });
        let jobs = jobs.clamp(1, runs.max(1));
        let threads = threads.unwrap_or(cores / jobs).max(1);
        Ok(Crew { jobs, threads, device: device.to_string(), again: false })
    }
}

/// Makes a study of runs that differ by their seeds.
pub(super) fn seeds(
    (algorithm, config, seeds): (&'static Algorithm, Config, &str),
    path: Option<&Path>,
    (shares, verbose): (Shares<'_>, Verbose),
    out: &mut dyn Write,
) -> Result<u8> {
    let seeds = seeds::parse(seeds)?;
    let crew = shares.crew(seeds.len())?;
    // Wrong usage leaves nothing behind.
    let load = || Ok(data::first(&config)?.dataset);
    build::trainee(algorithm, &config, &Device::Cpu, load)
        .map_err(|error| config.explained(error))?;
    let members = seeds.iter().map(|seed| Member::new(algorithm, config.seeded(*seed), ""));
    let subject = as_part(config.subject());
    let name = format!("{}-{subject}-{}-seeds", algorithm.name, seeds.len());
    let members = (members.collect(), None);
    let study = Study::create(path, &name, shares.kept(), members)?;
    make(study, (shares, &crew), verbose, out)
}

/// Makes the runs of a study that are missing or failed.
pub(super) fn again(
    study: Study,
    (shares, verbose): (Shares<'_>, Verbose),
    out: &mut dyn Write,
) -> Result<u8> {
    let crew = shares.or_those_of(&study).crew(study.members.len())?;
    make(study, (shares, &Crew { again: true, ..crew }), verbose, out)
}

/// Makes the runs of a study and tells what they come to.
pub(super) fn make(
    mut study: Study,
    (shares, crew): (Shares<'_>, &Crew),
    verbose: Verbose,
    out: &mut dyn Write,
) -> Result<u8> {
    let path = wording::path(&study.path);
    let Place { on, on_options, .. } = shares.place;
    if *on != Scheduler::Local {
        if crew.again {
            study.members.iter().try_for_each(|member| study.forgive(member))?;
        }
        let options = on_options.as_deref().unwrap_or_default();
        let answer = submit(*on, &study, crew, options).with_context(|| {
            format!("{path} is there, without workers; `lab resume {path}` makes its runs here")
        })?;
        if verbose.json {
            let study = study.path.display().to_string();
            let told = serde_json::json!({"study": study, "on": on.to_string(), "answer": answer});
            writeln!(out, "{told}")?;
            return Ok(0);
        }
        writeln!(out, "{answer}")?;
        writeln!(
            out,
            "its workers make {path}
Try next:
  lab runs {path}
  lab compare {path}"
        )?;
        return Ok(0);
    }
    if !verbose.quiet {
        let runs = wording::counted(study.members.len() as u64, "runs");
        tell(&format!(
            "{runs} in {path}, {} at once with --threads {} each",
            crew.jobs, crew.threads
        ));
    }
    let interrupted = work(&mut study, crew, progress(verbose.quiet))?;
    let summary = Summary::new(sorted(std::slice::from_ref(&study.path))?);
    let objective = summary.groups.iter().find_map(Group::objective);
    let same = |group: &Group| {
        group.subject == summary.groups[0].subject
            && group.objective().map(|other| &other.measure)
                == objective.map(|objective| &objective.measure)
    };
    let findings = match objective {
        Some(objective) if summary.groups.iter().all(same) => Findings::of(&study, objective),
        _ => None,
    };
    let mut json = summary.json(&study.path)?;
    if let Some(findings) = &findings {
        json["sweep"] = findings.json();
    }
    ::train::write_atomic(&study.path.join("summary.json"), format!("{json:#}\n").as_bytes())?;
    if verbose.json {
        writeln!(out, "{json}")?;
    } else if let Some(findings) = &findings {
        findings.tell(interrupted, out)?;
    } else {
        summary.tell(out)?;
    }
    let runs: Vec<PathBuf> =
        summary.groups.iter().flat_map(|group| &group.runs).map(|run| run.dir.clone()).collect();
    let Sorted { failed, training, damaged, waiting, .. } = &summary.left;
    damaged.iter().for_each(|why| tell(&format!("note: {why}; this run is left out")));
    if !verbose.json {
        let limit = study.sweep.as_ref().and_then(|sweep| sweep.seconds);
        if let Some(limit) = limit.filter(|limit| !interrupted && study.seconds() >= *limit) {
            let limit = wording::duration(limit);
            writeln!(
                out,
                "the time of {limit} is spent: {} runs are done; saved to {path}",
                runs.len()
            )?;
        } else if interrupted || runs.len() < study.members.len() {
            let done = format!("{} of {} runs are done", runs.len(), study.members.len());
            let elsewhere = elsewhere(training.len());
            // A sweep that was interrupted may have runs that are not on its list yet.
            let go_on = match failed.len() + waiting {
                0 if !interrupted => String::new(),
                _ => format!("; go on with `lab resume {path}`"),
            };
            writeln!(out, "{done}{elsewhere}{go_on}")?;
        } else {
            writeln!(out, "saved to {path}\nTry next:\n  lab plot {path}\n  lab compare {path}")?;
        }
    }
    out.flush()?;
    if !runs.is_empty() {
        // A figure that can't be drawn loses nothing of the runs.
        let found = findings.as_ref().map_or(Ok(()), |findings| findings.draw(&study));
        // More curves than these can't be told apart.
        let curves =
            if summary.groups.len() <= MOST_CURVES { figure(&study, &runs) } else { Ok(()) };
        let drawn = found.and(curves);
        if let Err(error) = drawn {
            tell(&format!("note: {error:#}"));
        }
    }
    Ok(match () {
        () if interrupted => 130,
        () if !failed.is_empty() || !damaged.is_empty() => 1,
        () => 0,
    })
}

fn figure(study: &Study, runs: &[PathBuf]) -> Result<()> {
    let paths = std::slice::from_ref(&study.path);
    let mut done = named(paths)?;
    done.retain(|run| runs.contains(&run.dir));
    let begun = begun(done)?;
    begun.notes.iter().for_each(|note| tell(&format!("note: {note}")));
    let groups = grouped(paths, &begun.runs, &[])?;
    let mut panels = plot::grouped(&groups, &[], Form::default())?;
    if let Some(unit) = unit_of(&begun.runs) {
        panels.iter_mut().for_each(|panel| panel.x_label = unit.to_owned());
    }
    plot::draw(&panels, &study.path.join("curves.svg"))?;
    plot::draw(&panels, &study.path.join("curves.png"))
}

/// Tells what happens to the runs, those that other workers make too, and now and then which are under way.
pub(super) fn progress(quiet: bool) -> impl FnMut(&Study, Option<(&Member, Event)>) {
    let (mut under_way, mut told) = (BTreeSet::new(), Instant::now());
    // Of what is done, a run with its steps, that which was told, or was done before.
    let mut done = None::<BTreeSet<(String, u64)>>;
    move |study, news| {
        if quiet {
            return;
        }
        let is_first = done.is_none();
        let done = done.get_or_insert_default();
        let is_due = told.elapsed() > STATUS;
        let key = |member: &Member| (member.run.clone(), member.steps());
        let count = |done: &BTreeSet<_>| {
            let n = study.members.iter().filter(|member| done.contains(&key(member))).count();
            format!("{n} of {}", study.members.len())
        };
        // Runs of others are looked for where there is something to tell anyway.
        if is_first || is_due || matches!(news, Some((_, Event::Over(_)))) {
            for member in &study.members {
                let is_own = under_way.contains(&member.run);
                if is_own || done.contains(&key(member)) {
                    continue;
                }
                if let State::Done(result) = study.state(member) {
                    done.insert(key(member));
                    if !is_first {
                        let (run, score) = (&member.run, scored(&result));
                        tell(&format!("{run}{score}, by another worker ({})", count(done)));
                    }
                }
            }
        }
        let sentence = match news {
            None if is_due => {
                let runs: Vec<_> = under_way.iter().cloned().collect();
                format!("{} done; under way: {}", count(done), runs.join(", "))
            }
            None => return,
            Some((member, event)) => {
                let run = &member.run;
                match event {
                    Event::Began => _ = under_way.insert(run.clone()),
                    _ => _ = under_way.remove(run),
                }
                match event {
                    Event::Over(State::Done(result)) => {
                        done.insert(key(member));
                        let (score, time) =
                            (scored(&result), wording::duration(result.wall_seconds));
                        format!("{run}{score} in {time} ({})", count(done))
                    }
                    Event::Over(state) => {
                        format!("{run} {}: {}", state.name(), state.why().unwrap_or_default())
                    }
                    Event::Began | Event::Left => return,
                }
            }
        };
        told = Instant::now();
        tell(&sentence);
    }
}

/// Number of runs that other workers make, at the end of a sentence about those that are done.
pub(super) fn elsewhere(n: usize) -> String {
    match n {
        0 => String::new(),
        1 => "; 1 is being made by another worker".to_owned(),
        n => format!("; {n} are being made by other workers"),
    }
}

/// The score of a run, after its name.
fn scored(result: &RunResult) -> String {
    result.scored().map_or_else(String::new, |(objective, measure)| {
        format!(": {} {}", objective.measure, wording::measure(measure))
    })
}
