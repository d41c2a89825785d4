//! Which states come to an end, and by which way.
use super::Model;
use std::collections::VecDeque;
use std::ops::Range;

impl Model {
    /// Which states lead where.
    pub(in crate::tabular) fn predecessors(&self) -> Predecessors {
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
pub(in crate::tabular) struct Predecessors {
    /// Arcs into state s: `offsets[s]..offsets[s + 1]`.
    offsets: Vec<u32>,
    /// State and pair an arc comes from.
    arcs: Vec<(u32, u32)>,
}

impl Predecessors {
    /// The arcs into `state`.
    pub(in crate::tabular) fn of(&self, state: usize) -> Range<usize> {
        self.offsets[state] as usize..self.offsets[state + 1] as usize
    }

    /// The state arc `i` comes from.
    pub(in crate::tabular) fn state(&self, i: usize) -> usize {
        self.arcs[i].0 as usize
    }

    /// The pair arc `i` belongs to.
    pub(in crate::tabular) fn pair(&self, i: usize) -> usize {
        self.arcs[i].1 as usize
    }
}
