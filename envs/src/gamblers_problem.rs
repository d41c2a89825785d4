//! The gambler's problem: stake on coin flips until the goal is reached or all is lost.

use crate::{Chart, ChartAmounts, ChartAxis, ChartPanel, Mdp, Outcome};

params::parameters! {
    /// Options of [`GamblersProblem`].
    #[derive(Copy)]
    pub struct GamblersConfig {
        /// Capital that wins
        goal: usize = 100;
        /// Probability of heads
        heads: f64 = 0.4;
    }
}

/// The gambler's problem, example 4.3 of Sutton & Barto, *Reinforcement Learning*, second edition.
///
/// - **States** the capital, from 0 to the goal; both ends are terminal.
/// - **Actions** the stake, from 1 to half the goal, and no more than the capital or what is missing.
///   Heads wins the stake, tails loses it. The book also lists the stake 0: it changes nothing, so it
///   is left out, and with it the policies that never end.
/// - **Reward** 1 for reaching the goal. Undiscounted, a value is the probability of winning.
/// - **Start** the book has none: any capital between the ends, with equal chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GamblersProblem {
    config: GamblersConfig,
}

impl GamblersProblem {
    /// The problem with these options, or the error in them.
    pub fn new(config: GamblersConfig) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&config.heads) {
            let heads = config.heads;
            return Err(format!("the probability of heads must be 0 to 1, not {heads}"));
        }
        if config.goal < 2 {
            return Err(format!("the goal must be at least 2, not {}", config.goal));
        }
        Ok(Self { config })
    }
}

impl Mdp for GamblersProblem {
    fn n_states(&self) -> usize {
        self.config.goal + 1
    }

    fn n_actions(&self) -> usize {
        self.config.goal / 2
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let GamblersConfig { goal, heads } = self.config;
        let stake = action + 1;
        if stake > state.min(goal - state) {
            return;
        }
        for (prob, next) in [(heads, state + stake), (1.0 - heads, state - stake)] {
            let reward = if next == goal { 1.0 } else { 0.0 };
            visit(Outcome { prob, next, reward, terminated: next == 0 || next == goal });
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let prob = 1.0 / (self.config.goal - 1) as f64;
        (1..self.config.goal).map(|capital| (capital, prob)).collect()
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        format!("stake {}", action + 1)
    }

    fn discount(&self) -> f64 {
        1.0
    }

    fn two_returns(&self) -> Option<[f64; 2]> {
        Some([0.0, 1.0])
    }

    /// As in figure 4.3.
    fn chart(&self) -> Option<Chart> {
        let states: Vec<usize> = (0..self.n_states()).collect();
        Some(Chart {
            across: ChartAxis::new("capital", states.iter()),
            up: None,
            panels: vec![ChartPanel { title: String::new(), states }],
            amounts: Some(ChartAmounts {
                label: "stake".into(),
                of: (1..=self.n_actions()).map(|stake| stake as f64).collect(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability, next state and reward of each outcome.
    fn outcomes(state: usize, stake: usize) -> Vec<(f64, usize, f64)> {
        let problem = GamblersProblem::new(GamblersConfig::default()).unwrap();
        let mut observed = Vec::new();
        problem.outcomes(state, stake - 1, &mut |outcome| {
            assert_eq!(outcome.terminated, [0, 100].contains(&outcome.next));
            observed.push((outcome.prob, outcome.next, outcome.reward));
        });
        observed
    }

    #[test]
    fn stakes_are_won_or_lost() {
        assert_eq!(outcomes(30, 10), [(0.4, 40, 0.0), (0.6, 20, 0.0)]);
        assert_eq!(outcomes(50, 50), [(0.4, 100, 1.0), (0.6, 0, 0.0)]);
        assert_eq!(outcomes(99, 1), [(0.4, 100, 1.0), (0.6, 98, 0.0)]);
    }

    #[test]
    fn nobody_stakes_what_they_lack_or_do_not_need() {
        assert_eq!(outcomes(3, 4), []);
        assert_eq!(outcomes(97, 4), []);
        assert_eq!(outcomes(0, 1), []);
        assert_eq!(outcomes(100, 1), []);
    }

    #[test]
    fn wrong_options_are_refused() {
        let with = |goal, heads| GamblersProblem::new(GamblersConfig { goal, heads });
        assert_eq!(with(1, 0.5).unwrap_err(), "the goal must be at least 2, not 1");
        let error = with(100, 1.1).unwrap_err();
        assert_eq!(error, "the probability of heads must be 0 to 1, not 1.1");
    }
}
