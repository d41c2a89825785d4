//! A finite MDP as arrays: what planners sweep over.
use anyhow::{Result, bail, ensure};
use envs::Mdp;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::Range;

/// Two actions whose values differ by less than this, relative to the larger where it is beyond 1, are
/// tied; of tied
/// actions the first one is taken.
const TIE: f64 = 1e-9;

/// States in a piece of work for one thread.
const CHUNK: usize = 1 << 12;

/// Writes `f(i)` to each `to[i]` and returns the largest difference to `old[i]`. Which thread does
/// what shows nowhere: every number is computed from `f` alone, and a maximum has no order.
pub(super) fn sweep(old: &[f64], to: &mut [f64], f: impl Fn(usize) -> f64 + Sync) -> f64 {
    sweep_chunks(to, |first, to| {
        to.iter_mut().enumerate().fold(0.0, |largest, (i, to)| {
            *to = f(first + i);
            largest_change(largest, *to, old[first + i])
        })
    })
}

/// The same where `f(i, to)` fills a piece of `to` that begins at `i` and returns its difference.
fn sweep_chunks(to: &mut [f64], f: impl Fn(usize, &mut [f64]) -> f64 + Sync) -> f64 {
    let chunks = to.par_chunks_mut(CHUNK).enumerate();
    chunks.map(|(chunk, to)| f(chunk * CHUNK, to)).reduce(|| 0.0, larger)
}

/// The larger of `largest` and the [change] from `old` to `new`.
fn largest_change(largest: f64, new: f64, old: f64) -> f64 {
    // A product is faster than a quotient, and few changes are the largest yet.
    let is_less = (new - old).abs() < largest * new.abs().max(1.0);
    if is_less { largest } else { larger(largest, change(new, old)) }
}

/// |new − old|, relative where values are beyond 1: in large ones rounding alone is more than an
/// absolute tolerance.
pub(super) fn change(new: f64, old: f64) -> f64 {
    (new - old).abs() / new.abs().max(1.0)
}

