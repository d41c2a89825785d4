//! Reachability of an end.
use super::sparse::Model;
use std::collections::VecDeque;
use std::ops::Range;

impl Model {
    /// Predecessors of every state.
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

    /// States where nothing is ever earned by the pairs `allowed`, and no episode ever ended: what they
    /// are worth is 0 at any γ, also where they are never left.
    pub(in crate::tabular) fn idle(&self, allowed: impl Fn(usize) -> bool) -> Vec<bool> {
        self.always(&allowed, |pair| self.reward(pair) == 0.0 && !self.may_end(pair))
    }

    /// States where nothing is ever earned by the pairs `allowed`, also where episodes end: what they
    /// are worth is 0 to the bit.
    pub(in crate::tabular) fn unpaid(&self, allowed: impl Fn(usize) -> bool) -> Vec<bool> {
        self.always(&allowed, |pair| self.reward(pair) == 0.0)
    }

    /// States from which the pairs `allowed` lead only to states all of whose pairs are as `wanted`.
    fn always(
        &self,
        allowed: &impl Fn(usize) -> bool,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<bool> {
        let taken = |state| self.pairs(state).filter(|pair| allowed(*pair));
        let still = |state: usize| !self.pairs(state).is_empty() && taken(state).all(&wanted);
        let mut idle: Vec<bool> = (0..self.n_states()).map(still).collect();
        let mut open: Vec<usize> = (0..self.n_states()).filter(|state| !idle[*state]).collect();
        if open.len() == self.n_states() {
            return idle;
        }
        let predecessors = self.predecessors();
        while let Some(state) = open.pop() {
            for i in predecessors.of(state) {
                let before = predecessors.state(i);
                if idle[before] && allowed(predecessors.pair(i)) {
                    idle[before] = false;
                    open.push(before);
                }
            }
        }
        idle
    }

    /// Shortest ways from each state to `goals` by the pairs `allowed`, found by breadth-first search
    /// backwards from them.
    pub(in crate::tabular) fn ways(
        &self,
        allowed: impl Fn(usize) -> bool,
        goals: impl Fn(usize) -> Option<Way>,
    ) -> Vec<Way> {
        let predecessors = self.predecessors();
        let mut ways = vec![Way::None; self.n_states()];
        let mut open = VecDeque::new();
        for (state, way) in ways.iter_mut().enumerate() {
            if let Some(goal) = goals(state) {
                *way = goal;
                open.push_back(state);
            }
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

    /// Shortest ways from each state to an end by the pairs `allowed`.
    pub(in crate::tabular) fn ways_to_an_end(&self, allowed: impl Fn(usize) -> bool) -> Vec<Way> {
        let end = |state: usize| match self.pairs(state) {
            pairs if pairs.is_empty() => Some(Way::End),
            mut pairs => pairs.find(|pair| allowed(*pair) && self.may_end(*pair)).map(Way::By),
        };
        self.ways(&allowed, end)
    }
}

/// Way from a state to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tabular) enum Way {
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
