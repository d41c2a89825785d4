//! `lab plot`: learning curves of one or several runs.
use crate::plot;
use anyhow::Result;
use std::io::Write;
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
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
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
