//! `lab worker`: make the runs of a study that nobody makes yet.
use super::study::{Place, Shares, elsewhere, progress};
use crate::run::state::State;
use crate::study::info::Study;
use crate::study::work::{make, work};
use ::train::DeviceChoice;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Make runs of a study, beside other workers
///
/// Takes one run after another that is neither done nor held by another worker, and goes on with those that were left half done. Any
/// number of workers, on any machines that share the directory, make a study together: this is the command that a
/// cluster's scheduler starts.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directory of the study
    study: PathBuf,
    /// Runs that are made at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Threads of each run [default: one per core, shared among the jobs]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Device for tensors: auto, cpu, cuda or cuda:I
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// This run alone, in this process, which stops when its standard input ends
    #[arg(long, value_name = "RUN", hide = true)]
    run: Option<String>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<u8> {
    let mut study = Study::open(&args.study)?;
    if let Some(run) = &args.run {
        return make(&study, run, args.device, args.threads);
    }
    let place = Place::jobs(args.jobs);
    let (threads, device) = (args.threads, args.device);
    let shares = Shares { place: &place, threads, device, tensorboard: false };
    let crew = shares.or_those_of(&study).crew(study.members.len())?;
    let interrupted = work(&mut study, &crew, progress(args.quiet))?;
    let (mut done, mut failed, mut others) = (0, 0, 0);
    for member in &study.members {
        match study.state(member) {
            State::Done(_) => done += 1,
            State::Failed(_) | State::Diverged(_) => failed += 1,
            State::Training => others += 1,
            _ => {}
        }
    }
    let all = study.members.len();
    let told = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    writeln!(out, "{done} of {all} runs are done{told}{}", elsewhere(others))?;
    Ok(if interrupted { 130 } else { 0 })
}
