//! The policy by hand, the learner by its promises; λ-returns by hand are in `on_policy/returns.rs`.
use super::*;
use crate::export::testing::compare;
use crate::masks::testing::Masked;
use envs::{Breakout, CartPole, Catch, Env, GridConfig, GridWorld, Layout, Mdp, MdpEnv};
use nn::onnx::testing::randomise;
use std::sync::Arc;
use train::testing::{device, plan, resume_changes_nothing, same_seed_same_bits};
use train::{Plan, Run, RunOutcome, fit};

fn catch(config: PqnConfig) -> Result<Pqn> {
    Pqn::new(Box::new(|| Box::new(Catch::default())), config, 1, device())
}

fn small() -> PqnConfig {
    let (rollout, n_envs, epochs, batch, epsilon_steps) = (7, 4, 2, 14, 300);
    let (eval_episodes, test_episodes, hidden) = (3, 3, Hidden::Each(16));
    PqnConfig {
        rollout,
        n_envs,
        epochs,
        batch,
        epsilon_steps,
        eval_episodes,
        test_episodes,
        hidden,
        ..PqnConfig::default()
    }
}

#[test]
fn the_policy_by_hand() {
    let q = Tensor::new(&[[1f32, 3.0], [2.0, 2.0], [0.0, -1.0]], device()).unwrap();
    let probs = epsilon_greedy(&q, 0.5).unwrap().exp().unwrap().to_vec2::<f32>().unwrap();
    // The first of several that tie.
    for (probs, expected) in probs.iter().zip([[0.25, 0.75], [0.75, 0.25], [0.75, 0.25]]) {
        assert!(probs.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-6), "{probs:?}");
    }
    let greedy = epsilon_greedy(&q, 0.0).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(greedy[0], [f32::NEG_INFINITY, 0.0]);
}

/// ε is shared by the actions that a row has, three and two of them, and the best of these has the rest.
#[test]
fn the_policy_among_the_actions_that_a_state_has_by_hand() {
    let q = Tensor::new(&[[1f32, 3.0, 2.0, 9.0], [5.0, 9.0, 2.0, 9.0]], device()).unwrap();
    let masks = masks::tensor(&[1, 1, 1, 0, 1, 0, 1, 0], 4, device()).unwrap();
    let probs = masked_epsilon_greedy(&q, 0.3, Some(&masks)).unwrap().exp().unwrap();
    let expected = [[0.1, 0.8, 0.1, 0.0], [0.85, 0.0, 0.15, 0.0]];
    for (probs, expected) in probs.to_vec2::<f32>().unwrap().iter().zip(expected) {
        assert!(probs.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-6), "{probs:?}");
    }
}

/// λ = ½, γ = ½ and Q = (1, 2, 100) everywhere, of which the second state has (1, 2) and the first 1 alone: after the first
/// state follows ½·(½·2 + ½·G), and 1 where the rollout or the episode is cut off there; after the second nothing.
#[test]
fn a_target_has_the_best_of_the_actions_that_the_next_state_has() {
    let targets = |time_limit: Option<u32>, steps: usize| {
        let best_return = if time_limit.is_none() { 1.0 } else { 0.0 };
        let config =
            PqnConfig { gamma: 0.5, lambda: 0.5, epsilon_start: 0.0, epsilon_end: 0.0, ..small() };
        let mut agent = Pqn::new(Masked::make(time_limit), config, 1, device()).unwrap();
        for (name, var) in agent.q.params.named() {
            let zeros = || var.zeros_like().unwrap();
            let best = || Tensor::new(&[1f32, 2.0, 100.0], device()).unwrap();
            var.set(&if name == "out.bias" { best() } else { zeros() }).unwrap();
        }
        // The last ones of the four copies each.
        (0..steps).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        let targets = agent.targets().unwrap();
        assert_eq!(agent.evaluate(Split::Test).unwrap().value(), best_return);
        (agent.collector.rollout.rewards.clone(), targets)
    };
    let (rewards, all) = targets(None, 3);
    for copy in 0..4 {
        let second = rewards[4 + copy];
        assert_eq!([all[copy], all[4 + copy]], [0.25 * (2.0 + second), second], "copy {copy}");
        assert_eq!(all[8 + copy], 0.5 * 2.0, "the present state of copy {copy}");
    }
    assert_eq!(rewards[4..8], [1.0; 4], "without ε the better of two actions is taken");
    let (_, all) = targets(Some(1), 3);
    assert_eq!(all, [0.5 * 2.0; 12], "the final state of a truncated episode");
}

