use super::*;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::{Model, Policy, Problem, QLearning, QLearningConfig, StepSize, Table};
use crate::{MakeEnv, Mode};
use envs::{Bandit, BanditConfig, CartPole, Pendulum};
use nn::onnx::Export;
use train::{Checkpoint, Learner, Log, Progress};

/// Turns against the velocity it sees.
struct Brake;

impl Learner for Brake {
    fn step(&mut self, _: &mut Log) -> Result<Progress> {
        Ok(Progress::Converged)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        evaluate(self, &|| Box::new(Pendulum::default()), 3, split, 1)
    }

    fn state(&mut self, _: &mut Checkpoint) -> Result<()> {
        Ok(())
    }
}

impl Agent for Brake {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        for (obs, action) in obs.chunks_exact(3).zip(actions.vectors()?) {
            *action = -obs[2];
        }
        Ok(())
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, _: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}

#[test]
fn episodes_are_played_with_the_actions_that_the_environment_takes() {
    let make = || -> Box<dyn Env> { Box::new(Pendulum::default()) };
    let rngs = || (0..3).map(|i| stream(1, &format!("{i}"))).collect::<Vec<_>>();
    let by_hand = rngs().into_iter().map(|rng| {
        let (mut env, mut finished) = (VecEnv::new(vec![rng], &make), None);
        while finished.is_none() {
            let action = [-env.obs()[2]];
            env.step_continuous(&action, |transition| finished = transition.episode).unwrap();
        }
        finished.unwrap()
    });
    let by_hand: Vec<_> = by_hand.collect();
    assert!(by_hand[0] != by_hand[1] && by_hand[0].len == 200, "{by_hand:?}");
    assert_eq!(episodes(&Brake, &make, rngs()).unwrap(), by_hand);
    let cartpole = || -> Box<dyn Env> { Box::new(CartPole::default()) };
    let refused = episodes(&Brake, &cartpole, rngs()).unwrap_err();
    assert!(refused.to_string().contains("actions are vectors"), "{refused}");
}

#[test]
fn the_best_arm_of_a_bandit_is_found_and_worth_its_mean() {
    let bandit = Bandit::new(BanditConfig::default()).unwrap();
    let best = bandit.means().iter().position(|mean| *mean == bandit.best()).unwrap();
    let expected = bandit.best();
    let make: MakeEnv = Box::new(move || Box::new(bandit.clone()));
    let config = QLearningConfig {
        alpha: StepSize::Visits(1.0),
        epsilon_start: 0.5,
        epsilon_end: 0.5,
        test_episodes: 10_000,
        ..QLearningConfig::default()
    };
    let mut agent = QLearning::new(Problem::new(make, None).unwrap(), config, 1).unwrap();
    (0..20_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let mut actions = ActionBatch::Discrete(vec![0]);
    agent.act(&[1.0], Mode::Greedy, &mut [stream(1, "test")], &mut actions).unwrap();
    assert_eq!(actions, ActionBatch::Discrete(vec![best]));
    // Four standard errors of 10,000 episodes.
    let mean = agent.evaluate(Split::Test).unwrap().value();
    assert!((mean - expected).abs() < 0.04, "{mean}, not {expected}");
}
