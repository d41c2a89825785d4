//! Every episode that a small MDP has, with its probability: what estimates come to in the mean, and
//! how far they scatter, as sums instead of samples.
use super::all_states;
use agents::Reinforce;
use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use envs::Mdp;

/// One step of an episode: which state and action, numbered state · A + action, and what it earned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) pair: usize,
    pub(super) reward: f64,
}

/// One way an episode can go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Episode {
    pub(super) steps: Vec<Step>,
    /// Probability of what the MDP drew in it; π says the rest.
    chance: f64,
}

impl Episode {
    /// Undiscounted return.
    pub(super) fn ret(&self) -> f64 {
        self.steps.iter().map(|step| step.reward).sum()
    }

    /// Rewards to go of each step, `[T]`.
    pub(super) fn to_go(&self) -> Vec<f64> {
        let later = |t: usize| self.steps[t..].iter().map(|step| step.reward).sum();
        (0..self.steps.len()).map(later).collect()
    }
}

/// Every episode of an MDP, of at most `limit` steps.
fn episodes(mdp: &dyn Mdp, limit: usize) -> Vec<Episode> {
    let mut whole = Vec::new();
    let starts = mdp.starts().into_iter().filter(|(_, prob)| *prob > 0.0);
    let begun = |(state, chance)| (state, Episode { steps: Vec::new(), chance });
    let mut open: Vec<(usize, Episode)> = starts.map(begun).collect();
    while let Some((state, episode)) = open.pop() {
        for action in 0..mdp.n_actions() {
            mdp.outcomes(state, action, &mut |outcome| {
                let mut longer = episode.clone();
                let pair = state * mdp.n_actions() + action;
                longer.steps.push(Step { pair, reward: outcome.reward });
                longer.chance *= outcome.prob;
                match outcome.terminated || longer.steps.len() == limit {
                    true => whole.push(longer),
                    false => open.push((outcome.next, longer)),
                }
            });
        }
    }
    whole
}

/// The mean of an estimate from one episode, `[P]`, and its variance: E|ĝ|² − |E ĝ|², the sum over
/// parameters.
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    pub(super) variance: f64,
}

/// A policy in a small MDP, by enumeration.
pub(super) struct Exact {
    pub(super) episodes: Vec<Episode>,
    /// Probability of each episode.
    pub(super) probs: Vec<f64>,
    /// The gradient of the expected return, `[P]`: differentiated as the sum over all episodes of
    /// probability times return, which knows nothing of log-probabilities as scores.
    pub(super) gradient: Vec<f64>,
    scores: Scores,
}

/// ∇log π(a|s) by the policy's parameters.
pub(super) struct Scores {
    /// log π(a|s), `[S·A]`.
    pub(super) log_probs: Vec<f64>,
    /// `[S·A, P]`.
    rows: Vec<Vec<f64>>,
    /// Their products with each other, `[S·A, S·A]`.
    products: Vec<Vec<f64>>,
}

impl Scores {
    /// Of the policy of `agent`, which sees states one-hot.
    pub(super) fn new(agent: &Reinforce, mdp: &dyn Mdp) -> Result<Self> {
        let log_probs = log_probs(agent, mdp)?;
        let row = |pair| slopes(agent, &log_probs.get(pair)?);
        let rows = (0..log_probs.elem_count()).map(row).collect::<Result<Vec<_>>>()?;
        let products = rows.iter().map(|a| rows.iter().map(|b| dot(a, b)).collect()).collect();
        Ok(Self { log_probs: log_probs.to_vec1()?, rows, products })
    }

    /// ∇log π of one pair times that of another.
    pub(super) fn product(&self, a: usize, b: usize) -> f64 {
        self.products[a][b]
    }
}

/// log π(a|s) with its graph, `[S·A]`, in `f64`.
fn log_probs(agent: &Reinforce, mdp: &dyn Mdp) -> Result<Tensor> {
    let (states, actions) = (mdp.n_states(), mdp.n_actions());
    let policy = agent.policy(&all_states(states))?;
    let of = |action| policy.log_prob(&Tensor::full(action as f32, (states, 1), &Device::Cpu)?);
    let columns = (0..actions).map(of).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::stack(&columns, 1)?.flatten_all()?.to_dtype(DType::F64)?)
}

/// The gradient of a number by the policy's parameters, `[P]`.
fn slopes(agent: &Reinforce, number: &Tensor) -> Result<Vec<f64>> {
    let store = number.backward()?;
    let mut all = Vec::with_capacity(agent.params().count());
    for (_, var) in agent.params().named() {
        match store.get(&var) {
            Some(slope) => {
                all.extend(slope.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?);
            }
            None => all.resize(all.len() + var.elem_count(), 0.0),
        }
    }
    Ok(all)
}

impl Exact {
    /// Enumerates the episodes of at most `limit` steps.
    pub(super) fn new(mdp: &dyn Mdp, limit: usize, agent: &Reinforce) -> Result<Self> {
        let episodes = episodes(mdp, limit);
        let scores = Scores::new(agent, mdp)?;
        let (n, pairs) = (episodes.len(), scores.log_probs.len());
        let mut counts = vec![0f64; n * pairs];
        for (row, episode) in counts.chunks_exact_mut(pairs).zip(&episodes) {
            episode.steps.iter().for_each(|step| row[step.pair] += 1.0);
        }
        let earned = episodes.iter().map(|episode| episode.chance * episode.ret());
        let earned = Tensor::from_iter(earned, &Device::Cpu)?; // [n]
        let counts = Tensor::from_vec(counts, (n, pairs), &Device::Cpu)?;
        let log_probs = log_probs(agent, mdp)?.unsqueeze(1)?; // [S·A, 1]
        let policy = counts.matmul(&log_probs)?.squeeze(1)?.exp()?; // [n]
        let gradient = slopes(agent, &(&policy * earned)?.sum_all()?)?;
        let policy: Vec<f64> = policy.to_vec1()?;
        let probs = policy.iter().zip(&episodes).map(|(policy, episode)| policy * episode.chance);
        Ok(Self { probs: probs.collect(), episodes, gradient, scores })
    }

