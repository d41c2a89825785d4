//! Q-learning with q linear in the observation (Sutton & Barto 2018, sections 9.4 and 10.1; the
//! "linear Q-network" of Georgia Tech CS7643).
//!
//! q(s, a) = w_a·x(s) + b_a, where x is the observation, flattened. Semi-gradient step:
//! w_a ← w_a + α·δ·x(s), b_a ← b_a + α·δ with δ = r + γ·max_a' q(s', a') − q(s, a). With one-hot
//! observations that is a table; else it may diverge. One step is a transition.
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::q_learning::q_learning_target;
use super::states::States;
use crate::actions::{ActionBatch, Mode, discrete_actions};
use crate::agent::Agent;
use crate::evaluation::evaluate;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::discount::{APPROXIMATE_HASTE, hastened, note_haste};
use crate::tabular::discounted_mdp::state_of;
use crate::tabular::greedy::any_best;
use crate::tabular::model::Model;
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::{Result, ensure};
use bytemuck::cast_slice_mut;
use envs::{End, VecEnv};
use nn::onnx::Export;
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split, above, stream};

control_parameters! {
    /// Hyper-parameters of [`LinearQ`].
    pub struct LinearQConfig {
        /// Learning rate
        lr: f64 = 0.01, in above(0.0);
    }
}

/// The features of an observation that are not 0, with their places: its numbers and, last, 1.
pub(super) fn features(obs: &[f32]) -> impl Iterator<Item = (usize, f64)> {
    let all = obs.iter().map(|x| f64::from(*x)).chain([1.0]);
    all.enumerate().filter(|(_, x)| *x != 0.0)
}

/// q_a = Σ_i x_i·w_ia: writes `q`, `[A]`, for `features` (i, x_i) and `weights`, `[D, A]`.
pub fn linear(features: impl Iterator<Item = (usize, f64)>, weights: &[f64], q: &mut [f64]) {
    q.fill(0.0);
    for (i, x) in features {
        let row = &weights[i * q.len()..(i + 1) * q.len()];
        q.iter_mut().zip(row).for_each(|(q, w)| *q += x * w);
    }
}

/// −∞ where the state that a one-hot `obs` shows does not have an action; `states` is `None` where
/// every action is always there.
pub(super) fn mask(states: Option<&States>, obs: &[f32], q: &mut [f64]) -> Result<()> {
    let Some(states) = states else { return Ok(()) };
    let state = state_of(obs)?;
    for (action, q) in q.iter_mut().enumerate() {
        if !states.allows(state, action) {
            *q = f64::NEG_INFINITY;
        }
    }
    Ok(())
}

/// Linear Q-learning in the environment it learns in.
pub struct LinearQ {
    config: LinearQConfig,
    problem: Problem,
    gamma: f64,
    seed: u64,
    env: VecEnv,
    /// Available actions, where they are known.
    states: Option<States>,
    /// w and, last, b: `[D + 1, A]`.
    weights: Vec<f64>,
    /// q(s, ·), `[A]`.
    q: Vec<f64>,
    /// q(s', ·), `[A]`.
    next_q: Vec<f64>,
    explorer: Explorer,
    n_transitions: u64,
}

impl LinearQ {
    /// All weights 0.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range; where actions are
    /// vectors.
    pub fn new(problem: Problem, config: LinearQConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = VecEnv::new(vec![stream(seed, "env/0")], &problem.make);
        let (obs_len, n_actions) = (env.spec().obs_len(), discrete_actions(env.spec())?);
        Ok(Self {
            gamma: problem.gamma(config.gamma)?,
            states: problem.mdp.as_deref().map(States::known),
            weights: vec![0.0; (obs_len + 1) * n_actions],
            q: vec![0.0; n_actions],
            next_q: vec![0.0; n_actions],
            explorer: Explorer::new(config.epsilon(), seed),
            n_transitions: 0,
            config,
            problem,
            seed,
            env,
        })
    }
}

impl LinearQ {
    /// Shows `visit` q(s, ·) of each observation, `[N, obs_len]`, with its number.
    fn each(&self, obs: &[f32], mut visit: impl FnMut(usize, &[f64])) -> Result<()> {
        let mut q = vec![0.0; self.env.spec().n_actions()];
        for (i, obs) in obs.chunks_exact(self.env.spec().obs_len()).enumerate() {
            linear(features(obs), &self.weights, &mut q);
            mask(self.states.as_ref(), obs, &mut q)?;
            visit(i, &q);
        }
        Ok(())
    }

