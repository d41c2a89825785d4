//! The exact solution of an agent's problem, where it has one, as its observer.
use crate::Agent;
use crate::tabular::{
    Choice, Discount, DiscountedMdp, Evaluate, LARGEST, Model, Policy, PolicyIteration,
    PolicyIterationConfig, TABLE_HASTE, Table, hastened, least_tied, root_mean_square, solve,
    visited,
};
use anyhow::Result;
use envs::Mdp;
use serde::{Deserialize, Serialize};
use train::{
    Checkpoint, Due, Learner as _, Log, Observation, Observe, Observed, Progress, Timeline,
};

/// States of the largest problem of which snapshots are kept: a hundred megabytes of them.
const REMEMBERED: usize = 1 << 16;

/// An agent observed beside the exact solution of its problem.
pub type ObservedAgent = Observed<Oracle>;

/// The exact solution of an agent's problem. Where the MDP is known and small, two metrics are
/// logged with every row due by `--log-every`, over the states `s` an episode can visit:
///
/// - `oracle/value_error`: root mean square of v(s) − v*(s);
/// - `oracle/policy_error`: share of the states where a greedy action is not optimal; with γ = 1, where to
///   go round for ever may tie with the best, also of those from which the policy never comes to an end
///   and earns less for it.
///
/// An agent that evaluates a policy π is compared with v^π(s), and takes no greedy action.
pub struct Oracle {
    known: Option<Known>,
    every: u64,
}

/// The problem and its exact solution.
struct Known {
    model: Model,
    gamma: f64,
    exact: Option<Table>,
    visited: Vec<usize>,
    remembers: bool,
}

/// Values and actions of all states at one step of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Units trained so far.
    pub step: u64,
    /// v, `[S]`.
    pub values: Vec<f64>,
    /// Action of each state, `[S]`; `None` where it is terminal.
    pub policy: Vec<Option<Choice>>,
}

/// Observes `agent` every so many units; `mdp` is its problem, where known, with the discount it learns by.
///
/// # Errors
/// If the MDP is not one.
pub fn observed(
    agent: Box<dyn Agent>,
    mdp: Option<&dyn Mdp>,
    gamma: Discount,
    every: u64,
) -> Result<ObservedAgent> {
    let known = match mdp {
        Some(mdp) if mdp.n_states() <= LARGEST => Some(Known::new(mdp, gamma, agent.evaluates())?),
        _ => None,
    };
    Ok(Observed::new(agent, Oracle { known, every }))
}

impl Oracle {
    /// Current values and actions of `agent` in every state of its MDP, `mdp`; `None` where it has no values.
    ///
    /// # Errors
    /// Errors of the agent.
    pub fn table(&self, agent: &dyn Agent, mdp: &dyn Mdp) -> Result<Option<Table>> {
        match &self.known {
            Some(known) => agent.table(&known.model),
            None => agent.table(&Model::new(mdp)?),
        }
    }

    /// The exact answer, where there is one.
    pub fn exact(&self) -> Option<&Table> {
        self.known.as_ref()?.exact.as_ref()
    }
}

impl Observe for Oracle {
    type Learner = dyn Agent;
    type Snapshot = Snapshot;

    fn due(&self) -> Due {
        Due::Rows(self.every)
    }

    /// Snapshots are of problems whose states lie on a grid or along one axis.
    fn observe(
        &self,
        agent: &dyn Agent,
        trained: u64,
        _: &Timeline<Snapshot>,
    ) -> Result<Observation<Snapshot>> {
        let mut observation = Observation { scalars: Vec::new(), snapshot: None };
        let Some(known) = &self.known else { return Ok(observation) };
        let Some(table) = agent.table(&known.model)? else { return Ok(observation) };
        if let Some(exact) = &known.exact {
            let scalars = &mut observation.scalars;
            scalars.push(("oracle/value_error", known.value_error(&table, exact)));
            if agent.evaluates().is_none() {
                scalars.push(("oracle/policy_error", known.policy_error(&table, exact)?));
            }
        }
        let snapshot = Snapshot { step: trained, values: table.values, policy: table.policy };
        observation.snapshot = known.remembers.then_some(snapshot);
        Ok(observation)
    }

    fn state(
        &self,
        trained: &mut u64,
        timeline: &mut Timeline<Snapshot>,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        checkpoint.count("watched", trained)?;
        checkpoint.value("moments", timeline)?;
        let model = self.known.as_ref().map(|known| &known.model);
        let [n, n_actions] = model.map_or([0; 2], |model| [model.n_states(), model.n_actions()]);
        let sound = |choice: &Choice| match choice {
            Choice::Action(action) => *action < n_actions,
            Choice::Probabilities(probs) => probs.len() == n_actions,
        };
        let whole = |snapshot: &Snapshot| {
            snapshot.values.len() == n
                && snapshot.policy.len() == n
                && snapshot.policy.iter().flatten().all(sound)
        };
        let expected = format!("values and actions of {n} states are expected");
        checkpoint.check("moments", &expected, || {
            timeline.is_sound() && timeline.snapshots.iter().all(whole)
        })
    }
}

