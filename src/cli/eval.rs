//! `lab eval`: score a saved model.
use super::Interpreter;
use crate::run::build::raise_limit;
use crate::run::config::Config;
use crate::run::data as run_data;
use crate::run::machine::progress;
use crate::run::trained::{Elsewhere, Learned, Trained, With};
use crate::usage::Usage;
use crate::wording;
use ::train::{Ends, Evaluation, Measure, Split, Which, pulse, stream};
use anyhow::Result;
use generative::Generative;
use generative::data::{Binarisation, Dataset};
use generative::measures::{LEAST, SampleEvaluator};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Score the saved model of a run
///
/// Mean return over episodes without exploration, or the measures of a model on the test images.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
    run: PathBuf,
    /// Episodes that an agent plays [default: 100]
    #[arg(long, value_name = "N", value_parser = super::positive)]
    episodes: Option<u32>,
    /// Also the importance-weighted bound of a model of data, with so many samples of z per image
    #[arg(long, value_name = "K", value_parser = super::positive)]
    k: Option<u32>,
    /// Test images that --k scores, the first ones [default: all]
    #[arg(long, value_name = "N", requires = "k", value_parser = super::positive)]
    images: Option<u32>,
    /// Also evaluate so many samples of a model of data beside its test images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(LEAST as i64..=100_000))]
    samples: Option<u32>,
    /// Score the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
    /// New place of the model's data, if they were moved; they must be unchanged
    #[arg(long, value_name = "NAME:PATH")]
    data: Option<String>,
    #[command(flatten)]
    interpreter: Interpreter,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    crate::run::machine::start(args.threads)?;
    let which = if args.best { Which::Best } else { Which::Latest };
    let elsewhere =
        Elsewhere { data: args.data.as_deref(), python: args.interpreter.python.as_deref() };
    let trained = Trained::load_with(&args.run, which, With::Data, elsewhere)?;
    let (name, config) = (trained.algorithm.name, trained.config.clone());
    if let (Learned::Agent(..), Some(data)) = (&trained.learned, &args.data) {
        return Err(Usage(format!("--data {data}: {name} learned in an environment")).into());
    }
    if let (Learned::Agent(..), Some(n)) = (&trained.learned, args.samples) {
        return Err(Usage(format!("--samples {n}: {name} plays episodes; give --episodes")).into());
    }
    let mut progress = vec![progress("", Ends::AfterSteps, false)];
    let evaluation = pulse::telling(&mut progress, || score(args, trained))?;
    drop(progress); // The bar leaves the terminal before the result is told.
    if args.json {
        let mut object = json!({
            "algorithm": name, "subject": config.subject(), "seed": config.seed(),
            "eval": evaluation.measures, "run": args.run.display().to_string(),
        });
        let cut = evaluation.cut_off.map(|cut_off| cut_off.episodes as u32);
        for (name, given) in [("k", args.k), ("samples", args.samples), ("cut_off", cut)] {
            if let (Some(n), Some(object)) = (given, object.as_object_mut()) {
                object.insert(name.to_owned(), n.into());
            }
        }
        writeln!(out, "{object}")?;
        return Ok(());
    }
    for (name, measure) in &evaluation.measures {
        writeln!(out, "{name} {}", wording::measure(measure))?;
    }
    if let Some(cut_off) = evaluation.cut_off {
        writeln!(out, "{cut_off}{}", raise_limit(&config)?)?;
    }
    Ok(())
}

/// All that was asked for.
fn score(args: &Args, trained: Trained) -> Result<Evaluation> {
    let Trained { algorithm, config, learned, data } = trained;
    let name = algorithm.name;
    Ok(match (learned, args.episodes, args.k) {
        (Learned::Agent(agent, make), episodes, None) => {
            let episodes = episodes.unwrap_or(100) as usize;
            agents::evaluate(agent.as_ref(), &make, episodes, Split::Test, config.seed())?
        }
        (Learned::Model(mut model), None, k) => {
            let mut evaluation = model.evaluate(Split::Test)?;
            if let Some(k) = k {
                evaluation = bounded(evaluation, &*model, [k, args.images.unwrap_or(u32::MAX)])?;
            }
            if let Some(n) = args.samples {
                evaluation.measures.extend(sample_quality(&*model, &config, n, || {
                    let moved = args.data.as_deref();
                    Ok(run_data::again(&args.run, &config, data.as_ref(), moved)?.dataset)
                })?);
            }
            evaluation
        }
        (Learned::Agent(..), _, Some(k)) => {
            return Err(Usage(format!("--k {k}: {name} plays episodes; give --episodes")).into());
        }
        (Learned::Model(_), Some(episodes), _) => {
            return Err(Usage(format!("--episodes {episodes}: {name} plays none")).into());
        }
    })
}

/// `evaluation` with the bound by `k` draws for each of the first `n` test images.
fn bounded(
    mut evaluation: Evaluation,
    model: &dyn Generative,
    [k, n]: [u32; 2],
) -> Result<Evaluation> {
    let Some(model) = model.importance_weighted() else {
        let sentence = format!("--k {k}: this model has no likelihood that draws could bound");
        return Err(Usage(sentence).into());
    };
    let bound = model.bound(k as usize, n as usize)?;
    evaluation.measures.insert("iwae_nats".to_owned(), bound);
    Ok(evaluation)
}

/// Quality of `n` samples of `model` against the images of its data set: grey as the set has them, or
/// black and white where the samples are.
fn sample_quality(
    model: &dyn Generative,
    config: &Config,
    n: u32,
    load: impl FnOnce() -> Result<Dataset>,
) -> Result<Vec<(String, Measure)>> {
    let Some(model) = model.image_sampler() else {
        let sentence = format!("--samples {n}: this model draws no images that could be measured");
        return Err(Usage(sentence).into());
    };
    let samples =
        model.sample_images(n as usize, None, &mut stream(config.seed(), "eval/samples"))?;
    let mut data = load()?.images()?;
    let test = data.test.len();
    if test < LEAST {
        let sentence =
            format!("--samples {n}: the data have {test} test images, {LEAST} are needed");
        return Err(Usage(sentence).into());
    }
    let mut set = config.subject().to_owned();
    if let Some(("folder", path)) = config.named().split_once(':')
        && let Some(last) = Path::new(path).file_name()
    {
        set = format!("folder-{}", last.display());
    }
    if samples.levels() == 2 && data.test.levels() > 2 {
        (data, set) = (Binarisation::Static.prepare(data)?, format!("{set}-binary"));
    }
    SampleEvaluator::new(&set, &data)?.measures(&samples)
}