    /// Writes `choose(row, q(s, ·))` for each observation, `[N, obs_len]`.
    fn choose(
        &self,
        obs: &[f32],
        actions: &mut [usize],
        mut choose: impl FnMut(usize, &[f64]) -> Option<usize>,
    ) -> Result<()> {
        self.each(obs, |i, q| actions[i] = choose(i, q).unwrap_or(0))
    }
}

impl Learner for LinearQ {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        note_haste(self.gamma, self.n_transitions, log);
        let gamma = hastened(self.gamma, APPROXIMATE_HASTE);
        let Self { config, env, states, weights, q, next_q, explorer, .. } = self;
        linear(features(env.obs()), weights, q);
        mask(states.as_ref(), env.obs(), q)?;
        let action = explorer.choose(q, self.n_transitions);
        log.scalar("train/epsilon", explorer.epsilon(self.n_transitions));
        let mut result = Ok(());
        env.step(&[action], |transition| {
            let next = (transition.end != End::Terminated).then(|| {
                linear(features(transition.next_obs), weights, next_q);
                result = mask(states.as_ref(), transition.next_obs, next_q);
                &next_q[..]
            });
            let error = q_learning_target(transition.reward.into(), gamma, next) - q[action];
            for (i, x) in features(transition.obs) {
                weights[i * q.len() + action] += config.lr * error * x;
            }
            log.scalar("train/td_error", error.abs());
            log.updated();
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        })?;
        result?;
        self.n_transitions += 1;
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        evaluate(self, &self.problem.make, self.config.episodes().of(split), split, self.seed)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.weights))?;
        checkpoint.check(MODEL, "finite numbers are expected", || {
            self.weights.iter().all(|weight| weight.is_finite())
        })?;
        checkpoint.exchange("envs", self.env.snapshot()?, |saved| self.env.restore(saved))?;
        self.explorer.state(checkpoint)?;
        checkpoint.count("seen", &mut self.n_transitions)
    }
}

impl Agent for LinearQ {
    fn act(&self, obs: &[f32], _: Mode, rngs: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        self.choose(obs, actions.numbers()?, |row, q| any_best(q, &mut rngs[row]))
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        ensure!(model.n_states() == self.env.spec().obs_len(), "the MDP has other states");
        let mut table = Table::unknown(model);
        let mut q = vec![0.0; model.n_actions()];
        for state in 0..model.n_states() {
            let features = [(state, 1.0), (model.n_states(), 1.0)];
            linear(features.into_iter(), &self.weights, &mut q);
            table.set(model, state, |action| q[action]);
        }
        Ok(Some(table))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        let mut all = Vec::new();
        self.each(obs, |_, q| all.extend_from_slice(q))?;
        Ok(Some(all))
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MakeEnv;
    use crate::tabular::Discount;
    use envs::{CartPole, Env};

    #[test]
    fn values_by_hand() {
        // x = (2, 0, −1) and 1; rows of weights by feature, two actions.
        let weights = [1.0, 2.0, 9.0, 9.0, 3.0, -4.0, 0.5, 0.0];
        let mut q = [7.0; 2];
        linear(features(&[2.0, 0.0, -1.0]), &weights, &mut q);
        assert_eq!(q, [2.0 - 3.0 + 0.5, 4.0 + 4.0]);
    }

    #[test]
    fn a_step_by_hand() {
        let make: MakeEnv = Box::new(|| Box::new(CartPole::default()) as Box<dyn Env>);
        let config = LinearQConfig { gamma: Discount::Of(0.5), lr: 0.1, ..Default::default() };
        let mut learner = LinearQ::new(Problem { make, mdp: None }, config, 1).unwrap();
        // Biases 4 and 2: the greedy action is 0, the target 1 + ½·4 whatever the cart does.
        (learner.weights[8], learner.weights[9]) = (4.0, 2.0);
        learner.config.epsilon_start = 0.0;
        learner.explorer = Explorer::new(train::Linear { from: 0.0, to: 0.0, over: 0 }, 1);
        let obs: Vec<f64> = learner.env.obs().iter().map(|x| f64::from(*x)).collect();
        learner.step(&mut Log::default()).unwrap();
        let expected: Vec<f64> = obs.iter().flat_map(|x| [-0.1 * x, 0.0]).collect();
        assert_eq!(learner.weights[..8], expected);
        assert_eq!(learner.weights[8..], [3.9, 2.0]);
    }
}
