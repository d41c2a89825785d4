//! `lab plot`: learning curves of runs and studies, or values and policy of one as text or JSON.
use crate::registry;
use crate::render::board::{Board, Ink};
use crate::render::plot::{self, Form, Panel, Scale};
use crate::run::machine::tell;
use crate::run::trained::{Elsewhere, Trained};
use crate::run::{build, solution};
use crate::study::named::{begun, grouped, named};
use crate::usage::Usage;
use ::train::{RunDir, Which};
use agents::tabular::{Model, Table};
use anyhow::Result;
use envs::Mdp;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Plot the learning curves of runs as SVG and PNG
///
/// The curve of a group (`--by`, or a study) is the mean over its runs, with Student's 95 % interval of the mean as a
/// band. A run counts from its first value to its last, between two of them on the straight line; the legend says how
/// many runs there are, and how many of them went on to the last step. Where one alone counts there is no band.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories of runs or of studies; a study stands for its runs, and alone is grouped by the algorithm and
    /// whatever else differs but the seed
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Settings that make a group: runs with equal values are one curve, as in `--by env,lr`
    #[arg(long, value_name = "KEYS", value_delimiter = ',', conflicts_with_all = ["text", "solution"])]
    by: Vec<String>,
    /// Horizontal axis: steps, or time in seconds since the start of a run
    #[arg(long, value_name = "AXIS", default_value = "steps", conflicts_with_all = ["text", "solution"])]
    x: Across,
    /// Logarithmic horizontal axis
    #[arg(long, conflicts_with_all = ["text", "solution"])]
    log_x: bool,
    /// Logarithmic vertical axes
    #[arg(long, conflicts_with_all = ["text", "solution"])]
    log_y: bool,
    /// Draw the moving average of so many values of a run, an odd number; each counts the same, and near an end
    /// there are as few on one side as on the other [default: the values themselves]
    #[arg(long, value_name = "WINDOW", value_parser = window, conflicts_with_all = ["text", "solution"])]
    smooth: Option<usize>,
    /// Metric to draw, as in eval/return; may be repeated [default: all of eval/ and train/]
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// File to write, without its ending [default: curves in the directory of one run or study, here
    /// for several]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show values and policy as text instead, for runs on a known grid
    #[arg(long, conflicts_with_all = ["metrics", "out"])]
    text: bool,
    /// Write values, policy and action values of all states instead, as JSON, however many there are
    #[arg(long, value_name = "FILE", conflicts_with_all = ["metrics", "out", "text"])]
    solution: Option<PathBuf>,
}

/// Horizontal axis of curves.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Across {
    Steps,
    Time,
}

/// Odd, so that a value lies in its middle.
fn window(text: &str) -> Result<usize, String> {
    let number = params::whole(text).ok().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| number % 2 == 1).ok_or_else(|| "an odd number is expected".to_owned())
}

