//! Learners with a table, and what they share with those whose values are linear.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
mod refusals;
mod repeats;
mod ties;
mod updates;
mod values;

use agents::Agent;
use agents::tabular::*;
use anyhow::Result;
use envs::*;
use std::path::Path;
use std::sync::Arc;
use train::{Learner, Log, Progress};

/// Reward and next state of each action of each state; the state after the last is the end.
struct Script(Vec<Vec<(f64, usize)>>);

impl Script {
    /// One action in each state, which pays the state's reward and leads to the next.
    fn corridor(rewards: &[f64]) -> Self {
        let arcs = rewards.iter().enumerate().map(|(i, reward)| vec![(*reward, i + 1)]);
        Self(arcs.collect())
    }
}

impl Mdp for Script {
    fn n_states(&self) -> usize {
        self.0.len() + 1
    }

    fn n_actions(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if let Some(&(reward, next)) = self.0.get(state).and_then(|arcs| arcs.get(action)) {
            visit(Outcome { prob: 1.0, next, reward, terminated: next == self.0.len() });
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(0, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        action.to_string()
    }

    fn discount(&self) -> f64 {
        0.5
    }
}

fn grid(layout: Layout) -> Arc<dyn Mdp> {
    Arc::new(GridWorld::new(&GridConfig::of(layout)).unwrap())
}

fn lake() -> Arc<dyn Mdp> {
    let config = FrozenLakeConfig { slippery: false, ..Default::default() };
    Arc::new(FrozenLake::new(&config).unwrap())
}

type Makes = Vec<(&'static str, fn(Problem, u64) -> Result<Box<dyn Agent>>)>;

/// Every learner of control as it comes.
fn learners() -> Makes {
    vec![
        ("q-learning", |problem, seed| {
            Ok(Box::new(QLearning::new(problem, Default::default(), seed)?))
        }),
        ("q-lambda", |problem, seed| {
            let config = QLearningConfig { lambda: 0.8, ..Default::default() };
            Ok(Box::new(QLearning::new(problem, config, seed)?))
        }),
        ("double-q-learning", |problem, seed| {
            Ok(Box::new(DoubleQLearning::new(problem, Default::default(), seed)?))
        }),
        ("sarsa", |problem, seed| Ok(Box::new(Sarsa::new(problem, Default::default(), seed)?))),
        ("n-step sarsa", |problem, seed| {
            let config = SarsaConfig { n: 4, ..Default::default() };
            Ok(Box::new(Sarsa::new(problem, config, seed)?))
        }),
        ("sarsa-lambda", |problem, seed| {
            let config = SarsaConfig { lambda: 0.8, ..Default::default() };
            Ok(Box::new(Sarsa::new(problem, config, seed)?))
        }),
        ("expected-sarsa", |problem, seed| {
            let config = ExpectedSarsaConfig { n: 2, ..Default::default() };
            Ok(Box::new(ExpectedSarsa::new(problem, config, seed)?))
        }),
        ("dyna-q", |problem, seed| Ok(Box::new(DynaQ::new(problem, Default::default(), seed)?))),
        ("dyna-q+", |problem, seed| {
            let config = DynaQConfig { kappa: 1e-4, ..Default::default() };
            Ok(Box::new(DynaQ::new(problem, config, seed)?))
        }),
        ("linear-q", |problem, seed| {
            let config = LinearQConfig { lr: 0.05, ..Default::default() };
            Ok(Box::new(LinearQ::new(problem, config, seed)?))
        }),
        ("model-based", |problem, seed| {
            Ok(Box::new(ModelBased::new(problem, Default::default(), seed)?))
        }),
        ("monte-carlo", |problem, seed| {
            Ok(Box::new(MonteCarlo::new(problem, Default::default(), seed)?))
        }),
        ("off-policy monte-carlo", |problem, seed| {
            let method = MonteCarloMethod::OffPolicy;
            let config = MonteCarloConfig { method, epsilon_start: 0.3, ..Default::default() };
            Ok(Box::new(MonteCarlo::new(problem, config, seed)?))
        }),
    ]
}

fn after(mut learner: Box<dyn Agent>, steps: usize) -> Box<dyn Agent> {
    let mut log = Log::default();
    (0..steps).for_each(|_| _ = learner.step(&mut log).unwrap());
    learner
}

/// Writes a best policy of `mdp`.
fn best_policy(mdp: &dyn Mdp, dir: &Path) -> PolicyName {
    let mut planner = PolicyIteration::new(mdp, PolicyIterationConfig::default()).unwrap();
    while planner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    let path = dir.join("solution.json");
    let solution = Solution::new(mdp, planner.answer());
    std::fs::write(&path, serde_json::to_vec(&solution).unwrap()).unwrap();
    PolicyName::File(path)
}
