//! `lab sample`: draw from a generative model.
use super::model::Trained;
use crate::sheet;
use crate::usage::Usage;
use ::train::{Which, stream};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Draw from a generative model
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
    run: PathBuf,
    /// How many pictures
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    n: u32,
    /// What to draw, by its label, from a model that was told labels [default: all in turn]
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Picture to write [default: samples.png in the run directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of what is drawn [default: that of the run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draw from the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let which = if args.best { Which::Best } else { Which::Latest };
    let trained = Trained::load(&args.run, which)?;
    let seed = args.seed.unwrap_or(trained.config.seed());
    let n = args.n as usize;
    let (model, mut rng) = (trained.model()?, stream(seed, "samples"));
    let drawn = match &args.label {
        Some(label) => model.sample_class(class(label, model.classes())?, n, &mut rng)?,
        None => model.sample(n, &mut rng)?,
    };
    let Some(images) = drawn else {
        let run = args.run.display();
        let name = trained.algorithm.name;
        let sentence =
            format!("{run}: this {name} has learned to encode, and no distribution to draw from");
        return Err(Usage(sentence).into());
    };
    let path = args.out.clone().unwrap_or_else(|| args.run.join("samples.png"));
    let columns = (1..).find(|columns| columns * columns >= n).unwrap_or(n);
    sheet::write(&path, &images, columns)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// The place of `label` among `classes`.
fn class(label: &str, classes: &[String]) -> Result<usize, Usage> {
    if classes.is_empty() {
        let sentence = "this model was told no labels; train one with --conditional";
        return Err(Usage(format!("--label {label}: {sentence}")));
    }
    let place = classes.iter().position(|class| class == label);
    place.ok_or_else(|| Usage(format!("--label {label}: there are {}", classes.join(", "))))
}
