//! Bandit: find the best of several arms by pulling them.

use rand::{RngCore, SeedableRng};
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::{Action, Actions, Cell, CellShape, Cells, Element, Env, Rgb, Rng, Spec, Step};

params::parameters! {
    /// Options of a [`Bandit`].
    #[derive(Copy)]
    pub struct BanditConfig {
        /// Number of arms
        arms: usize = 10;
        /// Pulls in an episode
        horizon: u32 = 1;
        /// Seed of the arms' means
        seed: u64 = 1;
    }
}

/// A bandit of the testbed of Sutton & Barto (2018), section 2.3.
///
/// The mean of every arm is drawn once from the standard normal distribution, by a generator seeded
/// with [`BanditConfig::seed`]: episodes, copies and runs of other seeds all meet the same bandit.
///
/// - **Observation** `[1]`, a bit: always 1, there is only one state.
/// - **Actions** an arm to pull.
/// - **Reward** drawn from the normal distribution with the arm's mean and variance 1.
/// - **End** after [`BanditConfig::horizon`] pulls: nothing follows, so that with the default of 1 the
///   value of an action is the mean of its arm, whatever the discount. With more, the observation
///   does not say how many are left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandit {
    config: BanditConfig,
    means: Vec<f64>,
    pulls: u32,
    /// The arm pulled last.
    pulled: Option<usize>,
}

/// Rows in which the highest mean is drawn.
const ROWS: usize = 8;

const EMPTY: Cell = Cell { glyph: '.', color: [24, 26, 34] };
const ARM: Cell = Cell { glyph: '#', color: [56, 189, 248] };
const PULLED: Cell = Cell { glyph: '@', color: [250, 204, 21] };

impl Bandit {
    /// The bandit of these options, or the error in them.
    pub fn new(config: BanditConfig) -> Result<Self, String> {
        if config.arms == 0 || config.horizon == 0 {
            return Err("a bandit needs an arm and a pull".into());
        }
        let mut rng = Rng::seed_from_u64(config.seed);
        let means = (0..config.arms).map(|_| StandardNormal.sample(&mut rng)).collect();
        Ok(Self { config, means, pulls: 0, pulled: None })
    }

    /// The mean of each arm, `[arms]`.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The mean of the best arm: with one pull in an episode, the greatest expected return.
    pub fn best(&self) -> f64 {
        self.means.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

impl Env for Bandit {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![1],
            element: Element::Bit,
            actions: Actions::Discrete(
                (1..=self.config.arms).map(|i| format!("arm {i}")).collect(),
            ),
            time_limit: None,
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        self.means.len() == self.config.arms
            && self.means.iter().all(|mean| mean.is_finite())
            && self.pulls < self.config.horizon
            && self.pulled.is_none_or(|arm| arm < self.config.arms)
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        (self.pulls, self.pulled) = (0, None);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let arm = action.discrete();
        let noise: f64 = StandardNormal.sample(rng);
        (self.pulls, self.pulled) = (self.pulls + 1, Some(arm));
        Step {
            reward: (self.means[arm] + noise) as f32,
            terminated: self.pulls == self.config.horizon,
        }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(1.0);
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    /// A column for each arm, as high as its mean lies above the lowest.
    fn cells(&self) -> Cells {
        let mut cells = Cells::filled(self.config.arms, ROWS, EMPTY, CellShape::Square);
        let lowest = self.means.iter().copied().fold(f64::INFINITY, f64::min);
        let range = (self.best() - lowest).max(f64::MIN_POSITIVE);
        for (arm, mean) in self.means.iter().enumerate() {
            let above = (mean - lowest) / range * (ROWS - 1) as f64;
            for row in ROWS - 1 - above.round() as usize..ROWS {
                cells.put(row, arm, if self.pulled == Some(arm) { PULLED } else { ARM });
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bandit(config: BanditConfig) -> Bandit {
        Bandit::new(config).unwrap()
    }

    #[test]
    fn an_arm_pays_its_mean_with_variance_1() {
        let (mut env, mut rng) = (bandit(BanditConfig::default()), Rng::seed_from_u64(3));
        for arm in [0, 9] {
            let mut pull = || {
                env.reset(&mut rng);
                let step = env.step(Action::Discrete(arm), &mut rng);
                assert!(step.terminated);
                f64::from(step.reward)
            };
            let rewards: Vec<f64> = (0..40_000).map(|_| pull()).collect();
            let mean = rewards.iter().sum::<f64>() / 40_000.0;
            let variance = rewards.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 40_000.0;
            // Four standard errors: 4/200, and 4·√2/200.
            assert!((mean - env.means()[arm]).abs() < 0.02, "{mean}");
            assert!((variance - 1.0).abs() < 0.03, "{variance}");
        }
    }

    #[test]
    fn means_are_standard_normal_and_their_greatest_is_known() {
        let env = bandit(BanditConfig { arms: 40_000, ..BanditConfig::default() });
        let mean = env.means().iter().sum::<f64>() / 40_000.0;
        let variance = env.means().iter().map(|q| q * q).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let env = Bandit { means: vec![-1.0, 0.5, 0.25], ..env };
        assert_eq!(env.best(), 0.5);
    }

    #[test]
    fn an_episode_has_as_many_pulls_as_its_horizon() {
        let mut env = bandit(BanditConfig { horizon: 3, ..BanditConfig::default() });
        let mut rng = Rng::seed_from_u64(1);
        for _ in 0..2 {
            env.reset(&mut rng);
            let mut ends = || env.step(Action::Discrete(0), &mut rng).terminated;
            assert_eq!([ends(), ends(), ends()], [false, false, true]);
        }
    }

    #[test]
    fn a_seed_is_a_bandit() {
        let means = |seed| bandit(BanditConfig { seed, ..BanditConfig::default() }).means;
        assert_eq!(means(1), means(1));
        assert_ne!(means(1), means(2));
    }

    #[test]
    fn the_frame_shows_means_and_the_arm_pulled() {
        let env = Bandit {
            means: vec![-1.0, 2.5, 0.5],
            pulled: Some(2),
            ..bandit(BanditConfig { arms: 3, ..BanditConfig::default() })
        };
        // 1.5 of 3.5 is 3 of 7 rows above the lowest.
        assert_eq!(env.cells().to_string(), ".#.\n.#.\n.#.\n.#.\n.#@\n.#@\n.#@\n##@\n");
    }

    #[test]
    fn wrong_options_are_refused() {
        let ok = BanditConfig::default();
        for config in [BanditConfig { arms: 0, ..ok }, BanditConfig { horizon: 0, ..ok }] {
            assert!(Bandit::new(config).unwrap_err().contains("needs an arm and a pull"));
        }
    }
}
