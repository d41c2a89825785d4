//! Rainbow (Hessel et al. 2018, <https://arxiv.org/abs/1710.02298>) without each of its six parts, and DQN without any, on Breakout.
use super::rows_of;
use crate::claim::Claim;
use crate::reproduce::commands::{by_seed, later_half, mean, seeds_panel};
use crate::reproduce::{Findings, Setting};
use anyhow::Result;

const SEEDS: u64 = 3;

/// Parts, with the options that they are and those that are in their place.
const PARTS: [(&str, &str, &str); 6] = [
    ("double", "--double true", "--double false"),
    ("dueling", "--dueling true", "--dueling false"),
    ("n-step", "--n-step 3", "--n-step 1"),
    ("prioritized", "--prioritized true --priority-alpha 0.5", "--prioritized false"),
    (
        "noisy",
        "--noisy true --epsilon-start 0 --epsilon-end 0",
        "--noisy false --epsilon-start 1 --epsilon-end 0.01",
    ),
    ("c51", "--distribution c51 --v-min 0 --v-max 10", "--distribution mean"),
];

/// Options of the parts that are in.
fn options(is_in: impl Fn(usize) -> bool) -> String {
    let of = |(i, part): (usize, &(&str, &'static str, &'static str))| match is_in(i) {
        true => part.1,
        false => part.2,
    };
    PARTS.iter().enumerate().map(of).collect::<Vec<_>>().join(" ")
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let steps = setting.pick(60_000, 3_000);
    let mut variants = vec![("all six", options(|_| true))];
    for (out, (name, ..)) in PARTS.iter().enumerate() {
        variants.push((*name, options(|i| i != out)));
    }
    variants.push(("none", options(|_| false)));
    let mut found = Vec::new();
    for (_, options) in &variants {
        let every = steps / 10;
        let line = format!(
            "--env breakout --steps {steps} --eval-every {every} --epsilon-steps 30000 --warmup 2000 --test-episodes 1 \
             {options}"
        );
        let of = |seed| Ok(later_half(&rows_of(&line, seed, setting)?, "eval/return"));
        found.push(setting.seeds(SEEDS).map(of).collect::<Result<Vec<f64>>>()?);
    }
    let line = |i: usize| {
        let what = match i {
            0 => "all six".to_owned(),
            i if i == PARTS.len() + 1 => "none of them, DQN".to_owned(),
            i => format!("without {}", variants[i].0),
        };
        // Three seeds of so short a run are to be looked at; they judge no part.
        let what = format!("{what}: return of the later half of training, by seed");
        Claim::stated(what, by_seed(&found[i]), "a number", mean(&found[i]).is_finite())
    };
    let names: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
    Ok(Findings {
        lines: (0..variants.len()).map(line).collect(),
        panels: vec![seeds_panel(
            "Return on Breakout without a part",
            &names,
            &found,
            setting.seed,
        )],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_switched_off() {
        let without = options(|i| i != 2);
        assert!(without.contains("--n-step 1") && without.contains("--double true"), "{without}");
        assert!(!without.contains("--n-step 3"), "{without}");
    }
}
