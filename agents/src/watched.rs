//! An agent beside the exact answer, where its problem has one.
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

/// Moments remembered at most; beyond that every other one is forgotten.
const MOMENTS: usize = 64;

/// States of the largest problem of which moments are kept: a hundred megabytes of them.
const REMEMBERED: usize = 1 << 16;

/// An agent and what can be known of its problem. Where the MDP is known and small, two metrics are
/// logged with every row due by `--log-every`, over the states `s` an episode can visit:
///
/// - `oracle/value_error`: root mean square of v(s) − v*(s);
/// - `oracle/policy_error`: share of the states where a greedy action is not optimal; with γ = 1, where to
///   go round for ever may tie with the best, also of those from which the policy never comes to an end
///   and earns less for it.
///
/// An agent that evaluates a policy π is compared with v^π(s), and takes no greedy action.
///
/// It is a [`Learner`] and no [`Agent`]: who acts is [`agent`](Self::agent), so that nothing an agent can
/// do may be forgotten here.
pub struct Watched {
    agent: Box<dyn Agent>,
    known: Option<Known>,
    every: u64,
    seen: u64,
    history: History,
}

/// The problem and its answer.
struct Known {
    model: Model,
    gamma: f64,
    exact: Option<Table>,
    visited: Vec<usize>,
    remembers: bool,
}

/// What an agent thought at some moments.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct History {
    /// Rows from one moment to the next.
    stride: u64,
    rows: u64,
    moments: Vec<Moment>,
}

/// What an agent thought of all states at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Units trained so far.
    pub step: u64,
    /// v, `[S]`.
    pub values: Vec<f64>,
    /// What is done in each state, `[S]`; `None` where it is terminal.
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

    /// What the agent thinks now of every state of its MDP, `mdp`; `None` where it has no values.
    ///
    /// # Errors
    /// What the agent reports.
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

    /// What the agent thought on the way here, where the states lie on a grid or along one axis.
    pub fn moments(&self) -> &[Moment] {
        &self.history.moments
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
            self.history.push(Moment {
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
    fn push(&mut self, moment: Moment) {
        if self.rows.is_multiple_of(self.stride.max(1)) {
            self.moments.push(moment);
        }
        self.rows += 1;
        if self.moments.len() > MOMENTS {
            self.stride = self.stride.max(1) * 2;
            let mut place = 0;
            self.moments.retain(|_| {
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
        let History { stride, rows, moments } = &self.history;
        let model = self.known.as_ref().map(|known| &known.model);
        let [n, n_actions] = model.map_or([0; 2], |model| [model.n_states(), model.n_actions()]);
        let sound = |choice: &Choice| match choice {
            Choice::Action(action) => *action < n_actions,
            Choice::Probabilities(probs) => probs.len() == n_actions,
        };
        let whole = |moment: &Moment| {
            moment.values.len() == n
                && moment.policy.len() == n
                && moment.policy.iter().flatten().all(sound)
        };
        checkpoint.check(
            "moments",
            &format!("values and actions of {n} states are expected"),
            || {
                moments.len() <= MOMENTS + 1
                    && stride.max(rows) < &(1 << 62)
                    && moments.iter().all(whole)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ActionBatch;
    use crate::tabular::{Problem, Td, TdConfig};
    use envs::{GridConfig, GridWorld, Layout, Reward};
    use std::sync::Arc;
    use train::stream;

    #[test]
    fn a_policy_that_draws_its_actions_draws_them_here_too() {
        let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&GridConfig::of(Layout::Open)).unwrap());
        let agent = || Td::new(Problem::of(Arc::clone(&mdp), 10), TdConfig::default(), 1).unwrap();
        let watched = Watched::new(Box::new(agent()), Some(&*mdp), Discount::Own, 1).unwrap();
        let mut obs = vec![0.0; mdp.n_states()];
        obs[mdp.starts()[0].0] = 1.0;
        let drawn = |agent: &dyn Agent| {
            let (mut rngs, mut action) = ([stream(1, "test")], ActionBatch::Discrete(Vec::new()));
            let mut draw = |_| {
                action.choose(agent, &obs, &mut rngs).unwrap();
                action.clone()
            };
            (0..50).map(&mut draw).collect::<Vec<_>>()
        };
        let actions = drawn(watched.agent());
        assert_eq!(actions, drawn(&agent()));
        assert!(actions.iter().any(|action| *action != actions[0]), "{actions:?}");
    }

    /// `policy_error` without a discount of who thinks `q`, `[S, 4]` (up, down, left, right), of a map.
    fn policy_error(map: &str, q: &[[f64; 4]]) -> f64 {
        let config = GridConfig {
            map: Some(map.to_owned()),
            discount: Some(1.0),
            living_reward: Some(0.0),
            noise: Some(0.0),
            reward: Some(Reward::Entering),
            ..Default::default()
        };
        let mdp = GridWorld::new(&config).unwrap();
        let known = Known::new(&mdp, Discount::Own, None).unwrap();
        let mut table = Table::unknown(&known.model);
        for (state, q) in q.iter().enumerate() {
            table.set(&known.model, state, |action| q[action]);
        }
        known.policy_error(&table, known.exact.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn who_never_ends_is_wrong_where_ending_pays() {
        // Every action of the three cells is worth 10, but the way into the exit that pays 1.
        let (exit, map) = ([0.0; 4], "10 . S . 1");
        let left = [9.0, 9.0, 10.0, 9.0];
        let right = [9.0, 9.0, 9.0, 10.0];
        let wall = [10.0, 9.0, 9.0, 9.0];
        let any = [10.0; 4];
        let not_right = [10.0, 10.0, 10.0, 1.0];
        for (cells, wrong) in [
            ([left, left, left], 0.0),
            // Issue 15, P9: to and fro between two cells.
            ([right, left, left], 3.0),
            ([wall, wall, wall], 3.0),
            ([left, wall, left], 2.0),
            ([left, left, right], 1.0),
            // Play draws among those that tie, and comes to an end.
            ([any, any, not_right], 0.0),
            ([any, any, any], 1.0),
        ] {
            let [a, b, c] = cells;
            let error = policy_error(map, &[exit, a, b, c, exit]);
            assert!((error - wrong / 3.0).abs() < 1e-12, "{cells:?}: {error}");
        }
        // To stay is worth 0 and to end less.
        assert_eq!(policy_error("S . -1", &[wall, wall, exit]), 0.0);
        assert_eq!(policy_error("S . -1", &[wall, right, exit]), 0.5);
    }

    #[test]
    fn every_other_moment_is_forgotten() {
        let mut history = History::default();
        for step in 1..=300 {
            history.push(Moment { step, values: Vec::new(), policy: Vec::new() });
        }
        let steps: Vec<u64> = history.moments.iter().map(|moment| moment.step).collect();
        assert_eq!(steps, (0..38).map(|i| 1 + 8 * i).collect::<Vec<_>>());
    }
}
