//! The losses by hand and by differences, the learner by its three promises.
use super::*;
use crate::export::testing::compare;
use crate::masks::testing::Masked;
use crate::on_policy::heads::{Categorical, Head};
use crate::{Net, Part, Sharing, Start};
use candle_core::{DType, Var};
use envs::{Breakout, CartPole, Catch, Env, Pendulum, Spec};
use envs::{GridConfig, GridWorld, Layout, Mdp, MdpEnv};
use nn::Params;
use nn::gradcheck::gradcheck;
use nn::onnx::testing::randomise;
use std::sync::Arc;
use train::testing::{device, plan, resume_changes_nothing, same_seed_same_bits};
use train::{Plan, Run, RunOutcome, fit};

fn catch(config: PpoConfig) -> Result<Ppo> {
    Ppo::new(Box::new(|| Box::new(Catch::default())), config, 1, device())
}

/// Single precision loses digits of a divergence near 0, and no ratio lies at the clip.
#[test]
fn the_divergence_on_a_device_is_the_divergence() {
    let old = [-0.1f32, -1.0, -2.5, -0.7];
    let new = [-0.4f32, -0.95, -2.5, -0.3];
    let (kl, clipped) = divergence(&new, &old, 0.2);
    let [new, old] = [new, old].map(|values| Tensor::new(&values, device()).unwrap());
    let on_device = divergence::on_device(&new, &old, 0.2).unwrap();
    assert!((scalar(&on_device.0) - kl).abs() < 1e-7, "{kl}");
    assert_eq!((scalar(&on_device.1), clipped), (0.5, 0.5));
}

#[test]
fn networks_of_candle_nn_are_seeded_learned_and_resumed() {
    let network = |params: Params, spec: &Spec, part: Part| {
        let vb = params.var_builder().pp(part.name);
        let model = candle_nn::seq()
            .add(candle_nn::linear(spec.obs_len(), 16, vb.pp("in"))?)
            .add(candle_nn::Activation::Silu)
            .add(candle_nn::linear(16, part.outputs, vb.pp("out"))?);
        Ok(Net::of_module(params, model))
    };
    let cartpole = |network: MakeNet| {
        let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
        Ppo::with_networks(make, small(), 1, device(), Some(network))
    };
    let learner = || -> Result<Box<dyn Learner>> { Ok(Box::new(cartpole(&network)?)) };
    same_seed_same_bits(&learner, 300).unwrap();
    let dir = tempfile::tempdir().unwrap();
    resume_changes_nothing(&learner, 151, 300, dir.path()).unwrap();

    let mut agent = cartpole(&network).unwrap();
    let names: Vec<_> = agent.trainer.params.named().into_iter().map(|(name, _)| name).collect();
    let parts = ["in.bias", "in.weight", "out.bias", "out.weight"];
    let expected = ["critic", "policy"].map(|part| parts.map(|name| format!("{part}.{name}")));
    assert_eq!(names, expected.concat());
    let bits = |agent: &Ppo| {
        let all = agent.trainer.params.named().into_iter();
        all.map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
    };
    let before = bits(&agent);
    (0..16).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    assert!(bits(&agent).iter().zip(&before).all(|(after, before)| after != before));

    let wide = |params, spec: &Spec, part: Part| {
        network(params, spec, Part { outputs: part.outputs + 1, ..part })
    };
    let error = format!("{:#}", cartpole(&wide).err().unwrap());
    assert_eq!(
        error,
        "the network of the policy: the network maps an observation [1, 4] to [1, 3]; expected [1, 2]"
    );
}

fn small() -> PpoConfig {
    let (rollout, n_envs, batch, epochs, hidden) = (16, 3, 12, 2, 16);
    let (eval_episodes, test_episodes) = (3, 3);
    PpoConfig {
        rollout,
        n_envs,
        batch,
        epochs,
        hidden: crate::Hidden::Each(hidden),
        eval_episodes,
        test_episodes,
        ..PpoConfig::default()
    }
}

const BOTH: [DType; 2] = [DType::F32, DType::F64];

