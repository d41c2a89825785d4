//! `lab sample`: draw from a generative model.
use crate::render::image_grid;
use crate::run::data as run_data;
use crate::run::trained::{Elsewhere, Trained, With};
use crate::usage::Usage;
use ::train::{Split, Which, stream, write_atomic};
use anyhow::Result;
use generative::measures::above_nearest;
use std::io::Write;
use std::path::PathBuf;

/// Sample from a trained generative model
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
    run: PathBuf,
    /// Number of images, or points
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    n: u32,
    /// Label to condition on, for a conditional model [default: all in turn]
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Sampling temperature of an autoregressive model, the divisor of its logits: less than 1 for
    /// likelier images, 0 for the likeliest value each time [default: 1]
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<f64>,
    /// Complete the upper halves of test images, eight ways each, into completions.png
    #[arg(long, conflicts_with = "label")]
    complete: bool,
    /// Put the first 50, by tens, above the training images that are nearest to them, into nearest.png
    #[arg(long, conflicts_with_all = ["complete", "temperature"])]
    nearest: bool,
    /// File to write [default: samples.png in the run directory, samples.csv of points]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of what is drawn [default: that of the run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// New place of the run's data, if they were moved: for --complete and --nearest
    #[arg(long, value_name = "NAME:PATH")]
    data: Option<String>,
    /// Draw from the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    crate::run::machine::start(args.threads)?;
    let which = if args.best { Which::Best } else { Which::Latest };
    // Only the test images that are completed are needed for the model itself.
    let with = if args.complete { With::Data } else { With::Nothing };
    let elsewhere = Elsewhere { data: args.data.as_deref(), ..Elsewhere::default() };
    let trained = Trained::load_with(&args.run, which, with, elsewhere)?;
    let seed = args.seed.unwrap_or(trained.config.seed());
    let n = args.n as usize;
    if args.complete || args.temperature.is_some() {
        return number_by_number(args, &trained, seed, out);
    }
    let (model, mut rng) = (trained.model()?, stream(seed, "samples"));
    let label = args.label.as_ref().map(|label| class(label, model.classes())).transpose()?;
    if let Some(model) = model.point_sampler() {
        if args.nearest {
            let sentence =
                "--nearest: this model draws points, and the nearest ones are looked for of images";
            return Err(Usage(sentence.to_owned()).into());
        }
        return listed(args, &model.sample_points(n, label, &mut rng)?, out);
    }
    let Some(sampler) = model.image_sampler() else {
        let run = args.run.display();
        let name = trained.algorithm.name;
        let sentence =
            format!("{run}: this {name} has learned to encode, and no distribution to draw from");
        return Err(Usage(sentence).into());
    };
    let mut columns = (1..).find(|columns| columns * columns >= n).unwrap_or(n);
    let (mut name, mut images) = ("samples.png", sampler.sample_images(n, label, &mut rng)?);
    if args.nearest {
        let (moved, saved) = (args.data.as_deref(), trained.data.as_ref());
        let data = run_data::again(&args.run, &trained.config, saved, moved)?.dataset.images()?;
        let Some(grid) = above_nearest(&images, &data.train)? else {
            return Err(Usage(format!("--n {n}: --nearest needs 10 at least")).into());
        };
        (name, images, columns) = ("nearest.png", grid.images, grid.columns);
    }
    let path = args.out.clone().unwrap_or_else(|| args.run.join(name));
    image_grid::write(&path, &images, columns)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// Points as a table.
fn listed(args: &Args, points: &[[f32; 2]], out: &mut dyn Write) -> Result<()> {
    let path = args.out.clone().unwrap_or_else(|| args.run.join("samples.csv"));
    if path.extension().is_none_or(|extension| extension != "csv") {
        let path = path.display();
        return Err(Usage(format!(
            "--out {path}: points are a table; give a name that ends in .csv"
        ))
        .into());
    }
    let rows = points.iter().map(|[x, y]| format!("{x},{y}\n")).collect::<String>();
    write_atomic(&path, format!("x,y\n{rows}").as_bytes())?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// Writes samples at a temperature, or completions, of an autoregressive model.
fn number_by_number(args: &Args, trained: &Trained, seed: u64, out: &mut dyn Write) -> Result<()> {
    let model = trained.model()?;
    let Some(ancestral) = model.autoregressive() else {
        let flag = if args.complete { "--complete" } else { "--temperature" };
        let sentence = format!("{flag}: {} does not draw number by number", trained.algorithm.name);
        return Err(Usage(sentence).into());
    };
    let (n, temperature) = (args.n as usize, args.temperature.unwrap_or(1.0));
    let (name, images, columns) = if args.complete {
        let (rows, rng) = (n.div_ceil(8), &mut stream(seed, "completions"));
        let Some(grid) = ancestral.completions(Split::Test, rows, temperature, rng)? else {
            let sentence = "--complete: the images of this model have no upper half";
            return Err(Usage(sentence.to_owned()).into());
        };
        ("completions.png", grid.images, grid.columns)
    } else {
        let label = args.label.as_ref().map(|label| class(label, model.classes())).transpose()?;
        let images = ancestral.sample_at(n, temperature, label, &mut stream(seed, "samples"))?;
        ("samples.png", images, (1..).find(|columns| columns * columns >= n).unwrap_or(n))
    };
    let path = args.out.clone().unwrap_or_else(|| args.run.join(name));
    image_grid::write(&path, &images, columns)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("a number of at least 0 is expected".to_owned()),
    }
}

/// The place of `label` among `classes`.
fn class(label: &str, classes: &[String]) -> Result<u32, Usage> {
    if classes.is_empty() {
        let sentence = "this model was told no labels; train one with --conditional";
        return Err(Usage(format!("--label {label}: {sentence}")));
    }
    let place = classes.iter().position(|class| class == label);
    let place = place.and_then(|place| u32::try_from(place).ok());
    place.ok_or_else(|| Usage(format!("--label {label}: there are {}", classes.join(", "))))
}