/// Endings of figures that `lab plot` does not write.
const OTHER: [&str; 7] = ["pdf", "eps", "ps", "jpg", "jpeg", "gif", "webp"];

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    if args.text {
        return args.runs.iter().try_for_each(|run| show(run, out));
    }
    if let Some(path) = &args.solution {
        let [run] = &args.runs[..] else {
            return Err(Usage("--solution: it is of one run; give one".to_owned()).into());
        };
        let (mdp, table) = known_values(run, "--solution")?;
        solution::write(&*mdp, table, path)?;
        writeln!(out, "{}", path.display())?;
        return Ok(());
    }
    let begun = begun(named(&args.runs)?)?;
    begun.notes.iter().for_each(|note| tell(&format!("note: {note}")));
    let panels = panels(args, &begun.runs)?;
    let base = match (&args.out, &args.runs[..]) {
        // Only these endings: `lr0.5` is a name.
        (Some(path), _) if path.extension().is_some_and(|end| end == "svg" || end == "png") => {
            path.with_extension("")
        }
        (Some(path), _)
            if path
                .extension()
                .is_some_and(|end| OTHER.iter().any(|other| end.eq_ignore_ascii_case(other))) =>
        {
            let sentence = format!("--out {}: curves are drawn as SVG and PNG", path.display());
            return Err(Usage(sentence).into());
        }
        // Beside a directory or a device the files would lie where nobody looks for them.
        (Some(path), _) if path.exists() && !path.is_file() => {
            let sentence = format!("--out {}: it is no file; give the name of one", path.display());
            return Err(Usage(sentence).into());
        }
        (Some(path), _) => path.clone(),
        (None, [run]) => run.join("curves"),
        (None, _) => Path::new("curves").to_owned(),
    };
    for extension in ["svg", "png"] {
        let path = PathBuf::from(format!("{}.{extension}", base.display()));
        plot::draw(&panels, &path)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// The curves that are asked for of these runs, one panel for each metric.
fn panels(args: &Args, runs: &[PathBuf]) -> Result<Vec<Panel>> {
    let form = Form { by_time: args.x == Across::Time, smooth: args.smooth };
    let groups = grouped(&args.runs, runs, &args.by)?;
    let mut panels = plot::grouped(&groups, &args.metrics, form)?;
    let unit = unit_of(runs).filter(|_| !form.by_time);
    for panel in &mut panels {
        if let Some(unit) = unit {
            panel.x_label = unit.to_owned();
        }
        if args.log_x {
            panel.x = Scale::Logarithmic;
        }
        if args.log_y {
            panel.y = Scale::Logarithmic;
            let values = panel.curves.iter().flat_map(|curve| &curve.points);
            let (all, above) = values.fold((0, 0), |(all, above), (_, value)| {
                (all + 1, above + usize::from(*value > 0.0))
            });
            match all - above {
                0 => {}
                _ if above == 0 => {
                    let title = &panel.title;
                    let sentence = format!("--log-y: no value of {title} is above 0");
                    return Err(Usage(format!(
                        "{sentence}; leave out --log-y, or choose others by --metric"
                    ))
                    .into());
                }
                low => tell(&format!(
                    "note: {low} of {all} values of {} are not above 0 and lie at the lower end of its axis",
                    panel.title
                )),
            }
        }
    }
    Ok(panels)
}

/// The unit in which all these runs count their steps, if it is one.
pub(super) fn unit_of(runs: &[PathBuf]) -> Option<&'static str> {
    let unit = |run: &PathBuf| {
        let info = RunDir::info(run).ok()?;
        Some(registry::algorithm(&info.algorithm).ok()?.unit)
    };
    let units: Vec<_> = runs.iter().map(unit).collect::<Option<_>>()?;
    units.first().copied().filter(|first| units.iter().all(|unit| unit == first))
}

/// Problem and value table of the agent of a run, for `flag`.
fn known_values(run: &Path, flag: &str) -> Result<(Arc<dyn Mdp>, Table)> {
    let refused = |why: &str| Usage(format!("{flag}: {}: {why}", run.display()));
    let unknown = || refused("the outcomes of its environment are not known");
    // No process of Python is started to find that out.
    if Trained::settings(run)?.is_in_python() {
        return Err(unknown().into());
    }
    let trained = Trained::load(run, Which::Latest, Elsewhere::default())?;
    let (agent, _) = trained.agent()?;
    let mdp = build::problem(&trained.config)?.ok_or_else(unknown)?;
    let Some(table) = agent.table(&Model::new(&mdp)?)? else {
        return Err(refused("its agent has no values").into());
    };
    Ok((mdp, table))
}

/// Shows what the agent of a run thinks of the states of its problem.
fn show(run: &Path, out: &mut dyn Write) -> Result<()> {
    let (mdp, table) = known_values(run, "--text")?;
    let refused = |why: &str| Usage(format!("--text: {}: {why}", run.display()));
    let Some(board) = Board::new(&mdp)? else {
        return Err(refused("the states of its problem do not lie on a grid").into());
    };
    let Some(text) = board.text(&table, Ink::of_stdout()) else {
        return Err(refused("the grid is too wide for text; see values.svg in it").into());
    };
    writeln!(out, "{}\n{text}", run.display())?;
    Ok(())
}
