//! A finite MDP in compressed sparse rows.
use anyhow::{Result, bail, ensure};
use envs::Mdp;
use std::ops::Range;

/// Actions whose learned values differ by less than this part of the larger one are tied. What
/// planners compute is known better: see [`Worth::beats`].
const TIE: f64 = 1e-9;

/// States that are computed together where they are alike.
pub(super) const LANES: usize = 8;

/// An MDP in compressed sparse rows: a row per available action of a state (a *pair*), an entry per
/// transition from which the episode goes on. Memory is linear in the number of transitions.
#[derive(Debug, Clone)]
pub struct Model {
    /// Pairs of state s: `state_pairs[s]..state_pairs[s + 1]`; none where s is terminal.
    pub(super) state_pairs: Vec<u32>,
    pub(super) pair_action: Vec<u16>,
    /// Expected reward of a pair.
    pub(super) pair_reward: Vec<f64>,
    /// Entries of pair p: `pair_entries[p]..pair_entries[p + 1]`.
    pub(super) pair_entries: Vec<u32>,
    pub(super) entry_next: Vec<u32>,
    pub(super) entry_prob: Vec<f64>,
    starts: Vec<(usize, f64)>,
    n_actions: usize,
    /// States one after the other that are alike.
    pub(super) runs: Vec<Range<u32>>,
}

impl Model {
    /// Reads all transitions of `mdp`.
    ///
    /// # Errors
    /// Names the state and action whose probabilities are no distribution; where there are more
    /// transitions than fit 32 bits.
    pub fn new(mdp: &dyn Mdp) -> Result<Self> {
        let (n_states, n_actions) = (mdp.n_states(), mdp.n_actions());
        ensure!(n_states < u32::MAX as usize && n_actions <= u16::MAX as usize, "too many states");
        let mut model = Self {
            state_pairs: Vec::with_capacity(n_states + 1),
            pair_action: Vec::new(),
            pair_reward: Vec::new(),
            pair_entries: vec![0],
            entry_next: Vec::new(),
            entry_prob: Vec::new(),
            starts: mdp.starts(),
            n_actions,
            runs: Vec::new(),
        };
        model.state_pairs.push(0);
        for state in 0..n_states {
            for action in 0..n_actions {
                model.read_pair(mdp, state, action)?;
            }
            model.state_pairs.push(u32::try_from(model.pair_action.len())?);
        }
        model.runs = model.find_runs();
        Ok(model)
    }

    fn read_pair(&mut self, mdp: &dyn Mdp, state: usize, action: usize) -> Result<()> {
        let (mut total, mut least, mut furthest) = (0.0, f64::INFINITY, 0);
        let (mut reward, mut size) = (0.0, 0.0);
        mdp.outcomes(state, action, &mut |outcome| {
            total += outcome.prob;
            reward += outcome.prob * outcome.reward;
            size += outcome.prob * outcome.reward.abs();
            (least, furthest) = (outcome.prob.min(least), outcome.next.max(furthest));
            if !outcome.terminated && outcome.prob > 0.0 {
                self.entry_next.push(outcome.next as u32);
                self.entry_prob.push(outcome.prob);
            }
        });
        if least == f64::INFINITY {
            return Ok(()); // The action is not available here.
        }
        if (total - 1.0).abs() > 1e-9 || least < 0.0 || furthest >= mdp.n_states() {
            bail!(
                "state {}, action {}: the outcomes are no distribution over states (their \
                 probabilities sum to {total})",
                mdp.state_name(state),
                mdp.action_name(action)
            )
        }
        // Rewards that cancel are none, and not what rounding leaves of them.
        let cancels = reward.abs() <= f64::EPSILON * size;
        self.pair_action.push(action as u16);
        self.pair_reward.push(if cancels { 0.0 } else { reward });
        self.pair_entries.push(u32::try_from(self.entry_next.len())?);
        Ok(())
    }

