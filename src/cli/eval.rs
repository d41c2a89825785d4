//! `lab eval`: score a saved model.
use super::model::{Learned, Trained};
use crate::usage::Usage;
use ::train::{Evaluation, Measure, Split, Which};
use anyhow::Result;
use generative::Generative;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Score the saved model of a run: mean return over episodes without exploration, or its measures on
/// the test pictures
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
    run: PathBuf,
    /// Episodes that an agent plays [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    episodes: Option<u32>,
    /// Also the importance-weighted bound of a model of data, with so many draws for each picture
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    k: Option<u32>,
    /// Test pictures that --k scores, the first ones [default: all]
    #[arg(long, value_name = "N", requires = "k", value_parser = clap::value_parser!(u32).range(1..))]
    pictures: Option<u32>,
    /// Score the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let which = if args.best { Which::Best } else { Which::Latest };
    let Trained { config, algorithm, learned } = Trained::load(&args.run, which)?;
    let name = algorithm.name;
    let evaluation = match (learned, args.episodes, args.k) {
        (Learned::Agent(agent, make), episodes, None) => {
            let episodes = episodes.unwrap_or(100) as usize;
            agents::evaluate(agent.as_ref(), &make, episodes, Split::Test, config.seed())?
        }
        (Learned::Model(mut model), None, k) => {
            let evaluation = model.evaluate(Split::Test)?;
            match k {
                Some(k) => bounded(evaluation, &*model, [k, args.pictures.unwrap_or(u32::MAX)])?,
                None => evaluation,
            }
        }
        (Learned::Agent(..), _, Some(k)) => {
            return Err(Usage(format!("--k {k}: {name} plays episodes; give --episodes")).into());
        }
        (Learned::Model(_), Some(episodes), _) => {
            return Err(Usage(format!("--episodes {episodes}: {name} plays none")).into());
        }
    };
    if args.json {
        let mut object = json!({
            "algorithm": name, "subject": config.subject(), "seed": config.seed(),
            "eval": evaluation.measures, "run": args.run.display().to_string(),
        });
        if let (Some(k), Some(object)) = (args.k, object.as_object_mut()) {
            object.insert("k".to_owned(), k.into());
        }
        writeln!(out, "{object}")?;
        return Ok(());
    }
    for (name, measure) in &evaluation.measures {
        writeln!(out, "{name} {}", told(measure))?;
    }
    Ok(())
}

/// With as many decimals as the interval needs to be seen.
fn told(measure: &Measure) -> String {
    let Measure { mean, ci95: [low, high], n } = *measure;
    match high - low {
        _ if n == 1 => format!("{mean:.2}"),
        width if 0.0 < width && width < 0.02 => {
            format!("{mean:.4} (95 % between {low:.4} and {high:.4}, n = {n})")
        }
        _ => format!("{mean:.2} (95 % between {low:.2} and {high:.2}, n = {n})"),
    }
}

/// `evaluation` with the bound by `k` draws for each of the first `n` test pictures.
fn bounded(
    mut evaluation: Evaluation,
    model: &dyn Generative,
    [k, n]: [u32; 2],
) -> Result<Evaluation> {
    let Some(bound) = model.importance_weighted(k as usize, n as usize)? else {
        let sentence = format!("--k {k}: this model has no likelihood that draws could bound");
        return Err(Usage(sentence).into());
    };
    evaluation.measures.insert("iwae_nats".to_owned(), bound);
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_can_be_seen() {
        let told =
            |mean, half: f64, n| told(&Measure { mean, ci95: [mean - half, mean + half], n });
        assert_eq!(told(13.756, 1.98, 100), "13.76 (95 % between 11.78 and 15.74, n = 100)");
        assert_eq!(told(0.0412, 0.0003, 50), "0.0412 (95 % between 0.0409 and 0.0415, n = 50)");
        assert_eq!(told(1.0, 0.0, 9), "1.00 (95 % between 1.00 and 1.00, n = 9)");
        assert_eq!(told(18.0, 0.0, 1), "18.00");
    }
}
