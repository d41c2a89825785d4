//! The five games of MinAtar (Young & Tian 2019, <https://arxiv.org/abs/1903.03176>) with DQN, PQN and PPO, three seeds each, beside
//! their DQN after 5 million frames and the PPO of gymnax and pgx after 20 million. Published numbers are read off curves.
//!
//! Different: the recipes are those of lab's presets for `breakout` in every game, with a learning rate that falls over the
//! whole run, and PPO has half as many transitions. Returns are those of episodes without exploration, of at most 10,000 steps.
use super::commands::{by_seed, mean, mean_curve, points, trained};
use super::{Experiment, Findings, Setting, Target};
use crate::claim::Claim;
use crate::render::plot::Panel;
use anyhow::Result;

pub(super) const TARGET: Target = Target {
    name: "minatar",
    about: "MinAtar's five games with DQN, PQN and PPO; a day, or --steps 2M",
    data: None,
    takes_steps: true,
    experiments: &[
        Experiment {
            name: "breakout",
            about: "DQN 10 after 5 million frames (Young & Tian 2019), PPO 50 after 20 million",
            run: |setting| run(&Game { name: "breakout", dqn: 10.0, ppo: 50.0 }, setting),
        },
        Experiment {
            name: "asterix",
            about: "DQN 17, PPO 22",
            run: |setting| run(&Game { name: "asterix", dqn: 17.0, ppo: 22.0 }, setting),
        },
        Experiment {
            name: "freeway",
            about: "DQN 50, PPO 63.5",
            run: |setting| run(&Game { name: "freeway", dqn: 50.0, ppo: 63.5 }, setting),
        },
        Experiment {
            name: "seaquest",
            about: "DQN 20, PPO 54",
            run: |setting| run(&Game { name: "seaquest", dqn: 20.0, ppo: 54.0 }, setting),
        },
        Experiment {
            name: "space-invaders",
            about: "DQN 44, PPO 144",
            run: |setting| run(&Game { name: "space-invaders", dqn: 44.0, ppo: 144.0 }, setting),
        },
    ],
};

const SEEDS: u64 = 3;
/// Steps of a run of `--quick`: four updates of PPO, few of the others.
const QUICK: u64 = 16_384;

/// A game with its published returns.
struct Game {
    name: &'static str,
    dqn: f64,
    ppo: f64,
}

/// An algorithm with the preset whose settings it takes, and its number of transitions.
struct Recipe {
    algorithm: &'static str,
    preset: &'static str,
    steps: u64,
}

const RECIPES: [Recipe; 3] = [
    Recipe { algorithm: "dqn", preset: "dqn-breakout", steps: 5_000_000 },
    Recipe { algorithm: "pqn", preset: "pqn-breakout", steps: 10_000_000 },
    Recipe { algorithm: "ppo", preset: "ppo-breakout", steps: 10_000_000 },
];

impl Recipe {
    /// The training command for a game, with evaluations of so many episodes.
    fn line(&self, game: &str, steps: u64, [every, episodes, seed]: [u64; 3]) -> String {
        let Self { algorithm, preset, .. } = self;
        let test = 10 * episodes;
        format!(
            "{algorithm} --env {game} --preset {preset} --steps {steps} --lr-steps {steps} --eval-every {every} \
             --log-every {every} --eval-episodes {episodes} --test-episodes {test} --seed {seed}"
        )
    }
}

fn run(game: &Game, setting: &Setting) -> Result<Findings> {
    let (mut lines, mut curves) = (Vec::new(), Vec::new());
    for recipe in &RECIPES {
        let steps = setting.steps.unwrap_or(setting.pick(recipe.steps, QUICK));
        // An episode of freeway has 2,500 steps: a short run plays few.
        let (evaluations, episodes) = setting.pick((20, 10), (2, 1));
        let every = (steps / evaluations).max(1);
        let (mut runs, mut returns) = (Vec::new(), Vec::new());
        for seed in setting.seeds(SEEDS) {
            let (rows, report) =
                trained(&recipe.line(game.name, steps, [every, episodes, seed]), setting)?;
            runs.push(points(&rows, "eval/return"));
            let measures = report.evaluated()?.measures;
            returns.push(measures.get("return").map_or(f64::NAN, |found| found.mean));
        }
        lines.push(line(recipe, game, steps, &returns, setting));
        curves.push(mean_curve(recipe.algorithm, &runs));
    }
    Ok(Findings {
        lines,
        panels: vec![Panel {
            title: format!("{}: return without exploration, mean of {SEEDS} seeds", game.name),
            x_label: "transitions".to_owned(),
            curves,
            ..Panel::default()
        }],
    })
}

fn line(recipe: &Recipe, game: &Game, steps: u64, returns: &[f64], setting: &Setting) -> Claim {
    let Recipe { algorithm, .. } = recipe;
    let (published, after) = match *algorithm {
        "ppo" => (game.ppo, "PPO of gymnax and pgx after 20 million frames"),
        _ => (game.dqn, "DQN of Young & Tian after 5 million frames"),
    };
    let claim = format!("at least {published}");
    // A short run is not compared.
    let (claim, holds) = setting
        .pick((claim.as_str(), mean(returns) >= published), ("numbers", mean(returns).is_finite()));
    let what = format!("{algorithm} after {steps} transitions: return, by seed");
    Claim::stated(what, by_seed(returns), claim, holds).note(format!("{after}: {published}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::line::configured;

    #[test]
    fn every_line_is_a_command() {
        for (recipe, experiment) in RECIPES
            .iter()
            .flat_map(|recipe| TARGET.experiments.iter().map(move |one| (recipe, one)))
        {
            let line = recipe.line(experiment.name, recipe.steps, [1_000, 10, 3]);
            let (algorithm, config) = configured(&line).unwrap();
            assert_eq!(algorithm.name, recipe.algorithm);
            assert_eq!(config.plan().unwrap().steps, recipe.steps, "{line}");
            assert_eq!((config.subject(), config.seed()), (experiment.name, 3));
        }
    }

    #[test]
    fn what_is_published_is_a_bound() {
        let game = Game { name: "breakout", dqn: 10.0, ppo: 50.0 };
        let full = Setting { size: super::super::Size::Full, ..Setting::quick() };
        let of = |i: usize, returns: &[f64]| line(&RECIPES[i], &game, 100, returns, &full).pass;
        assert!(of(0, &[9.0, 11.0, 10.5]) && !of(0, &[9.0, 9.0, 11.0]));
        assert!(of(1, &[10.0]) && !of(2, &[49.0]) && of(2, &[50.0]));
    }
}
