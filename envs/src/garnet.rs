//! Garnets: random MDPs of any size.

use rand::{Rng as _, SeedableRng};

use crate::{Mdp, Outcome, Rng};

params::parameters! {
    /// Options of a [`Garnet`].
    #[derive(Copy)]
    pub struct GarnetConfig {
        /// Number of states
        states: usize = 100;
        /// Number of actions, the same in every state
        actions: usize = 4;
        /// Number of states that an action may lead to
        branching: usize = 3;
        /// Seed of the MDP
        seed: u64 = 1;
        /// Discount γ of the problem
        discount: f64 = 0.95;
    }
}

/// A random MDP, after Archibald, McKinnon & Thomas (1995), *On the generation of Markov decision
/// processes*.
///
/// - **Transitions** every action of every state may lead to `branching` different states, drawn
///   uniformly. Their probabilities are the pieces of the unit interval between as many cuts less
///   one, drawn uniformly.
/// - **Reward** of a state's action, drawn uniformly from 0 to 1. (Others draw it from a normal
///   distribution, or for some states only.)
/// - **Start** state 0. There is no end.
#[derive(Debug, Clone, PartialEq)]
pub struct Garnet {
    config: GarnetConfig,
    /// `[states, actions, branching]`.
    next: Vec<u32>,
    /// `[states, actions, branching]`.
    prob: Vec<f64>,
    /// `[states, actions]`.
    reward: Vec<f64>,
}

impl Garnet {
    /// The MDP of these options, or the error in them.
    pub fn new(config: GarnetConfig) -> Result<Self, String> {
        check(&config)?;
        let pairs = config.states * config.actions;
        let mut garnet = Self {
            config,
            next: Vec::with_capacity(pairs * config.branching),
            prob: Vec::with_capacity(pairs * config.branching),
            reward: Vec::with_capacity(pairs),
        };
        let mut rng = Rng::seed_from_u64(config.seed);
        for _ in 0..pairs {
            garnet.draw_states(&mut rng);
            garnet.draw_probs(&mut rng);
            garnet.reward.push(rng.random());
        }
        Ok(garnet)
    }

    /// Appends different states, by Floyd's algorithm.
    fn draw_states(&mut self, rng: &mut Rng) {
        let first = self.next.len();
        let states = self.config.states as u32;
        for last in states - self.config.branching as u32..states {
            let sampled = rng.random_range(0..=last);
            let taken = self.next[first..].contains(&sampled);
            self.next.push(if taken { last } else { sampled });
        }
    }

    /// Appends the lengths of the pieces between random cuts.
    fn draw_probs(&mut self, rng: &mut Rng) {
        let mut cuts: Vec<f64> = (1..self.config.branching).map(|_| rng.random()).collect();
        cuts.sort_by(f64::total_cmp);
        cuts.push(1.0);
        let mut from = 0.0;
        for cut in cuts {
            self.prob.push(cut - from);
            from = cut;
        }
    }
}

fn check(config: &GarnetConfig) -> Result<(), String> {
    let GarnetConfig { states, actions, branching, discount, .. } = *config;
    if actions == 0 {
        return Err("a garnet needs an action".into());
    }
    if branching == 0 || branching > states {
        return Err(format!("an action cannot lead to {branching} different states of {states}"));
    }
    if states >= u32::MAX as usize {
        return Err(format!("{states} states are too many"));
    }
    if !(0.0..1.0).contains(&discount) {
        return Err(format!("the discount must be at least 0 and below 1, not {discount}"));
    }
    Ok(())
}

impl Mdp for Garnet {
    fn n_states(&self) -> usize {
        self.config.states
    }

    fn n_actions(&self) -> usize {
        self.config.actions
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let pair = state * self.config.actions + action;
        let reward = self.reward[pair];
        let places = pair * self.config.branching..(pair + 1) * self.config.branching;
        for (&next, &prob) in self.next[places.clone()].iter().zip(&self.prob[places]) {
            visit(Outcome { prob, next: next as usize, reward, terminated: false });
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(0, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        action.to_string()
    }

    fn discount(&self) -> f64 {
        self.config.discount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_leads_to_different_states() {
        let config = GarnetConfig { states: 5, branching: 4, ..GarnetConfig::default() };
        let garnet = Garnet::new(config).unwrap();
        for next in garnet.next.chunks(4) {
            let mut sorted = next.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), 4, "{next:?}");
        }
    }

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let config = GarnetConfig { states: 9, actions: 2, branching: 2, ..Default::default() };
        let garnet = Garnet::new(config).unwrap();
        assert_eq!(garnet.next[..6], [4, 3, 3, 1, 3, 4]);
        assert_eq!(garnet.prob[..2], [0.08038370892978197, 0.919616291070218]);
        assert_eq!(garnet.reward[..2], [0.5965601809348549, 0.7106102236811087]);
        assert_ne!(Garnet::new(GarnetConfig { seed: 2, ..config }).unwrap(), garnet);
    }

    #[test]
    fn wrong_options_are_refused() {
        let ok = GarnetConfig::default();
        for (config, complaint) in [
            (GarnetConfig { actions: 0, ..ok }, "a garnet needs an action"),
            (GarnetConfig { branching: 101, ..ok }, "cannot lead to 101 different states of 100"),
            (GarnetConfig { states: 0, ..ok }, "cannot lead to 3 different states of 0"),
            (GarnetConfig { discount: 1.0, ..ok }, "at least 0 and below 1, not 1"),
        ] {
            let error = Garnet::new(config).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
