//! Observations that networks see, and rollouts that they learn from.
use super::*;
use crate::{ActDevice, Hidden, NetworkName, OptimizerName, Start};
use envs::VecEnv;
use envs::{CartPole, End, ObsNorm, Pendulum, RewardNorm};
use train::testing::device;
use train::{Scope, stream};

fn setup() -> Setup {
    let scaling = Scaling {
        normalize_obs: true,
        clip_obs: 1.5,
        normalize_reward: true,
        clip_reward: 0.1,
        gamma: 0.9,
    };
    Setup {
        n_envs: 2,
        act_device: ActDevice::Same,
        rollout: 300,
        critic: Critic::Advantage,
        sharing: Sharing::Separate,
        shape: Shape {
            network: NetworkName::Auto,
            activation: None,
            layer_norm: false,
            hidden: Hidden::Each(8),
            start: Start::FanIn,
            log_std: 0.5,
        },
        scaling,
        optimizer: OptimizerName::Adam.on_policy(1e-3, 1e-5, 0.5),
        lr: 1e-3,
        lr_end: 1.0,
        lr_steps: 0,
        value_coef: 0.5,
        entropy_coef: 0.0,
    }
}

fn pendulum() -> Box<dyn envs::Env> {
    Box::new(Pendulum::default())
}

/// Both copies of a pendulum, `steps` steps on.
fn played(steps: usize) -> OnPolicyTrainer {
    let mut trainer =
        OnPolicyTrainer::new(Box::new(pendulum), setup(), (1, device()), None).unwrap();
    (0..steps).for_each(|_| assert!(!trainer.step(&mut Log::default()).unwrap()));
    trainer
}

fn vector() -> ActionBatch {
    ActionBatch::Continuous { actions: vec![0.0], action_len: 1 }
}

#[test]
fn a_rollout_holds_what_the_networks_saw() {
    // The limit is 200 steps: the last ones are of second episodes.
    let trainer = played(205);
    let rngs = (0..2).map(|i| stream(1, &format!("env/{i}"))).collect();
    let mut envs = VecEnv::new(rngs, &pendulum);
    let (mut norm, mut reward_norm) = (ObsNorm::new(3, 1.5), RewardNorm::new(2, 0.9, 0.1));
    let (mut obs, mut rewards, mut truncated) = (Vec::new(), Vec::new(), Vec::new());
    let observed = |norm: &ObsNorm, raw: &[f32]| {
        let mut observed = vec![0.0; raw.len()];
        norm.apply(raw, &mut observed);
        observed
    };
    for actions in trainer.collector.rollout.actions.chunks_exact(2) {
        norm.update(envs.obs());
        obs.extend(observed(&norm, envs.obs()));
        envs.step_rows(actions, |transition| {
            reward_norm.update(transition.index, transition.reward, transition.end);
            rewards.push(reward_norm.apply(transition.reward));
            if transition.end == End::Truncated {
                truncated.extend(observed(&norm, transition.next_obs));
            }
        })
        .unwrap();
    }
    assert_eq!((obs.len(), truncated.len()), (2 * 205 * 3, 2 * 3));
    assert_eq!(
        (&trainer.collector.rollout.obs, &trainer.collector.rollout.truncated_obs),
        (&obs, &truncated)
    );
    assert_eq!(trainer.collector.rollout.rewards, rewards);

    let value = |observed: &[f32]| {
        let observed = Tensor::from_slice(observed, (observed.len() / 3, 3), device()).unwrap();
        let (_, values) = trainer.frozen.forward(&observed).unwrap();
        values.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let next_values = trainer.next_values().unwrap();
    assert_eq!(next_values[2 * 199..2 * 200], value(&truncated));
    assert_eq!(next_values[2 * 204..], value(&observed(&norm, envs.obs())));
    assert!(next_values[..2 * 199].iter().all(|value| *value == 0.0));

    let raw = [1.0, 0.0, -7.5];
    let mut action = vector();
    let mut rngs = [stream(1, "test")];
    trainer.act(&raw, Mode::Greedy, &mut rngs, &mut action).unwrap();
    let observed = Tensor::from_vec(observed(&norm, &raw), (1, 3), device()).unwrap();
    let outputs = trainer.frozen.outputs(&observed).unwrap();
    assert_eq!(outputs.to_vec2::<f32>().unwrap()[0], action.vectors().unwrap());
    let mut number = ActionBatch::Discrete(vec![0]);
    assert!(trainer.act(&raw, Mode::Greedy, &mut rngs, &mut number).is_err());
}

#[test]
fn the_model_alone_acts_alike() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step-1");
    let mut trainer = played(50);
    let mut checkpoint = Checkpoint::create(&path).unwrap();
    trainer.state(&mut checkpoint).unwrap();
    checkpoint.commit().unwrap();
    let act = |trainer: &OnPolicyTrainer| {
        let mut action = vector();
        let obs = [0.3, -0.9, 4.0];
        trainer.act(&obs, Mode::Greedy, &mut [stream(1, "test")], &mut action).unwrap();
        action
    };
    let mut other = played(0);
    assert_ne!(act(&other), act(&trainer));
    other.state(&mut Checkpoint::open(&path, Scope::Model).unwrap()).unwrap();
    assert_eq!(act(&other), act(&trainer));
}

