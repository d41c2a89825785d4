//! Five steps: a small test of whether an agent learns at all.

use serde::{Deserialize, Serialize};

use crate::{Mdp, Outcome};

const STEPS: usize = 5;
const PLACES: usize = 4;
const END: usize = STEPS * PLACES;

/// Pay for being at each place.
const PAY: [f64; PLACES] = [0.1, -0.2, 0.0, -0.1];
/// The place that turns the next pay around.
const TURNING: usize = 2;
const TURNED: f64 = -10.0;

/// The test environment of the DQN assignments of Stanford's CS234 (assignment 2, `EnvTest`, adapted
/// from Igor Gitman) and of the deep-learning courses that took it over.
///
/// - **States** `place@step`: which of 4 places one is at, and how many of the 5 steps are behind; 20
///   of them, and `end`. The original shows the place only, as a random image; that is enough to act
///   well, but the end after 5 steps would be no part of the problem.
/// - **Actions** go to place 0, 1, 2 or 3, or stay.
/// - **Reward** 0.1, −0.2, 0 or −0.1 for the place one comes to or stays at, times −10 if one was at
///   place 2 before.
/// - **Start** place 0.
/// - **End** after 5 steps.
/// - **Discount** 1. The best return is 4.1, by going to 2, 1, 2, 1, 0 among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiveStep {}

impl Mdp for FiveStep {
    fn n_states(&self) -> usize {
        END + 1
    }

    fn n_actions(&self) -> usize {
        PLACES + 1
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if state == END {
            return;
        }
        let (step, place) = (state / PLACES, state % PLACES);
        let to = if action < PLACES { action } else { place };
        let reward = PAY[to] * if place == TURNING { TURNED } else { 1.0 };
        let terminated = step + 1 == STEPS;
        let next = if terminated { END } else { (step + 1) * PLACES + to };
        visit(Outcome { prob: 1.0, next, reward, terminated });
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(0, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        match state {
            END => "end".into(),
            _ => format!("{}@{}", state % PLACES, state / PLACES),
        }
    }

    fn action_name(&self, action: usize) -> String {
        if action < PLACES { format!("to {action}") } else { "stay".into() }
    }

    fn discount(&self) -> f64 {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_mdp;

    /// Rewards of a sequence of actions from the start.
    fn rewards(actions: [usize; STEPS]) -> Vec<f64> {
        let mut state = 0;
        let mut seen = Vec::new();
        for action in actions {
            let mut next = state;
            FiveStep {}.outcomes(state, action, &mut |outcome| {
                seen.push(outcome.reward);
                next = outcome.next;
            });
            state = next;
        }
        assert_eq!(state, END);
        seen
    }

    #[test]
    fn pay_is_turned_around_after_place_2() {
        assert_eq!(check_mdp(&FiveStep {}), Ok(()));
        // Place 2 pays nothing, also when one stays, and −10 times the next place's pay after it.
        assert_eq!(rewards([2, 1, 2, 1, 0]), [0.0, 2.0, 0.0, 2.0, 0.1]);
        assert_eq!(rewards([4, 1, 4, 3, 2]), [0.1, -0.2, -0.2, -0.1, 0.0]);
        assert_eq!(rewards([2, 4, 0, 4, 2]), [0.0, 0.0, -1.0, 0.1, 0.0]);
        assert_eq!(rewards([2, 3, 2, 2, 1]), [0.0, 1.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn the_best_of_all_sequences_returns_4_1() {
        let digits = |mut code: usize| {
            [(); STEPS].map(|()| {
                let digit = code % 5;
                code /= 5;
                digit
            })
        };
        let returns = (0..5_usize.pow(5)).map(|code| rewards(digits(code)).iter().sum::<f64>());
        let best = returns.fold(f64::NEG_INFINITY, f64::max);
        assert!((best - 4.1).abs() < 1e-12, "{best}");
    }
}
