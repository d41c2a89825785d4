//! The rule by hand, the learner by its three promises.
use super::*;
use crate::Sharing;
use crate::export::testing::compare;
use crate::masks::testing::Masked;
use crate::on_policy::heads::Categorical;
use candle_core::Var;
use envs::{CartPole, Catch, End, FrozenLake, FrozenLakeConfig, Mdp, MdpEnv, Pendulum};
use envs::{GridConfig, GridWorld, Layout};
use nn::onnx::testing::randomise;
use std::sync::Arc;
use train::testing::{device, plan, resume_changes_nothing, same_seed_same_bits};
use train::{Plan, Run, RunOutcome, fit, stream};

fn catch(config: ActorCriticConfig) -> Result<ActorCritic> {
    ActorCritic::new(Box::new(|| Box::new(Catch::default())), config, 1, device())
}

fn small() -> ActorCriticConfig {
    let (n_envs, rollout, hidden, eval_episodes, test_episodes) = (3, 4, 16, 3, 3);
    ActorCriticConfig {
        n_envs,
        rollout,
        hidden: crate::Hidden::Each(hidden),
        eval_episodes,
        test_episodes,
        ..ActorCriticConfig::default()
    }
}

#[test]
fn the_policy_loss_by_hand() {
    let log_probs = Var::new(&[-1f32, -2.0], device()).unwrap();
    let weights = Var::new(&[3f32, -0.5], device()).unwrap();
    let loss = policy_loss(&log_probs, &weights).unwrap();
    assert_eq!(loss.to_scalar::<f32>().unwrap(), 1.0);
    let gradients = loss.backward().unwrap();
    assert_eq!(gradients.get(&log_probs).unwrap().to_vec1::<f32>().unwrap(), [-1.5, 0.25]);
    assert!(gradients.get(&weights).is_none(), "the critic does not learn from the policy's loss");
}

#[test]
fn all_actions_at_once_are_the_mean_over_those_that_may_be_drawn() {
    let logits = Var::new(&[[0.3f64, -0.6, 1.0], [0.0, 2f64.ln(), 0.0]], device()).unwrap();
    let q = Var::new(&[[1.0f64, -2.0, 0.5], [4.0, 8.0, -4.0]], device()).unwrap();
    let policy = || Categorical::new(&logits).unwrap();
    let at_once = all_actions_loss(&ActionDistribution::Categorical(policy()), &q).unwrap();
    let sampled = (0..9u32).map(|i| {
        let actions = Tensor::new(&[i / 3, i % 3], device()).unwrap();
        let log_probs = policy().log_prob(&actions).unwrap();
        let probability = log_probs.sum_all().unwrap().exp().unwrap().detach();
        (policy_loss(&log_probs, &select(&q, &actions).unwrap()).unwrap() * probability).unwrap()
    });
    let sampled = sampled.reduce(|a, b| (a + b).unwrap()).unwrap();
    let gradients = at_once.backward().unwrap();
    assert!(gradients.get(&q).is_none(), "the critic does not learn from the policy's loss");
    let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let slopes = flat(gradients.get(&logits).unwrap());
    // −½·π(a|s)·(Q(s, a) − V(s)) with π = (¼, ½, ¼), V = 4 in the second state.
    let expected = [0.0, -1.0, 1.0];
    assert!(slopes[3..].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{slopes:?}");
    let mean = flat(sampled.backward().unwrap().get(&logits).unwrap());
    assert!(slopes.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-12), "{slopes:?} {mean:?}");
}

/// A full rollout of 12 steps, of which the one in the third row of the second copy was truncated.
fn played(config: ActorCriticConfig) -> ActorCritic {
    let mut agent = catch(config).unwrap();
    let rollout = &mut agent.trainer.collector.rollout;
    rollout.rewards = (0..12).map(|i| i as f32).collect();
    rollout.ends = vec![End::Not; 12];
    rollout.ends[7] = End::Truncated;
    rollout.ends[8] = End::Terminated;
    rollout.truncated_obs = (0..50).map(|i| i as f32 / 50.0).collect();
    agent
}

