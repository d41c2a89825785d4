//! An MDP with its discount, which planners solve and policies are evaluated in.
use super::choice::Choice;
use super::discount::Discount;
use super::model::{Endless, Model, Rests, Way, Worth};
use super::table::Table;
use crate::actions::ActionBatch;
use anyhow::{Context, Result, bail, ensure};
use envs::Mdp;
use std::sync::OnceLock;
use train::{Evaluation, Measure};

/// An MDP with its discount.
pub struct DiscountedMdp {
    /// The transitions.
    pub model: Model,
    /// γ.
    pub gamma: f64,
    /// Sets of states where staying for ever costs nothing; `None` where γ < 1.
    pub(super) rests: Option<Rests>,
    states: Vec<String>,
    actions: Vec<String>,
    /// The policy that is played, until values change.
    played: OnceLock<Vec<Option<usize>>>,
}

impl DiscountedMdp {
    /// `mdp` with the discount that was chosen, to evaluate policies.
    ///
    /// # Errors
    /// Those of [`Model::new`]; where γ = 1 and every policy loses more and more from some state.
    pub fn new(mdp: &dyn Mdp, discount: Discount) -> Result<Self> {
        let problem = Self::read(mdp, discount)?;
        problem.check_ends()?;
        Ok(problem)
    }

    /// `mdp` with the discount that was chosen, to look for the best policy.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); where γ = 1 and one can go round for ever so that what has been
    /// earned grows, or never settles.
    pub fn to_solve(mdp: &dyn Mdp, discount: Discount) -> Result<Self> {
        let problem = Self::read(mdp, discount)?;
        problem.check_bounded()?;
        problem.check_ends()?;
        Ok(problem)
    }

