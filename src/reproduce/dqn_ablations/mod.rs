//! Deep Q-networks without each of their parts, and the effect on learning over seeds.
mod chain;
mod correlation;
mod frames;
mod overestimation;
mod rainbow;

use super::commands::trained;
use super::{Experiment, Setting, Target};
use anyhow::Result;
use train::Row;

pub(super) const TARGET: Target = Target {
    name: "dqn-ablations",
    about: "DQN without each of its parts, and with those of Rainbow; six minutes of the processor",
    data: None,
    takes_steps: false,
    experiments: &[
        Experiment {
            name: "chain",
            about: "without exploration, replay or target network a near reward of 1 hides the one of 10",
            run: chain::run,
        },
        Experiment {
            name: "replay",
            about: "transitions of a batch are less correlated the more the replay buffer holds",
            run: correlation::run,
        },
        Experiment {
            name: "frames",
            about: "one frame does not show what moves, four do",
            run: frames::run,
        },
        Experiment {
            name: "overestimation",
            about: "values of DQN and Double DQN beside exact ones",
            run: overestimation::run,
        },
        Experiment {
            name: "rainbow",
            about: "Rainbow without each of its parts, on Breakout",
            run: rainbow::run,
        },
    ],
};

/// Rows of metrics of `lab dqn` with these options.
fn rows_of(options: &str, seed: u64, setting: &Setting) -> Result<Vec<Row>> {
    Ok(trained(&format!("dqn {options} --seed {seed}"), setting)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::{Interrupted, pulse};

    #[test]
    fn a_raised_flag_ends_each() {
        for experiment in TARGET.experiments {
            let found = pulse::hearing(|| true, || (experiment.run)(&Setting::quick()));
            assert!(found.err().unwrap().is::<Interrupted>(), "{}", experiment.name);
        }
    }
}