    /// Moments of Σₜ ∇log π(aₜ|sₜ)·wₜ over one episode, whose weights are `weigh(episode)`, `[T]`.
    pub(super) fn moments(&self, weigh: impl Fn(&Episode) -> Vec<f64>) -> Moments {
        let Scores { rows, products, .. } = &self.scores;
        let mut mean_weights = vec![0.0; rows.len()];
        let mut squares = 0.0;
        for (episode, prob) in self.episodes.iter().zip(&self.probs) {
            let weights = weigh(episode);
            for (a, weight) in episode.steps.iter().zip(&weights) {
                mean_weights[a.pair] += prob * weight;
                for (b, other) in episode.steps.iter().zip(&weights) {
                    squares += prob * weight * other * products[a.pair][b.pair];
                }
            }
        }
        let mut mean = vec![0.0; self.gradient.len()];
        for (weight, row) in mean_weights.iter().zip(rows) {
            mean.iter_mut().zip(row).for_each(|(sum, score)| *sum += weight * score);
        }
        let variance = squares - dot(&mean, &mean);
        Moments { mean, variance }
    }

    /// Component of `estimate`, `[P]`, along the gradient: 1 where it is the gradient itself.
    pub(super) fn along(&self, estimate: &[f64]) -> f64 {
        dot(estimate, &self.gradient) / dot(&self.gradient, &self.gradient)
    }

    /// |estimate − g| / |g|.
    pub(super) fn relative_error(&self, estimate: &[f64]) -> f64 {
        let apart: f64 = estimate.iter().zip(&self.gradient).map(|(a, b)| (a - b).powi(2)).sum();
        (apart / dot(&self.gradient, &self.gradient)).sqrt()
    }
}

/// Σ a·b.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::policy_gradient::agent;
    use agents::{Baseline, ReinforceConfig};
    use envs::{FiveStep, Outcome, ShortCorridor};
    use std::sync::Arc;

    /// One state and one step: action 0 pays 1, action 1 pays 4 or 0.
    struct Coin;

    impl Mdp for Coin {
        fn n_states(&self) -> usize {
            2
        }

        fn n_actions(&self) -> usize {
            2
        }

        fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
            let paid: &[(f64, f64)] =
                if action == 0 { &[(1.0, 1.0)] } else { &[(0.25, 4.0), (0.75, 0.0)] };
            for &(prob, reward) in paid.iter().filter(|_| state == 0) {
                visit(Outcome { prob, next: 1, reward, terminated: true });
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
            1.0
        }
    }

    fn plain() -> ReinforceConfig {
        ReinforceConfig { baseline: Baseline::None, ..ReinforceConfig::default() }
    }

    #[test]
    fn one_step_by_hand() {
        let mdp: Arc<dyn Mdp> = Arc::new(Coin);
        let agent = agent(&mdp, None, 1, plain()).unwrap();
        let exact = Exact::new(&*mdp, 9, &agent).unwrap();
        assert_eq!(exact.episodes.len(), 3);
        assert!((exact.probs.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        // Both actions pay 1 in the mean: nothing is to be gained. The score of an action is
        // (1 − π(a))·d or −π(a)·d along one direction d, so E|ĝ|² = Σ π(a)·E[r²|a]·|score|².
        let zero: f64 = exact.gradient.iter().map(|slope| slope.abs()).sum();
        assert!(zero < 1e-5, "{zero}");
        let moments = exact.moments(|episode| episode.to_go());
        let square = |action: usize, paid: f64| {
            exact.scores.log_probs[action].exp() * paid * exact.scores.product(action, action)
        };
        let expected = square(0, 1.0) + square(1, 0.25 * 16.0);
        assert!((moments.variance - expected).abs() < 1e-5 * expected);
    }

    #[test]
    fn every_sequence_of_five_steps_is_there_once() {
        let mdp: Arc<dyn Mdp> = Arc::new(FiveStep {});
        let agent = agent(&mdp, Some(5), 1, plain()).unwrap();
        let exact = Exact::new(&*mdp, 5, &agent).unwrap();
        assert_eq!(exact.episodes.len(), 5usize.pow(5));
        assert!((exact.probs.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        assert_eq!(exact.episodes[0].to_go()[0], exact.episodes[0].ret());
        // What the estimator is in the mean is the gradient, whatever is taken off in each state.
        for b in [0.0, 2.5] {
            let weigh = |episode: &Episode| episode.to_go().into_iter().map(|g| g - b).collect();
            assert!(exact.relative_error(&exact.moments(weigh).mean) < 1e-4);
        }
    }

    #[test]
    fn a_limit_cuts_episodes_off() {
        // Left and right from the first cell, two steps: nobody is at the goal before three.
        let cut = episodes(&ShortCorridor {}, 2);
        assert_eq!(cut.len(), 4);
        assert!(cut.iter().all(|episode| episode.ret() == -2.0));
        let longer = episodes(&ShortCorridor {}, 3);
        assert_eq!((longer.len(), longer[0].steps.len()), (8, 3));
    }
}