#[test]
fn same_bits_and_resumes_where_states_lack_actions() {
    for time_limit in [None, Some(1)] {
        let learner = || {
            let agent = Pqn::new(Masked::make(time_limit), small(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 400).unwrap();
        // In the middle of a rollout.
        resume_changes_nothing(&learner, 201, 400, dir.path()).unwrap();
    }
}

#[test]
fn a_gridworld_whose_states_lack_actions_is_learned() {
    let grid = GridConfig { noise: Some(0.0), ..GridConfig::of(Layout::Aima) };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).unwrap());
    let make = move || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))) };
    assert!(make().masks_actions(), "the layout has terminal exits");
    let config = PqnConfig { hidden: Hidden::Each(32), ..PqnConfig::default() };
    let mut agent = Pqn::new(Box::new(make), config, 1, device()).unwrap();
    (0..1_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let value = agent.evaluate(Split::Test).unwrap().value();
    // Five steps at 0.04 to the exit that pays 1.
    assert!((value - 0.8).abs() < 1e-6, "{value}");
}

#[test]
fn updates_come_with_a_full_rollout_in_epochs_of_batches() {
    let mut agent = catch(small()).unwrap();
    let before = |agent: &Pqn| -> Vec<f32> {
        let params = agent.q.params.named();
        params.iter().flat_map(|(_, var)| var.flatten_all().unwrap().to_vec1().unwrap()).collect()
    };
    let first = before(&agent);
    (0..6)
        .for_each(|_| assert_eq!(agent.step(&mut Log::default()).unwrap(), Progress::Advanced(4)));
    assert_eq!(before(&agent), first);
    agent.step(&mut Log::default()).unwrap();
    assert_ne!(before(&agent), first);
    assert!(agent.collector.rollout.is_empty());
}

#[test]
fn targets_bootstrap_from_the_states_that_the_rollout_ends_in() {
    let mut agent = catch(PqnConfig { gamma: 0.5, lambda: 0.0, ..small() }).unwrap();
    for (name, var) in agent.q.params.named() {
        let value = if name == "out.bias" { 4.0 } else { 0.0 };
        var.set(&var.ones_like().unwrap().affine(value, 0.0).unwrap()).unwrap();
    }
    // An episode has nine steps: none of six ends, and none pays.
    (0..6).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    assert_eq!(agent.targets().unwrap(), [2.0; 24]);
}

#[test]
fn what_is_out_of_range_is_named() {
    let error = |config| catch(config).err().unwrap().to_string();
    assert!(error(PqnConfig { batch: 13, ..small() }).starts_with("--batch 13: must divide"));
    assert!(error(PqnConfig { lambda: 1.5, ..small() }).starts_with("--lambda 1.5"));
}

#[test]
fn same_bits_and_resumes() {
    let makes: [fn() -> MakeEnv; 2] =
        [|| Box::new(|| Box::new(Catch::default())), || Box::new(|| Box::new(CartPole::default()))];
    for make in makes {
        let learner = || {
            let agent = Pqn::new(make(), small(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 400).unwrap();
        resume_changes_nothing(&learner, 201, 400, dir.path()).unwrap();
    }
}

#[test]
fn layers_are_normalised_where_asked() {
    let names = |layer_norm: bool, make: fn() -> MakeEnv| {
        let agent = Pqn::new(make(), PqnConfig { layer_norm, ..small() }, 1, device()).unwrap();
        agent.q.params.named().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    let catch: fn() -> MakeEnv = || Box::new(|| Box::new(CartPole::default()));
    assert!(!names(false, catch).contains("norm"));
    assert!(names(true, catch).contains("hidden1.norm.weight"));
    let breakout: fn() -> MakeEnv = || Box::new(|| Box::new(Breakout::default()));
    let named = names(true, breakout);
    assert!(named.contains("conv.norm.weight") && named.contains("hidden.norm.bias"), "{named}");
}

#[test]
fn exported_q_values_are_its_own() {
    let agent = Pqn::new(Box::new(|| Box::new(Breakout::default())), small(), 1, device()).unwrap();
    randomise(&agent.q.params).unwrap();
    let spec = agent.collector.spec().clone();
    compare(&agent, ("q-network", &spec), |obs| {
        let obs = Tensor::from_slice(obs, spec.batch_shape(obs.len() / spec.obs_len()), device())?;
        Ok(vec![("q_values", agent.q.frozen.forward(&obs)?)])
    });
}

#[test]
fn catches_every_ball() {
    let mut agent = catch(PqnConfig::default()).unwrap();
    let plan = Plan { eval_every: 4_096, target: Some(1.0), ..plan(200_000) };
    let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
    assert_eq!(report.outcome, RunOutcome::TargetReached);
}