#[test]
fn bootstraps_from_the_final_and_from_the_present_observations() {
    for critic in [Critic::Advantage, Critic::Q] {
        let agent = played(ActorCriticConfig { critic, gamma: 0.5, ..small() });
        let acting = &agent.trainer.frozen;
        let value = |obs: &[f32]| -> Vec<f32> {
            let obs = Tensor::from_slice(obs, (obs.len() / 50, 50), device()).unwrap();
            let (policy, critic) = acting.forward(&obs).unwrap();
            state_values(&policy, &critic).unwrap().to_vec1().unwrap()
        };
        let cut = value(&agent.trainer.collector.rollout.truncated_obs)[0];
        // The environments have not moved: each shows its first observation.
        let mut envs = Vec::new();
        for i in 0..3 {
            let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
            let rng = train::stream(1, &format!("env/{i}"));
            envs.extend_from_slice(envs::VecEnv::new(vec![rng], &make).obs());
        }
        let present = value(&envs);
        let values: Vec<f32> = (0..12).map(|i| 100.0 + i as f32).collect();
        let (returns, advantages) = agent.returns(&values).unwrap();
        let expected = [9.0, 10.0, 11.0].iter().zip(present).map(|(r, v)| r + 0.5 * v);
        for (i, expected) in expected.enumerate() {
            assert!((returns[9 + i] - expected).abs() < 1e-4, "{critic:?}");
        }
        assert!((returns[7] - (7.0 + 0.5 * cut)).abs() < 1e-4, "{critic:?}");
        assert!((returns[4] - (4.0 + 0.5 * returns[7])).abs() < 1e-4, "{critic:?}");
        assert!((returns[8] - 8.0).abs() < 1e-4, "{critic:?}");
        for ((advantage, ret), value) in advantages.iter().zip(&returns).zip(&values) {
            assert!((advantage - (ret - value)).abs() < 1e-4);
        }
    }
}

#[test]
fn both_estimators_look_to_the_end_of_the_rollout() {
    let values = [0.5; 12];
    let gae = played(small()).returns(&values).unwrap();
    let n_step = ActorCriticConfig { estimator: Estimator::NStep, n_step: 4, ..small() };
    let n_step = played(n_step).returns(&values).unwrap();
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(near(&gae.0, &n_step.0) && near(&gae.1, &n_step.1));
    let one = ActorCriticConfig { lambda: 0.0, ..small() };
    assert!(!near(&played(one).returns(&values).unwrap().0, &gae.0));
}

/// V(s) = Σ π(a|s)·Q(s, a), and Q alone learns from its own action.
#[test]
fn q_of_the_action_taken_is_learned() {
    let agent = catch(ActorCriticConfig { critic: Critic::Q, ..small() }).unwrap();
    let obs = Tensor::ones((2, 50), candle_core::DType::F32, device()).unwrap();
    let (policy, q) = agent.trainer.net.forward(&obs).unwrap();
    let logits = agent.trainer.net.outputs(&obs).unwrap();
    assert_eq!(q.dims(), [2, 3]);
    let values = state_values(&policy, &q).unwrap().to_vec1::<f32>().unwrap();
    let (logits, q) = (logits.to_vec2::<f32>().unwrap(), q.to_vec2::<f32>().unwrap());
    let total: f32 = logits[0].iter().map(|l| l.exp()).sum();
    let expected: f32 = logits[0].iter().zip(&q[0]).map(|(l, q)| l.exp() / total * q).sum();
    assert!((values[0] - expected).abs() < 1e-5);
}

#[test]
fn updates_come_once_per_rollout() {
    let mut agent = catch(small()).unwrap();
    let weights = |agent: &ActorCritic| -> Vec<Vec<f32>> {
        let flat = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
        agent.trainer.params.named().iter().map(|(_, var)| flat(var)).collect()
    };
    let first = weights(&agent);
    for _ in 0..3 {
        assert_eq!(agent.step(&mut Log::default()).unwrap(), Progress::Advanced(3));
        assert_eq!(weights(&agent), first);
    }
    agent.step(&mut Log::default()).unwrap();
    assert_ne!(weights(&agent), first);
    assert!(agent.trainer.collector.rollout.is_empty());
}

#[test]
fn catches_every_ball() {
    for critic in [Critic::Advantage, Critic::Q] {
        let config = ActorCriticConfig { critic, entropy_coef: 0.01, ..Default::default() };
        let mut agent = catch(config).unwrap();
        let plan = Plan { eval_every: 5_000, target: Some(1.0), ..plan(300_000) };
        let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
        assert_eq!(report.outcome, RunOutcome::TargetReached, "{critic:?}");
        assert!(report.evaluation.unwrap().value() > 0.95, "{critic:?}");
    }
}

#[test]
fn a_critic_of_all_actions_balances_the_pole() {
    let (critic, weighed, normalize_reward) = (Critic::Q, Weighed::All, true);
    let config = ActorCriticConfig { critic, weighed, normalize_reward, ..Default::default() };
    let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
    let mut agent = ActorCritic::new(make, config, 1, device()).unwrap();
    let plan = Plan { eval_every: 20_000, target: Some(450.0), ..plan(300_000) };
    let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
    assert_eq!(report.outcome, RunOutcome::TargetReached);
    assert!(report.evaluation.unwrap().value() > 400.0);
}

