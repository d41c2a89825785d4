//! End components: states between which one can go round for ever (de Alfaro 1997).
use super::sparse::Model;
use std::ops::Range;

/// No component.
const NONE: u32 = u32::MAX;

/// Probability that a pair's transitions may lack to 1 and still be sure to go on.
const SURE: f64 = 1e-12;

/// The maximal end components by some pairs: sets of states each of which can be reached from each
/// other, and with each of which some of its pairs never leave the set.
#[derive(Debug)]
pub(in crate::tabular) struct Components {
    /// The component of each state, `[S]`; [`NONE`] where it is in none.
    of: Vec<u32>,
    /// Pairs that never leave their component, `[P]`.
    inside: Vec<bool>,
    /// The states of all components, one component after the other.
    states: Vec<u32>,
    /// States of component i: `ends[i]..ends[i + 1]`.
    ends: Vec<u32>,
}

impl Components {
    /// Those by the pairs `allowed`; pairs that may end an episode are in none.
    pub(in crate::tabular) fn new(model: &Model, allowed: impl Fn(usize) -> bool) -> Self {
        let stays = |pair| allowed(pair) && !model.may_end(pair);
        let mut inside: Vec<bool> = (0..model.n_pairs()).map(stays).collect();
        loop {
            let (of, n) = strongly_connected(model, &inside);
            let mut left = false;
            for state in 0..model.n_states() {
                for pair in model.pairs(state) {
                    let leaves = || model.entries(pair).any(|(next, _)| of[next] != of[state]);
                    if inside[pair] && leaves() {
                        (inside[pair], left) = (false, true);
                    }
                }
            }
            if !left {
                return Self::gather(model, of, n, inside);
            }
        }
    }

    fn gather(model: &Model, mut of: Vec<u32>, n: usize, inside: Vec<bool>) -> Self {
        let mut sizes = vec![0u32; n];
        for (state, component) in of.iter_mut().enumerate() {
            match model.pairs(state).any(|pair| inside[pair]) {
                true => sizes[*component as usize] += 1,
                false => *component = NONE,
            }
        }
        let (mut ends, mut number) = (vec![0], vec![NONE; n]);
        for (component, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            number[component] = ends.len() as u32 - 1;
            ends.push(ends[ends.len() - 1] + size);
        }
        let mut place = ends.clone();
        let mut states = vec![0; ends[ends.len() - 1] as usize];
        for (state, component) in of.iter_mut().enumerate().filter(|(_, of)| **of != NONE) {
            *component = number[*component as usize];
            let place = &mut place[*component as usize];
            states[*place as usize] = state as u32;
            *place += 1;
        }
        Self { of, inside, states, ends }
    }

    /// Number of components.
    pub(in crate::tabular) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The states of a component.
    pub(in crate::tabular) fn states(&self, component: usize) -> impl Iterator<Item = usize> {
        let Range { start, end } = self.ends[component]..self.ends[component + 1];
        self.states[start as usize..end as usize].iter().map(|state| *state as usize)
    }

    /// The component of a state.
    pub(in crate::tabular) fn of(&self, state: usize) -> Option<usize> {
        Some(self.of[state] as usize).filter(|_| self.of[state] != NONE)
    }

    /// Returns `true` if a pair never leaves its component.
    pub(in crate::tabular) fn is_inside(&self, pair: usize) -> bool {
        self.inside[pair]
    }

    /// A pair by which a state of a component stays in it.
    pub(in crate::tabular) fn staying(&self, model: &Model, state: usize) -> Option<usize> {
        model.pairs(state).find(|pair| self.inside[*pair])
    }
}

impl Model {
    /// Returns `true` if an episode may end by this pair.
    pub(in crate::tabular) fn may_end(&self, pair: usize) -> bool {
        self.entries(pair).map(|(_, prob)| prob).sum::<f64>() < 1.0 - SURE
    }
}

/// The strongly connected component of each state by the pairs `allowed`, `[S]`, and how many there
/// are (Tarjan 1972, with a stack of its own: a grid is deeper than a thread's).
fn strongly_connected(model: &Model, allowed: &[bool]) -> (Vec<u32>, usize) {
    let n = model.n_states();
    let (mut of, mut order, mut lowest) = (vec![NONE; n], vec![NONE; n], vec![0u32; n]);
    let (mut found, mut met, mut components) = (Vec::new(), 0, 0);
    // A state with the next of its pairs, and of that pair's entries.
    let mut path: Vec<(usize, usize, usize)> = Vec::new();
    for root in 0..n {
        if order[root] == NONE {
            path.push((root, model.pairs(root).start, 0));
        }
        while let Some((state, pair, entry)) = path.pop() {
            if order[state] == NONE {
                (order[state], lowest[state]) = (met, met);
                met += 1;
                found.push(state);
            }
            let Some((next, at)) = successor(model, allowed, state, (pair, entry)) else {
                if lowest[state] == order[state] {
                    while let Some(member) = found.pop() {
                        of[member] = components;
                        if member == state {
                            break;
                        }
                    }
                    components += 1;
                }
                if let Some(&(before, ..)) = path.last() {
                    lowest[before] = lowest[before].min(lowest[state]);
                }
                continue;
            };
            path.push((state, at.0, at.1));
            if order[next] == NONE {
                path.push((next, model.pairs(next).start, 0));
            } else if of[next] == NONE {
                lowest[state] = lowest[state].min(order[next]);
            }
        }
    }
    (of, components as usize)
}

/// The next state that `state` leads to, from a pair and an entry of it on, and where to go on.
fn successor(
    model: &Model,
    allowed: &[bool],
    state: usize,
    (pair, entry): (usize, usize),
) -> Option<(usize, (usize, usize))> {
    let end = model.pairs(state).end;
    let mut skip = entry;
    for (pair, allowed) in (pair..end).zip(&allowed[pair..end]) {
        if *allowed && let Some((next, _)) = model.entries(pair).nth(skip) {
            return Some((next, (pair, skip + 1)));
        }
        skip = 0;
    }
    None
}
