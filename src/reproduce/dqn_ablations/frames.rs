//! One frame against four: CartPole without its velocities, which no single observation shows and two of them do.
use super::rows_of;
use crate::claim::Claim;
use crate::reproduce::commands::{by_seed, later_half, mean, seeds_panel};
use crate::reproduce::{Findings, Setting};
use anyhow::Result;

const SEEDS: u64 = 3;

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let steps = setting.pick(100_000, 2_000);
    let variants = [
        ("all numbers", ""),
        ("positions, one frame", "--hide velocity"),
        ("positions, four frames", "--hide velocity --frame-stack 4"),
    ];
    let mut found = Vec::new();
    for (_, options) in variants {
        let line = format!(
            "--env cartpole --target 501 --steps {steps} --eval-every {} {options}",
            steps / 20
        );
        let of = |seed| Ok(later_half(&rows_of(&line, seed, setting)?, "eval/return"));
        found.push(setting.seeds(SEEDS).map(of).collect::<Result<Vec<f64>>>()?);
    }
    let line = |i: usize| {
        let (claim, holds) = match i {
            0 => ("the most, in the mean", mean(&found[0]) > mean(&found[1]).max(mean(&found[2]))),
            1 => ("the least, in the mean", mean(&found[1]) < mean(&found[0]).min(mean(&found[2]))),
            _ => ("between them, in the mean", {
                mean(&found[1]) < mean(&found[2]) && mean(&found[2]) < mean(&found[0])
            }),
        };
        // A short run does not show it.
        let (claim, holds) = setting.pick((claim, holds), ("numbers", mean(&found[i]).is_finite()));
        let what = format!("{}: return of the later half of training, by seed", variants[i].0);
        Claim::stated(what, by_seed(&found[i]), claim, holds)
    };
    let names = variants.map(|(name, _)| name);
    Ok(Findings {
        lines: (0..variants.len()).map(line).collect(),
        panels: vec![seeds_panel("Return on CartPole", &names, &found, setting.seed)],
    })
}
