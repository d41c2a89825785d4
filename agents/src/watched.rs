//! An agent observed beside the exact solution, where its problem has one.
use crate::Agent;
use crate::tabular::{
    Choice, Discount, DiscountedMdp, Evaluate, LARGEST, Model, Policy, PolicyIteration,
    PolicyIterationConfig, TABLE_HASTE, Table, hastened, least_tied, root_mean_square, solve,
    visited,
};
use anyhow::Result;
use envs::Mdp;
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

/// Snapshots kept at most; beyond that every other one is dropped.
const SNAPSHOTS: usize = 64;

/// States of the largest problem of which snapshots are kept: a hundred megabytes of them.
const REMEMBERED: usize = 1 << 16;

/// An agent with the exact solution of its problem. Where the MDP is known and small, two metrics are
/// logged with every row due by `--log-every`, over the states `s` an episode can visit:
///
/// - `oracle/value_error`: root mean square of v(s) − v*(s);
/// - `oracle/policy_error`: share of the states where a greedy action is not optimal; with γ = 1, where to
///   go round for ever may tie with the best, also of those from which the policy never comes to an end
///   and earns less for it.
///
/// An agent that evaluates a policy π is compared with v^π(s), and takes no greedy action.
///
/// It is a [`Learner`] and no [`Agent`]: [`agent`](Self::agent) acts, so that no method of it can be
/// missed here.
pub struct Watched {
    agent: Box<dyn Agent>,
    known: Option<Known>,
    every: u64,
    seen: u64,
    history: History,
}

/// The problem and its exact solution.
struct Known {
    model: Model,
    gamma: f64,
    exact: Option<Table>,
    visited: Vec<usize>,
    remembers: bool,
}

/// Timeline of snapshots.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct History {
    /// Rows from one snapshot to the next.
    stride: u64,
    rows: u64,
    #[serde(rename = "moments")]
    snapshots: Vec<Snapshot>,
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

impl Watched {
    /// Watches `agent` every so many units; `mdp` is its problem, where known, with the discount it
    /// learns by.
    ///
    /// # Errors
    /// Where the MDP is not one.
    pub fn new(
        agent: Box<dyn Agent>,
        mdp: Option<&dyn Mdp>,
        gamma: Discount,
        every: u64,
    ) -> Result<Self> {
        let known = match mdp {
            Some(mdp) if mdp.n_states() <= LARGEST => {
                Some(Known::new(mdp, gamma, agent.evaluates())?)
            }
            _ => None,
        };
        Ok(Self { agent, known, every, seen: 0, history: History::default() })
    }

    /// The agent.
    pub fn agent(&self) -> &dyn Agent {
        &*self.agent
    }

    /// Current values and actions of every state of the agent's MDP, `mdp`; `None` where it has no values.
    ///
    /// # Errors
    /// Errors of the agent.
    pub fn thinks(&self, mdp: &dyn Mdp) -> Result<Option<Table>> {
        match &self.known {
            Some(known) => self.agent.table(&known.model),
            None => self.agent.table(&Model::new(mdp)?),
        }
    }

    /// The exact answer, where there is one.
    pub fn exact(&self) -> Option<&Table> {
        self.known.as_ref()?.exact.as_ref()
    }

    /// Snapshots so far, where the states lie on a grid or along one axis.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.history.snapshots
    }

    fn look(&mut self, log: &mut Log) -> Result<()> {
        let Some(known) = &self.known else { return Ok(()) };
        let Some(table) = self.agent.table(&known.model)? else { return Ok(()) };
        if let Some(exact) = &known.exact {
            log.scalar("oracle/value_error", known.value_error(&table, exact));
            if self.agent.evaluates().is_none() {
                log.scalar("oracle/policy_error", known.policy_error(&table, exact)?);
            }
        }
        if known.remembers {
            self.history.push(Snapshot {
                step: self.seen,
                values: table.values,
                policy: table.policy,
            });
        }
        Ok(())
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

impl History {
    fn push(&mut self, snapshot: Snapshot) {
        if self.rows.is_multiple_of(self.stride.max(1)) {
            self.snapshots.push(snapshot);
        }
        self.rows += 1;
        if self.snapshots.len() > SNAPSHOTS {
            self.stride = self.stride.max(1) * 2;
            let mut place = 0;
            self.snapshots.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
    }
}

impl Learner for Watched {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let progress = self.agent.step(log)?;
        let before = self.seen;
        self.seen += progress.units();
        if self.every > 0 && before / self.every != self.seen / self.every {
            self.look(log)?;
        }
        Ok(progress)
    }

    fn first_update(&self) -> FirstUpdate {
        self.agent.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.agent.evaluate(split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.agent.state(checkpoint)?;
        checkpoint.count("watched", &mut self.seen)?;
        checkpoint.value("moments", &mut self.history)?;
        let History { stride, rows, snapshots } = &self.history;
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
        checkpoint.check(
            "moments",
            &format!("values and actions of {n} states are expected"),
            || {
                snapshots.len() <= SNAPSHOTS + 1
                    && stride.max(rows) < &(1 << 62)
                    && snapshots.iter().all(whole)
            },
        )
    }
}

#[cfg(test)]
mod tests;