fn var(values: &[f64], dtype: DType) -> Var {
    Var::from_tensor(&tensor(values, dtype)).unwrap()
}

fn tensor(values: &[f64], dtype: DType) -> Tensor {
    Tensor::new(values, device()).unwrap().to_dtype(dtype).unwrap()
}

fn scalar(t: &Tensor) -> f64 {
    t.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

fn gradient(loss: &Tensor, var: &Var) -> Vec<f64> {
    let gradients = loss.backward().unwrap();
    gradients.get(var).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn assert_close(left: &[f64], right: &[f64]) {
    let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-6);
    assert!(close && left.len() == right.len(), "{left:?} {right:?}");
}

/// Ratios below, inside and above 1 ± 0.2, for a good action (Â = 1) and a bad one (Â = −2).
#[test]
fn the_objective_by_hand_at_each_branch() {
    let ratios = [0.5f64, 1.0, 1.5, 0.5, 1.0, 1.5];
    for dtype in BOTH {
        let log_probs = var(&ratios.map(|ratio| ratio.ln() - 1.0), dtype);
        let old = tensor(&[-1.0; 6], dtype);
        let advantages = tensor(&[1.0, 1.0, 1.0, -2.0, -2.0, -2.0], dtype);
        let objective = clipped_objective(&log_probs, &old, &advantages, 0.2).unwrap();
        // 0.5, 1, 1.2 (clipped), −1.6 (clipped), −2, −3
        assert_close(&[scalar(&objective)], &[(0.5 + 1.0 + 1.2 - 1.6 - 2.0 - 3.0) / 6.0]);
        // ρ·Â / 6, and nothing where it is clipped
        let slopes = [0.5, 1.0, 0.0, 0.0, -2.0, -3.0].map(|slope| slope / 6.0);
        assert_close(&gradient(&objective, &log_probs), &slopes);
    }
}

#[test]
fn the_value_loss_by_hand_at_each_branch() {
    for dtype in BOTH {
        // V_old = 0, ε = 0.2: moved too far the right way, the wrong way, little, and beyond G.
        let values = var(&[0.5, -0.5, 0.1, 2.0], dtype);
        let (old, returns) = (tensor(&[0.0; 4], dtype), tensor(&[1.0, 1.0, 1.0, 0.1], dtype));
        let loss = clipped_value_loss(&values, &old, &returns, 0.2).unwrap();
        assert_close(&[scalar(&loss)], &[(0.64 + 2.25 + 0.81 + 3.61) / 4.0]);
        let slopes = [0.0, -3.0, -1.8, 3.8].map(|slope| slope / 4.0);
        assert_close(&gradient(&loss, &values), &slopes);
    }
}

#[test]
fn the_whole_loss_by_differences() {
    let actions = Tensor::new(&[2u32, 0, 1], device()).unwrap();
    for (dtype, h, most) in [(DType::F64, 1e-5, 1e-8), (DType::F32, 1e-2, 3e-3)] {
        let logits = [[0.2, -1.0, 0.7], [1.1, 0.4, -0.3], [0.0, 0.3, -0.8]];
        let logits = Tensor::new(&logits, device()).unwrap().to_dtype(dtype).unwrap();
        let (logits, values) = (Var::from_tensor(&logits).unwrap(), var(&[0.5, -1.0, 0.1], dtype));
        // Ratios are about 1.2, 0.6 and 1.1, far from where the objective has a corner.
        let old = tensor(&[-0.9, -0.1, -1.0], dtype);
        let advantages = tensor(&[1.5, -0.7, -2.0], dtype);
        let (before, returns) = (tensor(&[0.0; 3], dtype), tensor(&[1.0, 0.5, -0.4], dtype));
        let loss = || {
            let policy = Categorical::new(&logits)?;
            let objective = clipped_objective(&policy.log_prob(&actions)?, &old, &advantages, 0.3)?;
            let value_loss = clipped_value_loss(&values, &before, &returns, 0.2)?;
            ((value_loss * 0.5)? - objective)? - (policy.entropy()?.mean_all()? * 0.1)?
        };
        assert!(gradcheck(&[logits.clone(), values.clone()], h, loss).unwrap() < most);
    }
}

#[test]
fn the_divergence_by_hand() {
    let (kl, clipped) = divergence(&[2f32.ln() - 1.0, -3.0], &[-1.0, -3.0], 0.2);
    assert!((kl - (1.0 - 2f64.ln()) / 2.0).abs() < 1e-6, "{kl}");
    assert_eq!(clipped, 0.5);
}

fn weights(agent: &Ppo) -> Vec<Vec<f32>> {
    let flat = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
    agent.trainer.params.named().iter().map(|(_, var)| flat(var)).collect()
}

/// An agent that has just learned from its first rollout.
fn updated(config: PpoConfig) -> Ppo {
    let mut agent = catch(config).unwrap();
    (0..16).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    assert!(agent.trainer.collector.rollout.is_empty());
    agent
}

#[test]
fn a_rollout_is_left_once_the_policy_has_moved_too_far() {
    // The first batch finds the policy where it was, the second does not.
    let whole = PpoConfig { batch: 48, ..small() };
    let stopped = updated(PpoConfig { epochs: 4, target_kl: 1e-10, ..whole.clone() });
    let once = updated(PpoConfig { epochs: 1, ..whole.clone() });
    assert_eq!(weights(&stopped), weights(&once));
    assert_ne!(weights(&updated(PpoConfig { epochs: 4, ..whole })), weights(&once));
}

#[test]
fn every_transition_is_in_one_batch_of_an_epoch() {
    let agent = updated(small());
    let mut order = agent.order.clone();
    assert_ne!(order, (0..48).collect::<Vec<_>>());
    order.sort_unstable();
    assert_eq!(order, (0..48).collect::<Vec<_>>());
}

#[test]
fn the_learning_rate_follows_its_schedule() {
    let mut agent = catch(PpoConfig { lr_end: 0.0, lr_steps: 90, ..small() }).unwrap();
    let mut log = Log::default();
    (0..16).for_each(|_| _ = agent.step(&mut log).unwrap());
    let first = weights(&agent);
    (0..16).for_each(|_| _ = agent.step(&mut log).unwrap());
    // 96 transitions: the learning rate has come to 0.
    assert_eq!(weights(&agent), first);
}

#[test]
fn what_is_out_of_range_is_named() {
    let error = |config| catch(config).err().unwrap().to_string();
    assert!(error(PpoConfig { lambda: 1.5, ..small() }).starts_with("--lambda 1.5"));
    assert!(error(PpoConfig { batch: 13, ..small() }).starts_with("--batch 13: must divide"));
    assert!(error(PpoConfig { clip: 0.0, ..small() }).starts_with("--clip 0: must be more than 0"));
}

#[test]
fn what_would_learn_nothing_is_refused() {
    // Issue 15, L1: one advantage less its own mean is 0.
    let single = |advantages| PpoConfig { batch: 1, advantages, ..small() };
    let message = catch(single(Weights::Normalised)).err().unwrap().to_string();
    assert!(message.starts_with("--batch 1: one advantage less its own mean is 0"), "{message}");
    assert!(message.ends_with("give a --batch of 2 or more, or --advantages raw"), "{message}");
    assert!(catch(single(Weights::Raw)).is_ok());
    assert!(catch(PpoConfig { batch: 2, ..small() }).is_ok());
    // 48 transitions are there when the first update is made.
    let falling = |lr_steps| PpoConfig { lr_end: 0.0, lr_steps, ..small() };
    let message = catch(falling(48)).err().unwrap().to_string();
    assert!(
        message.starts_with("--lr-end 0: with --lr-steps 48 the learning rate is 0"),
        "{message}"
    );
    assert!(catch(falling(49)).is_ok());
}

#[test]
fn catches_every_ball() {
    let config = PpoConfig { lr: 2e-3, rollout: 32, ..PpoConfig::default() };
    let mut agent = catch(config).unwrap();
    let plan = Plan { eval_every: 2_000, target: Some(1.0), ..plan(60_000) };
    let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
    assert_eq!(report.outcome, RunOutcome::TargetReached);
    assert!(report.evaluation.unwrap().value() > 0.95);
}

#[test]
fn a_pendulum_is_swung_up() {
    let (n_envs, rollout, batch, epochs, lr) = (8, 128, 64, 10, 1e-3);
    let config = PpoConfig { gamma: 0.9, entropy_coef: 0.0, ..PpoConfig::default() };
    let config = PpoConfig { n_envs, rollout, batch, epochs, lr, ..config };
    let scaled = PpoConfig { normalize_reward: true, ..config };
    let make: MakeEnv = Box::new(|| Box::new(Pendulum::default()));
    let mut agent = Ppo::new(make, scaled, 1, device()).unwrap();
    let plan = Plan { eval_every: 10_240, target: Some(-400.0), ..plan(200_000) };
    let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
    // Hanging still costs about 1200.
    assert_eq!(report.outcome, RunOutcome::TargetReached);
    assert!(report.evaluation.unwrap().value() > -400.0);
}

#[test]
fn same_bits_and_resumes() {
    let makes: [&dyn Fn() -> MakeEnv; 4] = [
        &|| Box::new(|| Box::new(Catch::default())),
        &|| Box::new(|| Box::new(CartPole::default())),
        &|| Box::new(|| Box::new(Breakout::default())),
        &|| Box::new(|| Box::new(Pendulum::default())),
    ];
    let other = || PpoConfig {
        sharing: Sharing::Shared,
        init: Start::FanIn,
        value_loss: ValueLoss::Mse,
        advantages: Weights::Raw,
        target_kl: 0.01,
        ..small()
    };
    let scaled = PpoConfig {
        normalize_obs: true,
        clip_obs: 5.0,
        normalize_reward: true,
        clip_reward: 1.0,
        ..small()
    };
    for (make, config) in makes.into_iter().zip([small(), other(), other(), scaled]) {
        let learner = || {
            let agent = Ppo::new(make(), config.clone(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 300).unwrap();
        // Not a multiple of 48: in the middle of a rollout.
        resume_changes_nothing(&learner, 151, 300, dir.path()).unwrap();
    }
}

fn masked(config: PpoConfig, time_limit: Option<u32>) -> Ppo {
    Ppo::new(Masked::make(time_limit), config, 1, device()).unwrap()
}

/// Logits 0: the first state has one action, which is certain, the second has two.
#[test]
fn probabilities_are_of_the_actions_that_a_state_has() {
    let config = || PpoConfig { epochs: 1, batch: 48, advantages: Weights::Raw, ..small() };
    let mut agent = masked(config(), None);
    let zero = |agent: &Ppo| {
        for (_, var) in agent.trainer.params.named() {
            var.set(&var.zeros_like().unwrap()).unwrap();
        }
    };
    zero(&agent);
    // An update comes with the sixteenth step.
    (0..15).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let half = 0.5f32.ln();
    let expected: Vec<_> = (0..15).flat_map(|i| [if i % 2 == 0 { 0.0 } else { half }; 3]).collect();
    let log_probs = agent.targets().unwrap().log_probs;
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    assert!(log_probs.iter().zip(&expected).all(near), "{log_probs:?}");
    let mut log = Log::default();
    agent.step(&mut log).unwrap();
    log.settle().unwrap();
    let row = log.take();
    assert!((row["train/entropy"] - 0.5 * 2f64.ln()).abs() < 1e-6, "{row:?}");
    // A batch finds the policy where it was while the rollout was made.
    assert_eq!((row["train/kl"], row["train/clipped"]), (0.0, 0.0), "{row:?}");
}

#[test]
fn what_a_state_lacks_is_never_learned_from() {
    let mut agent = masked(PpoConfig { lr: 1e-2, ..small() }, None);
    let weights = |agent: &Ppo| {
        let named = agent.trainer.params.named();
        let (_, bias) = named.into_iter().find(|(name, _)| name == "policy.out.bias").unwrap();
        bias.to_vec1::<f32>().unwrap()
    };
    let before = weights(&agent);
    (0..64).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let after = weights(&agent);
    assert_eq!(after[2], before[2], "the action that no state has");
    assert!(after[1] > before[1], "{before:?} {after:?}");
    assert_eq!(agent.evaluate(Split::Test).unwrap().value(), 1.0);
}

#[test]
fn same_bits_and_resumes_where_states_lack_actions() {
    for time_limit in [None, Some(1)] {
        let learner = || Ok(Box::new(masked(small(), time_limit)) as Box<dyn Learner>);
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 300).unwrap();
        // Not a multiple of 48: in the middle of a rollout.
        resume_changes_nothing(&learner, 151, 300, dir.path()).unwrap();
    }
}

#[test]
fn a_gridworld_whose_states_lack_actions_is_learned() {
    let grid = GridConfig { noise: Some(0.0), ..GridConfig::of(Layout::Aima) };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).unwrap());
    let make = move || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))) };
    assert!(make().masks_actions(), "the layout has terminal exits");
    let config = PpoConfig { lr: 2e-3, rollout: 32, ..PpoConfig::default() };
    let mut agent = Ppo::new(Box::new(make), config, 1, device()).unwrap();
    (0..2_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let value = agent.evaluate(Split::Test).unwrap().value();
    // Five steps at 0.04 to the exit that pays 1.
    assert!((value - 0.8).abs() < 1e-6, "{value}");
}

