//! `lab plot`: learning curves of one or several runs, or values and policy of one as text or JSON.
use crate::registry;
use crate::render::board::{Board, Ink};
use crate::render::plot;
use crate::run::trained::{Elsewhere, Trained};
use crate::run::{build, solution};
use crate::usage::Usage;
use ::train::{RunDir, Which};
use agents::tabular::{Model, Table};
use anyhow::Result;
use envs::Mdp;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Plot the learning curves of runs as SVG and PNG
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directories
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Metric to draw, as in eval/return; may be repeated [default: all of eval/ and train/]
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// File to write, without its ending [default: curves in the run directory of one run, here
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
    let mut panels = plot::panels(&args.runs, &args.metrics)?;
    if let Some(unit) = unit_of(&args.runs) {
        panels.iter_mut().for_each(|panel| panel.x_label = unit.to_owned());
    }
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

/// The unit in which all these runs count their steps, if it is one.
fn unit_of(runs: &[PathBuf]) -> Option<&'static str> {
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