/// The larger number; NaN comes through, which `f64::max` would not let it.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// An MDP in compressed sparse rows: a row per available action of a state (a *pair*), an entry per
/// transition from which the episode goes on. Memory is linear in the number of transitions.
#[derive(Debug, Clone)]
pub struct Model {
    /// Pairs of state s: `state_pairs[s]..state_pairs[s + 1]`; none where s is terminal.
    state_pairs: Vec<u32>,
    pair_action: Vec<u16>,
    /// Expected reward of a pair.
    pair_reward: Vec<f64>,
    /// Entries of pair p: `pair_entries[p]..pair_entries[p + 1]`.
    pair_entries: Vec<u32>,
    entry_next: Vec<u32>,
    entry_prob: Vec<f64>,
    starts: Vec<(usize, f64)>,
    n_actions: usize,
    /// Whether a state has four actions of three outcomes each, `[S]`.
    four_by_three: Vec<bool>,
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
            four_by_three: Vec::with_capacity(n_states),
        };
        model.state_pairs.push(0);
        for state in 0..n_states {
            for action in 0..n_actions {
                model.read_pair(mdp, state, action)?;
            }
            model.state_pairs.push(u32::try_from(model.pair_action.len())?);
            let pairs = model.pairs(state);
            let regular =
                pairs.len() == 4 && pairs.clone().all(|pair| model.entries(pair).count() == 3);
            model.four_by_three.push(regular);
        }
        Ok(model)
    }

    fn read_pair(&mut self, mdp: &dyn Mdp, state: usize, action: usize) -> Result<()> {
        let (mut total, mut reward, mut least, mut furthest) = (0.0, 0.0, f64::INFINITY, 0);
        mdp.outcomes(state, action, &mut |outcome| {
            total += outcome.prob;
            reward += outcome.prob * outcome.reward;
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
        self.pair_action.push(action as u16);
        self.pair_reward.push(reward);
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

    /// `to[s]` ← max_a Q(s, a) for every state; returns the largest [change].
    pub(super) fn sweep(&self, values: &[f64], to: &mut [f64], gamma: f64) -> f64 {
        sweep_chunks(to, |first, to| self.backups(first, values, to, gamma))
    }

    /// [`backup`](Self::backup) of the states from `first` on: reads rows one after the other, where
    /// to ask for each would cost more than to compute it. Returns the largest change.
    fn backups(&self, first: usize, values: &[f64], to: &mut [f64], gamma: f64) -> f64 {
        let pairs = &self.state_pairs[first..=first + to.len()];
        let mut pair = pairs[0] as usize;
        let mut entry = self.pair_entries[pair] as usize;
        let mut largest = 0.0;
        let states = to.iter_mut().zip(&pairs[1..]).zip(&values[first..]);
        for (state, ((to, &end), old)) in (first..).zip(states) {
            let end = end as usize;
            let mut best = if pair == end { 0.0 } else { f64::NEG_INFINITY };
            let mut see = |reward: f64, expected: f64| {
                let q = reward + gamma * expected;
                best = if q > best { q } else { best };
            };
            let product = |next: &u32, prob: &f64| prob * values[*next as usize];
            let last = if let Some((next, probs, rewards)) = self.four_by_three(state, pair, entry)
            {
                for row in 0..4 {
                    let at = |i: usize| product(&next[3 * row + i], &probs[3 * row + i]);
                    see(rewards[row], at(0) + at(1) + at(2));
                }
                entry + 12
            } else {
                let mut start = entry;
                let ends = &self.pair_entries[pair + 1..=end];
                for (&row_end, reward) in ends.iter().zip(&self.pair_reward[pair..end]) {
                    let row = start..row_end as usize;
                    let products = self.entry_next[row.clone()].iter().zip(&self.entry_prob[row]);
                    see(*reward, products.map(|(next, prob)| product(next, prob)).sum());
                    start = row_end as usize;
                }
                start
            };
            (*to, pair, entry) = (best, end, last);
            largest = largest_change(largest, best, *old);
        }
        largest
    }

    /// Next states, probabilities and rewards of a state with four actions of three outcomes each,
    /// which is what most cells of a grid are: known in number, they are read without looking up where
    /// each row ends.
    fn four_by_three(
        &self,
        state: usize,
        pair: usize,
        entry: usize,
    ) -> Option<(&[u32; 12], &[f64; 12], &[f64; 4])> {
        if !self.four_by_three[state] {
            return None;
        }
        let next = self.entry_next.get(entry..)?.first_chunk()?;
        let probs = self.entry_prob.get(entry..)?.first_chunk()?;
        Some((next, probs, self.pair_reward.get(pair..)?.first_chunk()?))
    }

    /// The first pair of a state whose value, given by `q`, ties with the best; `None` where the
    /// state is terminal.
    pub fn best(&self, state: usize, q: impl Fn(usize) -> f64) -> Option<usize> {
        self.pairs(state).find(|&pair| self.ties_with_best(state, pair, &q))
    }

    /// Whether no pair of the state is better than `pair` by more than a tie.
    pub fn ties_with_best(&self, state: usize, pair: usize, q: impl Fn(usize) -> f64) -> bool {
        q(pair) >= Self::tied(self.pairs(state).map(&q).fold(f64::NEG_INFINITY, f64::max))
    }

    /// The least value that ties with `best`.
    pub(super) fn tied(best: f64) -> f64 {
        best - TIE * best.abs().max(1.0)
    }

    /// The greedy pair of each state for `values`.
    pub fn greedy(&self, values: &[f64], gamma: f64) -> Vec<Option<usize>> {
        let choose = |state| self.best(state, |pair| self.q(pair, values, gamma));
        (0..self.n_states()).into_par_iter().with_min_len(CHUNK).map(choose).collect()
    }

    /// The states in which episodes start.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        self.starts.iter().filter(|(_, prob)| *prob > 0.0).map(|(state, _)| *state)
    }

    /// Σ_s start(s)·v(s).
    pub fn start_value(&self, values: &[f64]) -> f64 {
        self.starts.iter().map(|&(state, prob)| prob * values[state]).sum()
    }

    /// The largest change a backup would make to any state, relative where values are beyond 1.
    pub fn residual(&self, values: &[f64], gamma: f64) -> f64 {
        let states = (0..self.n_states()).into_par_iter().with_min_len(CHUNK);
        let change = |state| change(self.backup(state, values, gamma), values[state]);
        states.map(change).reduce(|| 0.0, larger)
    }

    /// Which states lead where.
    pub(super) fn predecessors(&self) -> Predecessors {
        let mut offsets = vec![0u32; self.n_states() + 1];
        self.entry_next.iter().for_each(|&next| offsets[next as usize + 1] += 1);
        for state in 0..self.n_states() {
            offsets[state + 1] += offsets[state];
        }
        let mut place = offsets.clone();
        let mut arcs = vec![(0, 0); self.n_entries()];
        for state in 0..self.n_states() {
            for pair in self.pairs(state) {
                for (next, _) in self.entries(pair) {
                    arcs[place[next] as usize] = (state as u32, pair as u32);
                    place[next] += 1;
                }
            }
        }
        Predecessors { offsets, arcs }
    }

    /// States that can't reach an end by the pairs `allowed`: at γ = 1 their values may be infinite.
    pub fn endless(&self, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
        let ways = self.ways_to_an_end(allowed);
        (0..self.n_states()).filter(|&state| ways[state] == Way::None).collect()
    }

    /// A policy that leads to an end from every state that has a way to one.
    pub fn proper_policy(&self) -> Vec<Option<usize>> {
        self.towards_an_end(|_| true, |state| self.pairs(state).next())
    }

    /// The pair taken in each state by the value `q` of pairs: of those that tie with the best the
    /// first one. At γ = 1, where to walk round for ever may tie too, states that would never come to
    /// an end take one that leads there.
    pub fn policy(&self, gamma: f64, q: impl Fn(usize) -> f64) -> Vec<Option<usize>> {
        let mut policy: Vec<_> = (0..self.n_states()).map(|state| self.best(state, &q)).collect();
        if gamma < 1.0 {
            return policy;
        }
        let mut taken = vec![false; self.n_pairs()];
        policy.iter().flatten().for_each(|pair| taken[*pair] = true);
        let endless = self.endless(|pair| taken[pair]);
        if endless.is_empty() {
            return policy;
        }
        for state in 0..self.n_states() {
            self.pairs(state).for_each(|pair| taken[pair] = self.ties_with_best(state, pair, &q));
        }
        let ways = self.towards_an_end(|pair| taken[pair], |state| policy[state]);
        endless.into_iter().for_each(|state| policy[state] = ways[state]);
        policy
    }

    /// The pair that leads to an end from each state by the pairs `allowed`, or else `otherwise`.
    fn towards_an_end(
        &self,
        allowed: impl Fn(usize) -> bool,
        otherwise: impl Fn(usize) -> Option<usize>,
    ) -> Vec<Option<usize>> {
        let pair = |(state, way)| match way {
            Way::By(pair) => Some(pair),
            Way::End => None,
            Way::None => otherwise(state),
        };
        self.ways_to_an_end(allowed).into_iter().enumerate().map(pair).collect()
    }

    /// Goes back from the ends, breadth first, so that the way found is a shortest one.
    fn ways_to_an_end(&self, allowed: impl Fn(usize) -> bool) -> Vec<Way> {
        let predecessors = self.predecessors();
        let mut ways = vec![Way::None; self.n_states()];
        let mut open = VecDeque::new();
        for (state, way) in ways.iter_mut().enumerate() {
            let ends = |pair: &usize| {
                allowed(*pair)
                    && self.entries(*pair).map(|(_, prob)| prob).sum::<f64>() < 1.0 - 1e-12
            };
            *way = match self.pairs(state).find(ends) {
                _ if self.pairs(state).is_empty() => Way::End,
                Some(pair) => Way::By(pair),
                None => continue,
            };
            open.push_back(state);
        }
        while let Some(state) = open.pop_front() {
            for i in predecessors.of(state) {
                let (before, pair) = (predecessors.state(i), predecessors.pair(i));
                if ways[before] == Way::None && allowed(pair) {
                    ways[before] = Way::By(pair);
                    open.push_back(before);
                }
            }
        }
        ways
    }
}

/// How an end is reached from a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not at all.
    None,
    /// It is one.
    End,
    /// This pair leads to one, or towards one, with some probability.
    By(usize),
}

/// The transitions of a [`Model`] by the state they lead into.
#[derive(Debug, Default)]
pub(super) struct Predecessors {
    /// Arcs into state s: `offsets[s]..offsets[s + 1]`.
    offsets: Vec<u32>,
    /// State and pair an arc comes from.
    arcs: Vec<(u32, u32)>,
}

impl Predecessors {
    /// The arcs into `state`.
    pub(super) fn of(&self, state: usize) -> Range<usize> {
        self.offsets[state] as usize..self.offsets[state + 1] as usize
    }

    /// The state arc `i` comes from.
    pub(super) fn state(&self, i: usize) -> usize {
        self.arcs[i].0 as usize
    }

    /// The pair arc `i` belongs to.
    pub(super) fn pair(&self, i: usize) -> usize {
        self.arcs[i].1 as usize
    }
}
