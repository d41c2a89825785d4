//! `lab compare`: studies and runs beside each other.
use crate::render::plot::{self, Curve, Panel};
use crate::run::machine::tell;
use crate::study::compare::{Task, overall, tasks};
use crate::study::groups::{Group, groups, sorted};
use crate::study::statistics::profile;
use crate::usage::Usage;
use crate::wording;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Compare studies and runs: which is better, and whether by more than noise
///
/// Runs that differ by their seeds alone are one group. Of each group the mean with Student's interval, the median and the interquartile
/// mean with its bootstrap interval are told; of each two the difference with Welch's interval, and the probability of improvement
/// (Agarwal et al. 2021).
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories of studies or runs
    #[arg(required = true, value_name = "STUDY")]
    dirs: Vec<PathBuf>,
    /// Draw performance profiles, the share of runs above each score, into this file: .svg or .png
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Thresholds of a performance profile.
const THRESHOLDS: usize = 201;

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    if let Some(path) = &args.profile
        && !path.extension().is_some_and(|end| end == "svg" || end == "png")
    {
        let sentence = format!("--profile {}: .svg or .png is expected", path.display());
        return Err(Usage(sentence).into());
    }
    let mut runs = sorted(&args.dirs)?;
    runs.damaged.iter().for_each(|why| tell(&format!("note: {why}; this run is left out")));
    let ended = std::mem::take(&mut runs.ended);
    if ended.is_empty() {
        bail!("nothing to compare: no run has come to its end; go on with `lab resume`");
    }
    let missing = runs.missing() + runs.training.len() + runs.failed.len();
    let groups = groups(ended);
    let tasks = tasks(&groups);
    if tasks.is_empty() {
        bail!("nothing to compare: no run was evaluated");
    }
    if let Some(path) = &args.profile {
        plot::draw(&tasks.iter().map(panel).collect::<Vec<_>>(), path)?;
    }
    if args.json {
        let overall = overall(&tasks, &groups);
        let json = serde_json::json!({ "tasks": tasks, "overall": overall, "missing": missing });
        writeln!(out, "{json}")?;
        return Ok(());
    }
    for task in &tasks {
        write(task, out)?;
    }
    write_overall(&tasks, &groups, out)?;
    if missing > 0 {
        let runs = wording::counted(missing as u64, "runs");
        writeln!(out, "{runs} without a result left out")?;
    }
    if let Some(path) = &args.profile {
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

fn write(task: &Task, out: &mut dyn Write) -> Result<()> {
    let better = wording::better(task.direction);
    writeln!(out, "{}: {}, {better} is better", task.subject, task.measure)?;
    let head = ["", "seeds", "mean", "95 %", "median", "interquartile mean", "95 %"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for group in &task.groups {
        let statistics = &group.statistics;
        let digits =
            wording::digits(&statistics.measure()).min(wording::digits(&statistics.middle()));
        let number = |x| wording::number(x, digits);
        let interval = |ci: Option<[f64; 2]>| {
            ci.map_or("none".to_owned(), |[low, high]| {
                format!("{} to {}", number(low), number(high))
            })
        };
        table.push(vec![
            group.label.clone(),
            statistics.n_seeds.to_string(),
            number(statistics.mean),
            interval(statistics.ci95),
            number(group.median),
            number(statistics.iqm),
            interval(statistics.iqm_ci95),
        ]);
    }
    write!(out, "{}", wording::table(&table))?;
    let (tested, untested): (Vec<_>, Vec<_>) =
        task.pairs.iter().partition(|pair| pair.difference.ci95.is_some());
    tested.iter().try_for_each(|pair| writeln!(out, "{}", pair.told()))?;
    match &untested[..] {
        [] => {}
        [one] => writeln!(out, "{}", one.told())?,
        several => writeln!(
            out,
            "{} pairs have a group of one run or of one answer, which says nothing of noise",
            several.len()
        )?,
    }
    if tested.len() > 1 {
        let pairs = tested.len();
        writeln!(
            out,
            "({pairs} comparisons: where nothing differs, about one in twenty shows a difference by chance)"
        )?;
    }
    Ok(writeln!(out)?)
}

fn write_overall(tasks: &[Task], groups: &[Group], out: &mut dyn Write) -> Result<()> {
    let overall = overall(tasks, groups);
    if overall.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "Over all {} tasks: interquartile mean of scores, scaled from 0, the worst run of a task, to 1, its best",
        tasks.len()
    )?;
    let mut table = vec![["", "interquartile mean", "95 %"].map(str::to_owned).to_vec()];
    for method in overall {
        let interval = method.iqm_ci95.map(|[low, high]| format!("{low:.3} to {high:.3}"));
        table.push(vec![
            method.label,
            format!("{:.3}", method.iqm),
            interval.unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    write!(out, "{}", wording::table(&table))?;
    Ok(writeln!(out)?)
}

/// Performance profiles on one environment or data set.
fn panel(task: &Task) -> Panel {
    let all = || task.groups.iter().flat_map(|group| group.scores.iter().copied());
    let (low, high) =
        (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let step = (high - low).max(1e-9) / (THRESHOLDS - 5) as f64;
    let thresholds: Vec<f64> = (0..THRESHOLDS).map(|i| low + step * (i as f64 - 2.0)).collect();
    let curve = |group: &crate::study::compare::Scored| {
        let shares = profile(std::slice::from_ref(&group.scores), &thresholds);
        let points = thresholds.iter().copied().zip(shares).collect();
        Curve { label: group.label.clone(), points, ..Curve::default() }
    };
    Panel {
        title: format!("{}: share of runs above", task.subject),
        x_label: task.measure.clone(),
        curves: task.groups.iter().map(curve).collect(),
        ..Panel::default()
    }
}