/// Networks for vectors and images, logits and means, with and without statistics of observations.
#[test]
fn exported_policies_and_values_are_its_own() {
    let (sharing, clip_obs) = (Sharing::Shared, 1.5);
    let normalised = PpoConfig { normalize_obs: true, ..small() };
    let cases: [(fn() -> MakeEnv, PpoConfig); 4] = [
        (|| Box::new(|| Box::new(CartPole::default())), normalised.clone()),
        (|| Box::new(|| Box::new(CartPole::default())), PpoConfig { clip_obs, sharing, ..small() }),
        (
            || Box::new(|| Box::new(Pendulum::default())),
            PpoConfig { clip_obs, log_std: -0.5, ..normalised.clone() },
        ),
        (
            || Box::new(|| Box::new(Breakout::default())),
            PpoConfig { sharing, clip_obs, ..normalised },
        ),
    ];
    for (make, config) in cases {
        let mut agent = Ppo::new(make(), config, 1, device()).unwrap();
        for _ in 0..5 {
            agent.step(&mut Log::default()).unwrap();
        }
        randomise(&agent.trainer.params).unwrap();
        let trainer = &agent.trainer;
        compare(&agent, ("policy", trainer.collector.spec()), |raw| {
            let obs = trainer.collector.scale(raw).unwrap();
            let (_, critic) = trainer.frozen.forward(&obs)?;
            let outputs = trainer.frozen.outputs(&obs)?;
            Ok(match &trainer.frozen.head {
                Head::Categorical { .. } => vec![("logits", outputs), ("value", critic)],
                Head::Gaussian { log_std } => {
                    let log_std = log_std.broadcast_as(outputs.shape())?.contiguous()?;
                    vec![("mean", outputs), ("log_std", log_std), ("value", critic)]
                }
            })
        });
    }
}

#[test]
fn probabilities_of_the_policy_are_those_that_it_acts_by() {
    let agent = catch(PpoConfig::default()).unwrap();
    let mut env = Catch::default();
    env.reset(&mut stream(1, "env"));
    let mut obs = vec![0.0; 50];
    env.observe(&mut obs);
    let policy = agent.policy(&[obs.clone(), obs.clone(), obs.clone()].concat()).unwrap().unwrap();
    let actions = Tensor::new(&[[0f32], [1.0], [2.0]], device()).unwrap();
    let probs: Vec<f32> = policy.log_prob(&actions).unwrap().exp().unwrap().to_vec1().unwrap();
    assert!((probs.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{probs:?}");
    let mut best = ActionBatch::Discrete(vec![0]);
    agent.act(&obs, Mode::Greedy, &mut [stream(1, "act")], &mut best).unwrap();
    let best = best.numbers().unwrap()[0];
    assert!(probs.iter().all(|prob| *prob <= probs[best]), "{probs:?} {best}");
    assert!(agent.q_values(&obs).unwrap().is_none());
}
