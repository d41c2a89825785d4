//! `lab eval`: score a saved model.
use super::model::{Learned, Trained};
use crate::usage::Usage;
use ::train::{Split, Which};
use anyhow::Result;
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
    let evaluation = match (learned, args.episodes) {
        (Learned::Agent(agent, make), episodes) => {
            let episodes = episodes.unwrap_or(100) as usize;
            agents::evaluate(agent.as_ref(), &make, episodes, Split::Test, config.seed())?
        }
        (Learned::Model(mut model), None) => model.evaluate(Split::Test)?,
        (Learned::Model(_), Some(episodes)) => {
            let name = algorithm.name;
            return Err(Usage(format!("--episodes {episodes}: {name} plays none")).into());
        }
    };
    if args.json {
        let object = json!({
            "algorithm": algorithm.name, "subject": config.subject(), "seed": config.seed(),
            "eval": evaluation.measures, "run": args.run.display().to_string(),
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    for (name, measure) in &evaluation.measures {
        let [low, high] = measure.ci95;
        writeln!(
            out,
            "{name} {:.2} (95 % between {low:.2} and {high:.2}, n = {})",
            measure.mean, measure.n
        )?;
    }
    Ok(())
}
