//! `lab report`: one page about runs.
use super::plot::unit_of;
use crate::run::machine::tell;
use crate::run::report;
use crate::study::named::{Begun, begun, grouped, named};
use crate::usage::Usage;
use ::train::write_atomic;
use anyhow::Result;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write a report of runs as one HTML page
///
/// Results, curves with their values under the pointer, settings and figures; the page needs no other file and no network.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories of runs or of studies; a study stands for its runs, and alone is grouped as by `lab plot`
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Settings that make a group: runs with equal values are one curve, as in `--by env,lr`
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    by: Vec<String>,
    /// File to write [default: report.html in the directory of one run or study, here for several]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let path = match (&args.out, &args.runs[..]) {
        (Some(path), _) if path.extension().is_some_and(|end| end == "html" || end == "htm") => {
            path.clone()
        }
        (Some(path), _) => {
            let sentence =
                format!("--out {}: a page; give a name that ends in .html", path.display());
            return Err(Usage(sentence).into());
        }
        (None, [only]) => only.join("report.html"),
        (None, _) => Path::new("report.html").to_owned(),
    };
    let Begun { runs, notes } = begun(named(&args.runs)?)?;
    notes.iter().for_each(|note| tell(&format!("note: {note}")));
    let groups = grouped(&args.runs, &runs, &args.by)?;
    let page = report::page(&runs, &groups, unit_of(&runs).unwrap_or("step"))?;
    write_atomic(&path, page.as_bytes())?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}