impl Known {
    fn new(mdp: &dyn Mdp, gamma: Discount, policy: Option<&Policy>) -> Result<Self> {
        let model = Model::new(mdp)?;
        // A problem that planners refuse has no answer to compare with.
        let exact = match policy {
            Some(policy) => value_of(policy, mdp, gamma),
            None => best(mdp, gamma),
        };
        let gamma = match gamma {
            Discount::Own => mdp.discount(),
            Discount::Of(gamma) => gamma,
        };
        let visited = visited(&model, |_| true);
        // What is drawn along the run: boards, and curves against an only axis.
        let curves = mdp.chart().is_some_and(|chart| chart.up.is_none());
        let drawn = mdp.grid().is_some() || curves;
        let remembers = drawn && mdp.n_states() <= REMEMBERED;
        Ok(Self { exact: exact.ok(), visited, remembers, model, gamma })
    }

    fn value_error(&self, table: &Table, exact: &Table) -> f64 {
        root_mean_square(&self.visited, |state| table.values[state] - exact.values[state])
    }

    fn policy_error(&self, table: &Table, exact: &Table) -> Result<f64> {
        let Self { model, visited, .. } = self;
        let optimal = |state: usize, pair: usize| {
            let q = |pair| exact.q[state * model.n_actions() + model.action(pair)];
            model.ties_with_best(state, pair, q)
        };
        let played = self.played(table);
        let mut wrong = vec![false; model.n_states()];
        for &state in visited {
            let mut taken = model.pairs(state).filter(|&pair| played[pair] > 0.0).peekable();
            wrong[state] = taken.peek().is_none() || !taken.all(|pair| optimal(state, pair));
        }
        if self.gamma == 1.0 {
            self.find_endless(&played, &exact.values, &mut wrong)?;
        }
        let wrong = visited.iter().filter(|&&state| wrong[state]).count();
        Ok(wrong as f64 / visited.len().max(1) as f64)
    }

    /// With which probability each pair is taken without exploration, `[P]`: those are equally probable
    /// whose values tie with that of the action that the table names.
    fn played(&self, table: &Table) -> Vec<f64> {
        let model = &self.model;
        let mut played = vec![0.0; model.n_pairs()];
        for state in 0..model.n_states() {
            let Some(named) = table.action(state) else { continue };
            let q = |action| table.q[state * model.n_actions() + action];
            let tie = |a: f64, b: f64| a.min(b) >= least_tied(a.max(b));
            let taken = |&pair: &usize| {
                let action = model.action(pair);
                action == named || tie(q(action), q(named))
            };
            let prob = 1.0 / model.pairs(state).filter(taken).count() as f64;
            model.pairs(state).filter(taken).for_each(|pair| played[pair] = prob);
        }
        played
    }

    /// Marks the states from which the policy `played`, `[P]`, never comes to an end and is worth less
    /// than the best, `values`, `[S]`.
    fn find_endless(&self, played: &[f64], values: &[f64], wrong: &mut [bool]) -> Result<()> {
        let endless = self.model.endless(|pair| played[pair] > 0.0);
        if endless.is_empty() {
            return Ok(());
        }
        // Of γ a little below 1, round for ever at no cost is worth 0, and at a cost far less.
        let worth = solve(&self.model, hastened(1.0, TABLE_HASTE), played)?;
        let scale = self.visited.iter().map(|&state| values[state].abs()).fold(0.0, f64::max);
        for state in endless {
            wrong[state] |= worth[state] < values[state] - 1e-6 * scale;
        }
        Ok(())
    }
}

/// v^π and q^π.
fn value_of(policy: &Policy, mdp: &dyn Mdp, gamma: Discount) -> Result<Table> {
    let problem = DiscountedMdp::new(mdp, gamma)?;
    Ok(policy.table(&problem, &policy.values(&problem)?))
}

/// v*, q* and a policy that has them.
fn best(mdp: &dyn Mdp, gamma: Discount) -> Result<Table> {
    let config = PolicyIterationConfig { gamma, evaluation: Evaluate::Exact, ..Default::default() };
    let mut planner = PolicyIteration::new(mdp, config)?;
    while planner.step(&mut Log::default())? != Progress::Converged {}
    Ok(planner.answer())
}

#[cfg(test)]
mod tests;
