//! Coming to rest: without a discount, staying for ever where nothing is paid is worth 0, which may be
//! more than any end.
use super::components::Components;
use super::ends::Way;
use super::sparse::Model;
use super::worth::{Worth, moves};

/// The maximal sets of states in which one can go round for ever without a reward, at γ = 1.
///
/// Within one of them, every state is worth the same: 0, or what the best pair that leaves is worth
/// where that is more. The Bellman equation does not say so: a state that stays is worth what it is
/// worth, whatever that be.
#[derive(Debug)]
pub(in crate::tabular) struct Rests(Components);

impl Rests {
    pub(in crate::tabular) fn of(model: &Model) -> Self {
        Self(Components::new(model, |pair| model.reward(pair) == 0.0))
    }

    /// Number of sets.
    pub(in crate::tabular) fn len(&self) -> usize {
        self.0.len()
    }

    /// The states of a set.
    pub(in crate::tabular) fn set(&self, set: usize) -> impl Iterator<Item = usize> {
        self.0.states(set)
    }

    /// A pair by which a state stays in its set; `None` where it is in none.
    pub(in crate::tabular) fn staying(&self, model: &Model, state: usize) -> Option<usize> {
        self.0.of(state).and_then(|_| self.0.staying(model, state))
    }

    /// The state from which a set is best left, with the pair and its worth.
    fn way_out(
        &self,
        model: &Model,
        component: usize,
        worth: impl Fn(usize) -> Worth,
    ) -> Option<(usize, usize, Worth)> {
        let leaving = |state| model.pairs(state).filter(|pair| !self.0.is_inside(*pair));
        let all = self.0.states(component).flat_map(|s| leaving(s).map(move |pair| (s, pair)));
        let all = all.map(|(state, pair)| (state, pair, worth(pair)));
        all.reduce(|best, other| if other.2.q > best.2.q { other } else { best })
    }

    /// Lowers the values of sets, `[S]`, to what leaving them is worth, or to 0; whether that moved any
    /// of them by more than `tolerance`.
    pub(in crate::tabular) fn lower(
        &self,
        model: &Model,
        values: &mut [f64],
        tolerance: f64,
        worth: impl Fn(usize, &[f64]) -> Worth,
    ) -> bool {
        let mut moved = false;
        for component in 0..self.0.len() {
            let out = self.way_out(model, component, |pair| worth(pair, values));
            let Worth { q, magnitude } = out.map_or(Worth::of(0.0), |(.., worth)| worth);
            for state in self.0.states(component) {
                let (old, most) = (values[state], q.max(0.0));
                if old > most {
                    moved |= moves(most, old, tolerance, || magnitude);
                    values[state] = most;
                }
            }
        }
        moved
    }

    /// Has the states of `endless`, whose pairs in `policy` lead to no end, stay for ever where that is
    /// worth as much as anything, or go there by pairs that tie, or else to the best way out.
    fn settle(
        &self,
        model: &Model,
        policy: &mut [Option<usize>],
        endless: Vec<usize>,
        (tied, worth): (&[bool], impl Fn(usize) -> Worth),
    ) {
        let rests = |state: usize| {
            let (_, best) = model.largest(state, &worth)?;
            let stays = self.staying(model, state).filter(|_| !best.beats(Worth::of(0.0)))?;
            Some(Way::By(stays))
        };
        let resting = model.ways(|pair| tied[pair], rests);
        let mut out = vec![None; model.n_states()];
        for component in 0..self.0.len() {
            if let Some((state, pair, _)) = self.way_out(model, component, &worth) {
                out[state] = Some(Way::By(pair));
            }
        }
        let out = model.ways(|pair| self.0.is_inside(pair), |state| out[state]);
        for state in endless {
            if let (Way::By(pair), _) | (_, Way::By(pair)) = (resting[state], out[state]) {
                policy[state] = Some(pair);
            }
        }
    }
}

impl Model {
    /// The pair taken in each state by the `worth` of pairs: of those that tie with the best the first
    /// one. Where there are rests, which is at γ = 1, to walk round for ever may tie too: states that
    /// would never come to an end take a pair that leads there, or else to where they rest.
    pub(in crate::tabular) fn policy(
        &self,
        rests: Option<&Rests>,
        worth: impl Fn(usize) -> Worth + Sync,
    ) -> Vec<Option<usize>> {
        let mut policy = self.greedy(&worth);
        let Some(rests) = rests else { return policy };
        let mut taken = vec![false; self.n_pairs()];
        policy.iter().flatten().for_each(|pair| taken[*pair] = true);
        let mut endless = self.endless(|pair| taken[pair]);
        if endless.is_empty() {
            return policy;
        }
        let mut tied = taken;
        for state in 0..self.n_states() {
            self.pairs(state).for_each(|pair| tied[pair] = self.is_best(state, pair, &worth));
        }
        let ways = self.ways_to_an_end(|pair| tied[pair]);
        endless.retain(|&state| match ways[state] {
            Way::By(pair) => {
                policy[state] = Some(pair);
                false
            }
            Way::End | Way::None => true,
        });
        if !endless.is_empty() {
            rests.settle(self, &mut policy, endless, (&tied, worth));
        }
        policy
    }
}