#[test]
fn options_that_have_no_effect_are_refused() {
    let refused = |critic, weights| {
        let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
        let config =
            ActorCriticConfig { critic, weights, weighed: Weighed::All, ..Default::default() };
        ActorCritic::new(make, config, 1, device()).is_err()
    };
    assert!(refused(Critic::Advantage, Weights::Raw) && refused(Critic::Q, Weights::Normalised));
    assert!(!refused(Critic::Q, Weights::Raw));
}

#[test]
fn same_bits_and_resumes() {
    let makes: [&dyn Fn() -> MakeEnv; 3] = [
        &|| Box::new(|| Box::new(Catch::default())),
        &|| Box::new(|| Box::new(CartPole::default())),
        &|| Box::new(|| Box::new(Pendulum::default())),
    ];
    let other = ActorCriticConfig {
        critic: Critic::Q,
        weighed: Weighed::All,
        estimator: Estimator::NStep,
        n_step: 2,
        sharing: Sharing::Shared,
        optimizer: OptimizerName::Adam,
        entropy_coef: 0.01,
        lr_end: 0.0,
        lr_steps: 1_000,
        ..small()
    };
    let scaled = ActorCriticConfig {
        normalize_obs: true,
        normalize_reward: true,
        clip_obs: 5.0,
        weights: Weights::Normalised,
        ..small()
    };
    for (make, config) in makes.into_iter().zip([small(), other, scaled]) {
        let learner = || {
            let agent = ActorCritic::new(make(), config.clone(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 300).unwrap();
        // Not a multiple of 12: in the middle of a rollout.
        resume_changes_nothing(&learner, 151, 300, dir.path()).unwrap();
    }
}

fn masked(config: ActorCriticConfig, time_limit: Option<u32>) -> ActorCritic {
    ActorCritic::new(Masked::make(time_limit), config, 1, device()).unwrap()
}

/// Q = (1, 2, 100) and logits 0 everywhere: V is 1 in the first state, which has one action, and 1.5 in the second.
#[test]
fn a_critic_of_actions_says_nothing_of_those_that_a_state_lacks() {
    for time_limit in [None, Some(1)] {
        let config = ActorCriticConfig { critic: Critic::Q, gamma: 0.5, lambda: 0.0, ..small() };
        let mut agent = masked(config, time_limit);
        for (name, var) in agent.trainer.params.named() {
            let zeros = || var.zeros_like().unwrap();
            let q = || Tensor::new(&[1f32, 2.0, 100.0], device()).unwrap();
            var.set(&if name == "critic.out.bias" { q() } else { zeros() }).unwrap();
        }
        // The update comes with the fourth step.
        (0..3).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        let rewards = agent.trainer.collector.rollout.rewards.clone();
        let (returns, _) = agent.returns(&[0.0; 9]).unwrap();
        for copy in 0..3 {
            // After the first state the second, which may be final; it terminates the episode.
            let second = if time_limit.is_none() { rewards[3 + copy] } else { 0.75 };
            let rows = [copy, 3 + copy, 6 + copy].map(|row| returns[row]);
            let first = if time_limit.is_none() { 0.0 } else { 0.75 };
            assert_eq!(rows, [first, second, 0.75], "copy {copy}, {time_limit:?}");
        }
        let mut log = Log::default();
        agent.step(&mut log).unwrap();
        log.settle().unwrap();
        let entropy = log.take()["train/entropy"];
        let expected = if time_limit.is_none() { 0.5 * 2f64.ln() } else { 0.0 };
        assert!((entropy - expected).abs() < 1e-6, "{entropy}, {time_limit:?}");
    }
}

#[test]
fn same_bits_and_resumes_where_states_lack_actions() {
    for (critic, time_limit) in [(Critic::Q, None), (Critic::Advantage, Some(1))] {
        let config = ActorCriticConfig { critic, entropy_coef: 0.01, ..small() };
        let learner = || Ok(Box::new(masked(config.clone(), time_limit)) as Box<dyn Learner>);
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 300).unwrap();
        resume_changes_nothing(&learner, 151, 300, dir.path()).unwrap();
    }
}

#[test]
fn a_gridworld_whose_states_lack_actions_is_learned_and_shown() {
    let grid = GridConfig { noise: Some(0.0), ..GridConfig::of(Layout::Aima) };
    let world = Arc::new(GridWorld::new(&grid).unwrap());
    let mdp: Arc<dyn Mdp> = Arc::<GridWorld>::clone(&world);
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))));
    let config = ActorCriticConfig { critic: Critic::Q, lr: 3e-3, ..Default::default() };
    let mut agent = ActorCritic::new(make, config, 1, device()).unwrap();
    (0..4_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let value = agent.evaluate(Split::Test).unwrap().value();
    // Five steps at 0.04 to the exit that pays 1.
    assert!((value - 0.8).abs() < 1e-6, "{value}");
    let model = Model::new(&*world).unwrap();
    let table = agent.table(&model).unwrap().unwrap();
    let n = model.n_actions();
    for state in 0..model.n_states() {
        for action in 0..n {
            let q = table.q[state * n + action];
            assert_eq!(q.is_nan(), !world.allows(state, action), "state {state}, action {action}");
            assert!(table.action(state) != Some(action) || !q.is_nan(), "state {state}");
        }
        let only = (0..n).filter(|action| world.allows(state, *action)).collect::<Vec<_>>();
        if let [exit] = only[..] {
            // V = Σ π·Q is the Q of the only action.
            assert!((table.values[state] - table.q[state * n + exit]).abs() < 1e-6);
        }
    }
}