    /// Number of states.
    pub fn n_states(&self) -> usize {
        self.state_pairs.len() - 1
    }

    /// Number of actions of the state that has most.
    pub fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// Number of transitions from which an episode goes on.
    pub fn n_entries(&self) -> usize {
        self.entry_next.len()
    }

    /// The pairs of a state: none where it is terminal.
    pub fn pairs(&self, state: usize) -> Range<usize> {
        self.state_pairs[state] as usize..self.state_pairs[state + 1] as usize
    }

    /// Number of pairs.
    pub fn n_pairs(&self) -> usize {
        self.pair_action.len()
    }

    /// The action of a pair.
    pub fn action(&self, pair: usize) -> usize {
        self.pair_action[pair].into()
    }

    /// Expected reward of a pair.
    pub fn reward(&self, pair: usize) -> f64 {
        self.pair_reward[pair]
    }

    /// The next states of a pair from which the episode goes on, with their probabilities; what is
    /// missing to 1 terminates.
    pub fn entries(&self, pair: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.pair_entries[pair] as usize..self.pair_entries[pair + 1] as usize;
        let next = self.entry_next[range.clone()].iter().map(|next| *next as usize);
        next.zip(self.entry_prob[range].iter().copied())
    }

    /// Q(s, a) = r(s, a) + γ·Σ_s' p(s' | s, a)·v(s').
    pub fn q(&self, pair: usize, values: &[f64], gamma: f64) -> f64 {
        let expected: f64 = self.entries(pair).map(|(next, prob)| prob * values[next]).sum();
        self.pair_reward[pair] + gamma * expected
    }

    /// max_a Q(s, a); 0 where s is terminal.
    pub fn backup(&self, state: usize, values: &[f64], gamma: f64) -> f64 {
        let pairs = self.pairs(state);
        if pairs.is_empty() {
            return 0.0;
        }
        pairs.map(|pair| self.q(pair, values, gamma)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The first pair of a state whose learned value, given by `q`, ties with the best; `None` where
    /// the state is terminal.
    pub fn best(&self, state: usize, q: impl Fn(usize) -> f64) -> Option<usize> {
        self.pairs(state).find(|&pair| self.ties_with_best(state, pair, &q))
    }

    /// Returns `true` if no pair of the state is better than `pair` by more than a tie of learned values.
    pub fn ties_with_best(&self, state: usize, pair: usize, q: impl Fn(usize) -> f64) -> bool {
        q(pair) >= Self::tied(self.pairs(state).map(&q).fold(f64::NEG_INFINITY, f64::max))
    }

    /// The least learned value that ties with `best`.
    pub(in crate::tabular) fn tied(best: f64) -> f64 {
        best - TIE * best.abs()
    }

    /// The states in which episodes start.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        self.starts.iter().filter(|(_, prob)| *prob > 0.0).map(|(state, _)| *state)
    }

    /// Σ_s start(s)·v(s).
    pub fn start_value(&self, values: &[f64]) -> f64 {
        self.starts.iter().map(|&(state, prob)| prob * values[state]).sum()
    }

    /// Every run of at least [`LANES`] states, in order.
    fn find_runs(&self) -> Vec<Range<u32>> {
        let (mut runs, mut first) = (Vec::new(), 0);
        for end in 1..=self.n_states() {
            if end == self.n_states() || !self.is_like_the_one_before(end) {
                if end - first >= LANES {
                    runs.push(first as u32..end as u32);
                }
                first = end;
            }
        }
        runs
    }

    fn is_like_the_one_before(&self, state: usize) -> bool {
        let (before, pairs) = (self.pairs(state - 1), self.pairs(state));
        before.len() == pairs.len()
            && before.zip(pairs).all(|(before, pair)| {
                let shifted = self.entries(before).map(|(next, prob)| (next + 1, prob));
                self.pair_reward[before].to_bits() == self.pair_reward[pair].to_bits()
                    && shifted.eq(self.entries(pair))
            })
    }
}
