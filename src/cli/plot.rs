//! `lab plot`: learning curves of one or several runs, or what one thinks of a grid.
use super::model::Trained;
use super::session;
use crate::board::{Board, Ink};
use crate::plot;
use crate::usage::Usage;
use ::train::Which;
use agents::tabular::Model;
use anyhow::Result;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Draw the learning curves of one or several runs as SVG and PNG
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
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    if args.text {
        return args.runs.iter().try_for_each(|run| show(run, out));
    }
    let panels = plot::panels(&args.runs, &args.metrics)?;
    let base = match (&args.out, &args.runs[..]) {
        // Only these endings: `lr0.5` is a name.
        (Some(path), _) if path.extension().is_some_and(|end| end == "svg" || end == "png") => {
            path.with_extension("")
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

/// Shows what the agent of a run thinks of the states of its problem.
fn show(run: &Path, out: &mut dyn Write) -> Result<()> {
    let trained = Trained::load(run, Which::Latest)?;
    let refused = |why: &str| Usage(format!("--text: {}: {why}", run.display()));
    let (agent, _) = trained.agent()?;
    let Some(mdp) = session::problem(&trained.config)? else {
        return Err(refused("the outcomes of its environment are not known").into());
    };
    let Some(board) = Board::new(&mdp)? else {
        return Err(refused("the states of its problem do not lie on a grid").into());
    };
    let Some(table) = agent.table(&Model::new(&mdp)?)? else {
        return Err(refused("its agent has no values").into());
    };
    let Some(text) = board.text(&table, ink()) else {
        return Err(refused("the grid is too wide for text; see values.svg in it").into());
    };
    writeln!(out, "{}\n{text}", run.display())?;
    Ok(())
}

/// What standard output understands: colours in a terminal, unless the user wants none
/// (<https://no-color.org>).
pub(super) fn ink() -> Ink {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb {
        Ink::Colour
    } else {
        Ink::Plain
    }
}