#[test]
fn its_table_is_what_the_networks_say_of_each_state() {
    let lake = Arc::new(FrozenLake::new(&FrozenLakeConfig::default()).unwrap());
    let model = Model::new(&*lake).unwrap();
    for critic in [Critic::Advantage, Critic::Q] {
        let known: Arc<dyn Mdp> = Arc::<FrozenLake>::clone(&lake);
        let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&known), Some(100))));
        let config = ActorCriticConfig { critic, ..small() };
        let agent = ActorCritic::new(make, config, 1, device()).unwrap();
        let table = agent.table(&model).unwrap().unwrap();
        // State 5 is a hole.
        assert_eq!((table.values[5], &table.policy[5]), (0.0, &None));
        let mut obs = vec![0f32; 16];
        obs[6] = 1.0;
        let mut action = ActionBatch::Discrete(vec![0]);
        agent.act(&obs, Mode::Greedy, &mut [stream(1, "test")], &mut action).unwrap();
        assert_eq!(table.action(6), Some(action.numbers().unwrap()[0]));
        let obs = Tensor::from_vec(obs, (1, 16), device()).unwrap();
        let (policy, predicted) = agent.trainer.frozen.forward(&obs).unwrap();
        let value = state_values(&policy, &predicted).unwrap();
        let value = f64::from(value.to_vec1::<f32>().unwrap()[0]);
        assert!((table.values[6] - value).abs() < 1e-6);
        let predicted = predicted.to_vec2::<f32>().unwrap();
        match critic {
            Critic::Advantage => assert!(table.q.iter().all(|q| q.is_nan())),
            Critic::Q => assert!((table.q[6 * 4 + 1] - f64::from(predicted[0][1])).abs() < 1e-6),
        }
    }
}

#[test]
fn what_would_learn_nothing_is_refused() {
    let single =
        |rollout, n_envs, weights| ActorCriticConfig { rollout, n_envs, weights, ..small() };
    let message = catch(single(1, 1, Weights::Normalised)).err().unwrap().to_string();
    assert!(message.starts_with("--rollout 1: one weight less its own mean is 0"), "{message}");
    assert!(
        message.ends_with("a --rollout or --n-envs of 2 or more, or --weights raw"),
        "{message}"
    );
    for (rollout, n_envs, weights) in
        [(1, 1, Weights::Raw), (2, 1, Weights::Normalised), (1, 2, Weights::Normalised)]
    {
        assert!(catch(single(rollout, n_envs, weights)).is_ok());
    }
    let unlearned = ActorCriticConfig { critic: Critic::Q, value_coef: 0.0, ..small() };
    let message = catch(unlearned).err().unwrap().to_string();
    assert!(message.starts_with("--value-coef 0: actions are weighed by Q"), "{message}");
}

#[test]
fn an_exported_critic_of_actions_says_q() {
    let config = ActorCriticConfig { critic: Critic::Q, ..small() };
    let agent = catch(config).unwrap();
    randomise(&agent.trainer.params).unwrap();
    let trainer = &agent.trainer;
    compare(&agent, ("policy", trainer.collector.spec()), |raw| {
        let obs = trainer.collector.scale(raw).unwrap();
        let (_, critic) = trainer.frozen.forward(&obs)?; // [B, A]
        Ok(vec![("logits", trainer.frozen.outputs(&obs)?), ("q_values", critic)])
    });
}
