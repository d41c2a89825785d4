//! Finiteness of undiscounted values: the gain of going round for ever.
use super::components::Components;
use super::sparse::Model;
use super::worth::Worth;
use anyhow::Result;
use faer::linalg::solvers::Solve as _;
use faer::sparse::{SparseColMat, Triplet};

/// Why there is no value without a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tabular) enum Endless {
    /// Going round for ever from this state earns more and more.
    Earns(usize),
    /// Going round for ever from this state pays as much as it costs: what has been earned never
    /// settles.
    Wavers(usize),
}

impl Model {
    /// A state from which one can go round for ever so that no value is right at γ = 1, if there is one.
    ///
    /// # Errors
    /// If a policy can't be evaluated.
    pub(in crate::tabular) fn endless_reward(&self) -> Result<Option<Endless>> {
        let on = |pair: usize| !self.may_end(pair);
        if !(0..self.n_pairs()).any(|pair| self.reward(pair) > 0.0 && on(pair)) {
            return Ok(None);
        }
        // Where no step costs anything, a single one that pays is enough.
        let free = Components::new(self, |pair| self.reward(pair) >= 0.0);
        if let Some(state) = self.paid(&free) {
            return Ok(Some(Endless::Earns(state)));
        }
        let all = Components::new(self, |_| true);
        for component in 0..all.len() {
            let mut pairs = all.states(component).flat_map(|state| self.pairs(state));
            if pairs.any(|pair| all.is_inside(pair) && self.reward(pair) > 0.0)
                && let Some(endless) = self.goes_round(&all, component)?
            {
                return Ok(Some(endless));
            }
        }
        Ok(None)
    }

    /// A state that one can come back to for ever by a pair that pays or costs something.
    fn paid(&self, components: &Components) -> Option<usize> {
        let pays = |pair: usize| components.is_inside(pair) && self.reward(pair) != 0.0;
        (0..self.n_states()).find(|state| self.pairs(*state).any(pays))
    }

    /// Gain of going round in a component with gains and losses. Its first state is taken for an
    /// end, and the best way back to it sought by policy iteration: where that never gets there, or
    /// brings back more than nothing, it earns.
    fn goes_round(&self, components: &Components, component: usize) -> Result<Option<Endless>> {
        let round = Round::new(self, components, component);
        let inside = |state: usize| self.pairs(state).filter(|pair| components.is_inside(*pair));
        let mut policy = round.way_back();
        let mut values = round.evaluate(&policy)?;
        loop {
            let mut changed = false;
            for (i, taken) in policy.iter_mut().enumerate().skip(1) {
                for pair in inside(round.states[i]) {
                    if round.worth(pair, &values).beats(round.worth(*taken, &values)) {
                        (*taken, changed) = (pair, true);
                    }
                }
            }
            if let Some(lost) = round.never_back(&policy) {
                return Ok(Some(Endless::Earns(round.states[lost])));
            }
            let before = std::mem::replace(&mut values, round.evaluate(&policy)?);
            let rises = |(new, old): (&f64, &f64)| Worth::of(*new).beats(Worth::of(*old));
            // Where only rounding speaks for a change, it could go on for ever.
            if !changed || !values.iter().zip(&before).any(rises) {
                break;
            }
        }
        let first = round.states[0];
        let nothing = Worth::of(0.0);
        if inside(first).any(|pair| round.worth(pair, &values).beats(nothing)) {
            return Ok(Some(Endless::Earns(first)));
        }
        // Who takes only what is as good as the best loses nothing by going round.
        let mut fair = vec![false; self.n_pairs()];
        for (i, &state) in round.states.iter().enumerate() {
            let own = Worth { q: values[i], magnitude: magnitude(&values) };
            inside(state).for_each(|pair| fair[pair] = !own.beats(round.worth(pair, &values)));
        }
        let fair = Components::new(self, |pair| fair[pair]);
        Ok(self.paid(&fair).map(Endless::Wavers))
    }
}

/// A component whose first state is an end.
struct Round<'a> {
    model: &'a Model,
    components: &'a Components,
    states: Vec<usize>,
    /// Place of a state in `states`.
    place: Vec<u32>,
}

impl<'a> Round<'a> {
    fn new(model: &'a Model, components: &'a Components, component: usize) -> Self {
        let states: Vec<usize> = components.states(component).collect();
        let mut place = vec![0; model.n_states()];
        states.iter().zip(0..).for_each(|(state, i)| place[*state] = i);
        Self { model, components, states, place }
    }

    /// Places that a pair leads to, with their probabilities.
    fn entries(&self, pair: usize) -> impl Iterator<Item = (usize, f64)> {
        self.model.entries(pair).map(|(next, prob)| (self.place[next] as usize, prob))
    }

    /// Worth of a pair, judged beside the largest number of all: the equations mix them.
    fn worth(&self, pair: usize, values: &[f64]) -> Worth {
        let reward = self.model.reward(pair);
        let after: f64 = self.entries(pair).map(|(next, prob)| prob * values[next]).sum();
        Worth { q: reward + after, magnitude: magnitude(values).max(reward.abs()) }
    }

    /// A pair for each place by which the first is reached.
    fn way_back(&self) -> Vec<usize> {
        let mut policy = vec![usize::MAX; self.states.len()];
        let mut reached = vec![false; self.states.len()];
        reached[0] = true;
        let mut grows = true;
        while grows {
            grows = false;
            for (i, &state) in self.states.iter().enumerate().rev() {
                let back = |pair: &usize| {
                    self.components.is_inside(*pair)
                        && self.entries(*pair).any(|(next, _)| reached[next])
                };
                if !reached[i]
                    && let Some(pair) = self.model.pairs(state).find(back)
                {
                    (policy[i], reached[i], grows) = (pair, true, true);
                }
            }
        }
        policy
    }

    /// A place from which the policy never comes to the first.
    fn never_back(&self, policy: &[usize]) -> Option<usize> {
        let mut reached = vec![false; policy.len()];
        reached[0] = true;
        let mut grows = true;
        while grows {
            grows = false;
            for (i, &pair) in policy.iter().enumerate().skip(1) {
                if !reached[i] && self.entries(pair).any(|(next, _)| reached[next]) {
                    (reached[i], grows) = (true, true);
                }
            }
        }
        reached.iter().position(|reached| !reached)
    }

    /// Reward until the first place.
    fn evaluate(&self, policy: &[usize]) -> Result<Vec<f64>> {
        let n = policy.len();
        let mut rewards = faer::Mat::zeros(n, 1);
        let mut entries = vec![Triplet::new(0, 0, 1.0)];
        for (i, &pair) in policy.iter().enumerate().skip(1) {
            entries.push(Triplet::new(i, i, 1.0));
            entries.extend(self.entries(pair).map(|(next, prob)| Triplet::new(i, next, -prob)));
            rewards[(i, 0)] = self.model.reward(pair);
        }
        let matrix = SparseColMat::<usize, f64>::try_new_from_triplets(n, n, &entries);
        let failed = |error: &dyn std::fmt::Debug| anyhow::anyhow!("going round: {error:?}");
        let lu = matrix.map_err(|error| failed(&error))?.sp_lu().map_err(|error| failed(&error))?;
        Ok(lu.solve(&rewards).col(0).iter().copied().collect())
    }
}

/// The size of the largest number.
fn magnitude(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}