/// The ratio starts at 1: drawn actions are as probable afterwards as they were.
#[test]
fn actions_are_kept_as_they_were_drawn() {
    let trainer = played(150);
    let beyond =
        trainer.collector.rollout.actions.iter().filter(|action| action.abs() > 2.0).count();
    assert!(beyond > 20, "{beyond} torques of more than 2");
    let (policy, _) = trainer.frozen.forward(&trainer.collector.obs().unwrap()).unwrap();
    let log_probs: Vec<f32> =
        policy.log_prob(&trainer.collector.actions().unwrap()).unwrap().to_vec1().unwrap();
    let means: Vec<f32> = {
        let outputs = trainer.frozen.outputs(&trainer.collector.obs().unwrap()).unwrap();
        outputs.flatten_all().unwrap().to_vec1().unwrap()
    };
    for ((log_prob, mean), action) in
        log_probs.iter().zip(means).zip(&trainer.collector.rollout.actions)
    {
        let z = f64::from(action - mean) / 0.5f64.exp();
        let expected = -0.5 * z * z - 0.5 - 0.5 * std::f64::consts::TAU.ln();
        assert!((f64::from(*log_prob) - expected).abs() < 1e-4, "{log_prob}, not {expected}");
    }
}

/// Stochastic gradient descent with learning rate ½ moves every parameter by half its gradient.
#[test]
fn the_step_is_on_the_whole_loss() {
    for entropy_coef in [0.0, 0.25] {
        let optimizer = OptimizerName::Sgd.on_policy(9.0, 1e-5, 0.0);
        // Halfway through a schedule that ends at 0.
        let schedule = Setup { lr: 1.0, lr_end: 0.0, lr_steps: 16, optimizer, ..setup() };
        let setup = Setup { entropy_coef, value_coef: 0.25, ..schedule };
        let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
        let mut trainer = OnPolicyTrainer::new(make, setup, (1, device()), None).unwrap();
        (0..4).for_each(|_| _ = trainer.step(&mut Log::default()).unwrap());
        let (policy, critic) = trainer.net.forward(&trainer.collector.obs().unwrap()).unwrap();
        let actions = trainer.collector.actions().unwrap();
        let columns = [policy.log_prob(&actions), state_values(&policy, &critic), policy.entropy()];
        let [policy_loss, value_loss, entropy] = columns.map(|c| c.unwrap().mean_all().unwrap());
        let parts = [(&policy_loss, 1.0), (&value_loss, 0.25), (&entropy, -entropy_coef)];
        let total = parts.map(|(part, weight)| (part * weight).unwrap());
        let total = ((&total[0] + &total[1]).unwrap() + &total[2]).unwrap();
        let gradients = total.backward().unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let before: Vec<_> = trainer.params.named().iter().map(|(_, var)| flat(var)).collect();
        trainer.descend(&policy_loss, &value_loss, &policy, &mut Log::default()).unwrap();
        for ((name, var), before) in trainer.params.named().iter().zip(before) {
            let gradient = flat(gradients.get(var).unwrap());
            assert!(gradient.iter().any(|g| g.abs() > 1e-5), "{name}");
            for ((after, before), g) in flat(var).iter().zip(before).zip(gradient) {
                assert!((before - after - 0.5 * g).abs() < 1e-6, "{name}");
            }
        }
    }
}

#[test]
fn a_critic_of_actions_needs_them_numbered() {
    let setup = Setup { critic: Critic::Q, ..setup() };
    let error = OnPolicyTrainer::new(Box::new(pendulum), setup, (1, device()), None)
        .err()
        .unwrap()
        .to_string();
    assert!(error.starts_with("--critic q: has one output for each action"), "{error}");
}