    fn read(mdp: &dyn Mdp, discount: Discount) -> Result<Self> {
        let gamma = match discount {
            Discount::Own => mdp.discount(),
            Discount::Of(gamma) => gamma,
        };
        ensure!((0.0..=1.0).contains(&gamma), "a discount of {gamma}: it must lie between 0 and 1");
        let model = Model::new(mdp)?;
        let rests = (gamma == 1.0).then(|| Rests::of(&model));
        let states = (0..mdp.n_states()).map(|state| mdp.state_name(state)).collect();
        let actions = (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect();
        Ok(Self { model, gamma, rests, states, actions, played: OnceLock::new() })
    }

    fn check_bounded(&self) -> Result<()> {
        if self.gamma < 1.0 {
            return Ok(());
        }
        match self.model.endless_reward()? {
            None => Ok(()),
            Some(Endless::Earns(state)) => bail!(
                "the best policy for these rewards never ends from state {}: it earns more and more, \
                 and with a discount of 1 its value is infinite; give a --gamma below 1",
                self.states[state]
            ),
            Some(Endless::Wavers(state)) => bail!(
                "from state {} one can go round for ever and gain as much as one loses: with a \
                 discount of 1 its value never settles; give a --gamma below 1",
                self.states[state]
            ),
        }
    }

    fn check_ends(&self) -> Result<()> {
        if self.rests.is_none() {
            return Ok(());
        }
        let policy = self.ending_policy();
        let lost = |state: &usize| policy[*state].is_none() && !self.model.pairs(*state).is_empty();
        match (0..policy.len()).find(lost) {
            None => Ok(()),
            Some(state) => bail!(
                "no action ever ends an episode from state {}: with a discount of 1 its value is \
                 infinite; give a --gamma below 1, or the map an exit",
                self.states[state]
            ),
        }
    }

    /// A policy that leads to an end from every state that has a way to one, and from the others to where
    /// nothing is paid.
    pub(super) fn ending_policy(&self) -> Vec<Option<usize>> {
        let model = &self.model;
        let ways = model.ways_to_an_end(|_| true);
        let goal = |state: usize| match ways[state] {
            Way::None => self.rests.as_ref()?.staying(model, state).map(Way::By),
            way => Some(way),
        };
        let pair = |way| match way {
            Way::By(pair) => Some(pair),
            Way::End | Way::None => None,
        };
        model.ways(|_| true, goal).into_iter().map(pair).collect()
    }

    /// A state from which the pairs `allowed` lead neither to an end nor to where nothing is ever earned:
    /// at γ = 1 a policy of those alone may not have a value.
    pub(super) fn lost(&self, allowed: impl Fn(usize) -> bool) -> Option<usize> {
        self.rests.as_ref()?;
        let (ways, idle) = (self.model.ways_to_an_end(&allowed), self.model.idle(&allowed));
        let goal = |state: usize| match idle[state] {
            true => Some(Way::End),
            false => Some(ways[state]).filter(|way| *way != Way::None),
        };
        self.model.ways(&allowed, goal).iter().position(|way| *way == Way::None)
    }

    /// Refuses a sweep whose largest change is not a number.
    ///
    /// # Errors
    /// Names the largest reward.
    pub(super) fn check_finite(&self, largest: f64) -> Result<()> {
        let model = &self.model;
        if largest.is_finite() {
            return Ok(());
        }
        let rewards = (0..model.n_states()).flat_map(|s| model.pairs(s).map(move |pair| (s, pair)));
        let larger = |a: &(usize, usize), b: &(usize, usize)| {
            model.reward(a.1).abs().total_cmp(&model.reward(b.1).abs())
        };
        let Some((state, pair)) = rewards.max_by(larger) else { return Ok(()) };
        bail!(
            "values grow beyond {:e}, the largest number there is: the reward of {:e} for {} in state \
             {} is too large; give smaller ones",
            f64::MAX,
            model.reward(pair),
            self.actions[model.action(pair)],
            self.states[state]
        )
    }

    /// Name of a state.
    pub fn state_name(&self, state: usize) -> &str {
        &self.states[state]
    }

    /// Worth of pairs by `values`, `[S]`, one step ahead.
    pub(super) fn worth(&self, values: &[f64]) -> impl Fn(usize) -> Worth + Sync {
        move |pair| self.model.worth(pair, values, self.gamma)
    }

    /// The answer, from the value of each state and the worth of each pair.
    pub(super) fn table(&self, values: &[f64], worth: impl Fn(usize) -> Worth + Sync) -> Table {
        let model = &self.model;
        let mut table = Table::unknown(model);
        let policy = model.policy(self.rests.as_ref(), &worth);
        for (state, pair) in policy.into_iter().enumerate() {
            for pair in model.pairs(state) {
                table.q[state * model.n_actions() + model.action(pair)] = worth(pair).q;
            }
            table.policy[state] = pair.map(|pair| Choice::Action(model.action(pair)));
        }
        // A planner's values are those of its last sweep, not one ahead.
        table.values.copy_from_slice(values);
        table
    }

    /// The actions of that policy for one-hot observations, `[N, S]`.
    pub(super) fn act(
        &self,
        obs: &[f32],
        actions: &mut ActionBatch,
        worth: impl Fn(usize) -> Worth + Sync,
    ) -> Result<()> {
        let (model, actions) = (&self.model, actions.numbers()?);
        let action = |pair: usize| model.action(pair);
        let Some(rests) = &self.rests else {
            let best = |_, state| model.first_best(state, &worth).map(action);
            return act_by_state(model, obs, actions, best);
        };
        let policy = self.played.get_or_init(|| model.policy(Some(rests), &worth));
        act_by_state(model, obs, actions, |_, state| policy[state].map(action))
    }

    /// Drops the cached policy: values have changed.
    pub(super) fn forget_policy(&mut self) {
        self.played.take();
    }

    /// `value_start`: the value under the start distribution. It is exact: one sample, no interval.
    pub fn evaluation(&self, values: &[f64]) -> Evaluation {
        start_value(&self.model, values)
    }
}

/// The evaluation of one measure, `value_start`: the value under the start distribution.
pub(super) fn start_value(model: &Model, values: &[f64]) -> Evaluation {
    Evaluation::maximise("value_start", Measure::single(model.start_value(values)))
}

/// Writes `act(row, state)` for each of N one-hot observations, `[N, S]`; 0 in a terminal state, where no
/// action is taken.
pub(super) fn act_by_state(
    model: &Model,
    obs: &[f32],
    actions: &mut [usize],
    mut act: impl FnMut(usize, usize) -> Option<usize>,
) -> Result<()> {
    let rows = obs.chunks_exact(model.n_states()).zip(actions);
    for (row, (obs, action)) in rows.enumerate() {
        *action = act(row, state_of(obs)?).unwrap_or(0);
    }
    Ok(())
}

/// q of the state that each one-hot observation shows, `[N, S]`: `[N, A]`, −∞ where there is none.
pub(super) fn q_by_state(table: &Table, obs: &[f32]) -> Result<Vec<f64>> {
    let (n_states, mut all) = (table.values.len(), Vec::new());
    let n_actions = table.q.len() / n_states;
    for obs in obs.chunks_exact(n_states) {
        let row = &table.q[state_of(obs)? * n_actions..][..n_actions];
        all.extend(row.iter().map(|q| if q.is_nan() { f64::NEG_INFINITY } else { *q }));
    }
    Ok(all)
}

/// The state that a one-hot observation shows.
pub(super) fn state_of(obs: &[f32]) -> Result<usize> {
    obs.iter().position(|x| *x == 1.0).context("the observation is not one-hot")
}
