//! The rule by enumeration, the learner by its three promises.
use super::*;
use crate::OptimizerName;
use crate::export::testing::compare;
use crate::masks::testing::Masked;
use crate::on_policy::heads::Categorical;
use crate::on_policy::returns::{discounted_return, rewards_to_go};
use crate::on_policy::rollout::Rollout;
use candle_core::Var;
use envs::End::{Not, Terminated, Truncated};
use envs::{Bandit, BanditConfig, CartPole, Catch, Pendulum};
use envs::{Env, GridConfig, GridWorld, Layout, Mdp, MdpEnv};
use nn::onnx::testing::randomise;
use std::sync::Arc;
use train::testing::{device, plan, resume_changes_nothing, same_seed_same_bits};
use train::{Plan, Run, RunOutcome, fit};

fn catch(config: ReinforceConfig) -> Result<Reinforce> {
    Reinforce::new(Box::new(|| Box::new(Catch::default())), config, 1, device())
}

/// Fewer environments than episodes: some play twice while others wait.
fn small() -> ReinforceConfig {
    let (episodes, n_envs, hidden, eval_episodes, test_episodes) = (5, 3, 16, 3, 3);
    let value_epochs = 2;
    ReinforceConfig {
        episodes,
        n_envs,
        hidden: crate::Hidden::Each(hidden),
        eval_episodes,
        test_episodes,
        value_epochs,
        ..ReinforceConfig::default()
    }
}

#[test]
fn the_loss_by_hand() {
    let log_probs = Var::new(&[-1f32, -2.0, -0.5], device()).unwrap();
    let weights = Var::new(&[3f32, 0.5, -2.0], device()).unwrap();
    let loss = reinforce_loss(&log_probs, &weights, 2).unwrap();
    // −(−3 − 1 + 1) / 2
    assert_eq!(loss.to_scalar::<f32>().unwrap(), 1.5);
    let gradients = loss.backward().unwrap();
    let slopes = gradients.get(&log_probs).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(slopes, [-1.5, -0.25, 1.0]);
    assert!(gradients.get(&weights).is_none());
}

/// Two steps in one state with two actions, rewards that depend on what was done: all four episodes
/// are enumerated, and the mean gradient is that of the expected return, whatever the baseline.
#[test]
fn the_expected_gradient_is_that_of_the_expected_return() {
    let logits = Var::new(&[[0.3f64, -0.6]], device()).unwrap();
    let first = [2.0f32, -1.0];
    let second = [[0.5f32, 3.0], [4.0, -2.0]];
    let sum = |f: &dyn Fn(usize, usize) -> candle_core::Result<Tensor>| {
        let terms = (0..4).map(|i| f(i / 2, i % 2).unwrap());
        terms.reduce(|a, b| (a + b).unwrap()).unwrap()
    };
    let log_probs = |a: usize, b: usize| {
        let actions = Tensor::new(&[a as u32, b as u32], device())?;
        let policy = Categorical::new(&logits.broadcast_as((2, 2))?.contiguous()?)?;
        policy.log_prob(&actions)
    };
    let gradient = |f: Tensor| -> Vec<f64> {
        let all = f.backward().unwrap();
        all.get(&logits).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };
    let value = gradient(sum(&|a, b| {
        let ret = f64::from(first[a] + second[a][b]);
        log_probs(a, b)?.sum_all()?.exp()? * ret
    }));
    for (returns, baseline) in [(Returns::ToGo, 0.0), (Returns::Whole, 0.0), (Returns::ToGo, 7.0)] {
        let estimate = gradient(sum(&|a, b| {
            let rewards = [first[a], second[a][b]];
            let mut to_go = [0.0; 2];
            rewards_to_go(&rewards, 1.0, 0.0, &mut to_go);
            let weights = match returns {
                Returns::ToGo => to_go,
                Returns::Whole => [discounted_return(&rewards, 1.0, 0.0) as f32; 2],
            };
            let weights = weights.map(|weight| f64::from(weight) - baseline);
            let log_probs = log_probs(a, b)?;
            let probability = log_probs.sum_all()?.exp()?.detach();
            let weights = Tensor::new(&weights, device())?;
            reinforce_loss(&log_probs, &weights, 1)? * probability
        }));
        assert!(value[0].abs() > 0.1, "{value:?}");
        for (estimate, value) in estimate.iter().zip(&value) {
            assert!((estimate + value).abs() < 1e-9, "{returns:?}: {estimate} {value}");
        }
    }
}

/// Two copies; the second is truncated, and begins another episode.
fn played(config: ReinforceConfig) -> Reinforce {
    let mut agent = catch(config).unwrap();
    let rollout = &mut agent.collector.rollout;
    rollout.rewards = vec![1.0, 10.0, 2.0, 20.0, 4.0, 40.0];
    rollout.copies = vec![0, 1, 0, 1, 0, 1];
    rollout.ends = vec![Not, Not, Not, Truncated, Terminated, Terminated];
    rollout.truncated_obs = (0..50).map(|i| i as f32 / 50.0).collect();
    agent
}

#[test]
fn returns_are_by_episode_by_hand() {
    let config = ReinforceConfig { gamma: 0.5, baseline: Baseline::None, ..small() };
    let (credit, to_go) = played(config.clone()).returns().unwrap();
    // Copy 0: 1 + 1 + 1, 2 + 2, 4; copy 1: 10 + 10, 20, and 40 in the next episode.
    assert_eq!(to_go, [3.0, 20.0, 4.0, 20.0, 4.0, 40.0]);
    assert_eq!(credit, to_go);
    let config = ReinforceConfig { returns: Returns::Whole, ..config };
    let (credit, to_go) = played(config).returns().unwrap();
    assert_eq!(credit, [3.0, 20.0, 3.0, 20.0, 3.0, 40.0]);
    assert_eq!(to_go, [3.0, 20.0, 4.0, 20.0, 4.0, 40.0]);
}

#[test]
fn a_learned_value_says_what_a_time_limit_cut_off() {
    let agent = played(ReinforceConfig { gamma: 0.5, ..small() });
    let value = agent.values(&agent.collector.rollout.truncated_obs).unwrap()[0];
    assert!(value.abs() > 1e-3);
    let (_, to_go) = agent.returns().unwrap();
    assert_eq!(to_go[3], 20.0 + 0.5 * value);
    assert!((to_go[1] - (10.0 + 0.5 * to_go[3])).abs() < 1e-5);
    assert_eq!([to_go[4], to_go[5]], [4.0, 40.0]);
}

#[test]
fn every_episode_that_is_begun_is_finished_and_counts() {
    let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
    let mut agent = Reinforce::new(make, small(), 1, device()).unwrap();
    let mut units = 0;
    while !agent.collector.is_full() {
        units += agent.play(&mut Log::default()).unwrap();
    }
    assert_eq!(units, agent.collector.rollout.len());
    let finished = agent.collector.rollout.episodes();
    assert_eq!(finished.len(), 5);
    assert_eq!(finished.iter().map(Vec::len).sum::<usize>(), units);
    agent.update(&mut Log::default()).unwrap();
    assert!(agent.collector.rollout.is_empty() && !agent.collector.is_full());
}

/// Uphill on the loss of an update's episodes, `[P]`, with `less` taken off each advantage.
fn ascent(agent: &mut Reinforce, less: f32) -> Vec<f32> {
    let loss = |agent: &Reinforce, _: &Rollout, mut advantages: Vec<f32>| {
        advantages.iter_mut().for_each(|advantage| *advantage -= less);
        agent.loss(&advantages, &mut Log::default())
    };
    let downhill = agent.play_episodes(loss).unwrap().backward().unwrap();
    let slopes = |(_, var): (String, Var)| {
        let slopes = downhill.get(&var).unwrap().flatten_all().unwrap();
        slopes.neg().unwrap().to_vec1::<f32>().unwrap()
    };
    agent.params().named().into_iter().flat_map(slopes).collect()
}

/// Of whole episodes drawn anew each time, and of the same ones the update's own.
#[test]
fn the_gradient_is_what_an_update_follows() {
    let config = || ReinforceConfig { optimizer: OptimizerName::Sgd, lr: 1.0, ..small() };
    let (mut agent, mut updated) = (catch(config()).unwrap(), catch(config()).unwrap());
    let flat = |agent: &Reinforce| -> Vec<f32> {
        let vars = agent.params().named();
        let flat = |(_, var): &(String, Var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        vars.iter().flat_map(flat).collect()
    };
    let before = flat(&agent);
    let gradient = ascent(&mut agent, 0.0);
    assert_eq!(flat(&agent), before, "nothing is learned");
    while !updated.collector.is_full() {
        updated.play(&mut Log::default()).unwrap();
    }
    updated.update(&mut Log::default()).unwrap();
    let (after, largest) = (flat(&updated), gradient.iter().copied().fold(0f32, f32::max));
    assert!(largest > 0.01, "{largest}");
    for ((after, before), slope) in after.iter().zip(before).zip(gradient) {
        assert!((after - before - slope).abs() < 1e-5, "{after} {before} {slope}");
    }
    // A constant that is taken off goes into the estimate in proportion, and the next one is of other
    // episodes.
    let less = |c: f32| {
        let mut agent = catch(config()).unwrap();
        let first = ascent(&mut agent, c);
        assert_ne!(first, ascent(&mut agent, c));
        first
    };
    let (none, one, minus_one) = (less(0.0), less(1.0), less(-1.0));
    assert_ne!(none, one);
    for ((none, one), minus_one) in none.iter().zip(one).zip(minus_one) {
        assert!((one + minus_one - 2.0 * none).abs() < 1e-5);
    }
}

#[test]
fn what_is_out_of_range_is_named() {
    let error = |config| catch(config).err().unwrap().to_string();
    assert!(error(ReinforceConfig { gamma: 1.5, ..small() }).starts_with("--gamma 1.5"));
    let many = error(ReinforceConfig { n_envs: 6, ..small() });
    assert!(many.contains("--n-envs 6: must not be more than --episodes"), "{many}");
}

#[test]
fn catches_every_ball() {
    for baseline in [Baseline::None, Baseline::Mean, Baseline::Value] {
        let mut agent = catch(ReinforceConfig { baseline, ..ReinforceConfig::default() }).unwrap();
        let plan = Plan { eval_every: 2_000, target: Some(1.0), ..plan(100_000) };
        let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
        assert_eq!(report.outcome, RunOutcome::TargetReached, "{baseline:?}");
        assert!(report.evaluation.unwrap().value() > 0.95, "{baseline:?}");
    }
}

#[test]
fn same_bits_and_resumes() {
    let makes: [&dyn Fn() -> MakeEnv; 3] = [
        &|| Box::new(|| Box::new(Catch::default())),
        &|| Box::new(|| Box::new(CartPole::default())),
        &|| Box::new(|| Box::new(Pendulum::default())),
    ];
    let baselines = [Baseline::Value, Baseline::Mean, Baseline::Value];
    for (make, baseline) in makes.into_iter().zip(baselines) {
        let vectors = make()().spec().action_len() > 0;
        let config = || ReinforceConfig {
            baseline,
            normalize_obs: vectors,
            normalize_reward: vectors,
            returns: Returns::Whole,
            weights: Weights::Normalised,
            entropy_coef: 0.01,
            ..small()
        };
        let learner = || {
            let agent = Reinforce::new(make(), config(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 600).unwrap();
        // In the middle of episodes, some of them begun as second ones.
        resume_changes_nothing(&learner, 331, 600, dir.path()).unwrap();
    }
}

#[test]
fn what_would_learn_nothing_is_refused() {
    let single = |returns, baseline, weights| ReinforceConfig {
        returns,
        baseline,
        weights,
        episodes: 1,
        n_envs: 1,
        ..small()
    };
    for (baseline, weights, message) in [
        (Baseline::Mean, Weights::Raw, "--baseline mean: the steps of one episode"),
        (Baseline::None, Weights::Normalised, "--weights normalised: the steps of one episode"),
    ] {
        let error = catch(single(Returns::Whole, baseline, weights)).err().unwrap().to_string();
        assert!(error.starts_with(message), "{error}");
        assert!(catch(single(Returns::ToGo, baseline, weights)).is_ok());
    }
    assert!(catch(single(Returns::Whole, Baseline::Value, Weights::Normalised)).is_ok());
    assert!(catch(single(Returns::Whole, Baseline::None, Weights::Raw)).is_ok());
}

#[test]
fn updates_of_one_step_whose_weight_is_0_are_told_of() {
    // Each episode of the bandit has one step.
    let bandit = |baseline, weights| {
        let bandit = Bandit::new(BanditConfig::default()).unwrap();
        let config = ReinforceConfig { baseline, weights, episodes: 1, n_envs: 1, ..small() };
        Reinforce::new(Box::new(move || Box::new(bandit.clone())), config, 1, device()).unwrap()
    };
    let steps = |mut agent: Reinforce| {
        (0..30).find_map(|_| agent.step(&mut Log::default()).err()).map(|error| error.to_string())
    };
    for (baseline, weights, flag) in [
        (Baseline::Mean, Weights::Raw, "--baseline mean: "),
        (Baseline::Value, Weights::Normalised, "--weights normalised: "),
    ] {
        let message = steps(bandit(baseline, weights)).unwrap();
        assert!(
            message.starts_with(flag) && message.ends_with("give --episodes 2 or more"),
            "{message}"
        );
    }
    assert_eq!(steps(bandit(Baseline::Value, Weights::Raw)), None);
}

fn masked(config: ReinforceConfig, time_limit: Option<u32>) -> Reinforce {
    Reinforce::new(Masked::make(time_limit), config, 1, device()).unwrap()
}

/// Logits 0 and advantages 1: −(1/E)·Σ log π is log 2 for five episodes of a step without a choice and one between two.
#[test]
fn the_loss_is_of_the_actions_that_a_state_has() {
    let mut agent = masked(ReinforceConfig { entropy_coef: 0.5, ..small() }, None);
    for (_, var) in agent.policy.params.named() {
        var.set(&var.zeros_like().unwrap()).unwrap();
    }
    while !agent.collector.is_full() {
        agent.play(&mut Log::default()).unwrap();
    }
    assert_eq!(agent.collector.rollout.len(), 10);
    let mut log = Log::default();
    let loss = agent.loss(&[1.0; 10], &mut log).unwrap();
    log.settle().unwrap();
    let (row, log_2) = (log.take(), 2f64.ln());
    assert!((row["train/entropy"] - 0.5 * log_2).abs() < 1e-6, "{row:?}");
    assert!((row["train/policy_loss"] - log_2).abs() < 1e-6, "{row:?}");
    // Less half of the entropies.
    assert!((f64::from(loss.to_scalar::<f32>().unwrap()) - 0.5 * log_2).abs() < 1e-6);
    let gradients = loss.backward().unwrap();
    let (_, bias) =
        agent.policy.params.named().into_iter().find(|(n, _)| n == "policy.out.bias").unwrap();
    assert_eq!(gradients.get(&bias).unwrap().to_vec1::<f32>().unwrap()[2], 0.0);
}

#[test]
fn same_bits_and_resumes_where_states_lack_actions() {
    for time_limit in [None, Some(1)] {
        let learner = || Ok(Box::new(masked(small(), time_limit)) as Box<dyn Learner>);
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 200).unwrap();
        resume_changes_nothing(&learner, 101, 200, dir.path()).unwrap();
    }
}

#[test]
fn a_gridworld_whose_states_lack_actions_is_learned() {
    let grid = GridConfig { noise: Some(0.0), ..GridConfig::of(Layout::Aima) };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).unwrap());
    let make = move || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))) };
    assert!(make().masks_actions(), "the layout has terminal exits");
    let mut agent =
        Reinforce::new(Box::new(make), ReinforceConfig::default(), 1, device()).unwrap();
    let mut steps = 0;
    while steps < 20_000 {
        let Progress::Advanced(n) = agent.step(&mut Log::default()).unwrap() else { break };
        steps += n;
    }
    let value = agent.evaluate(Split::Test).unwrap().value();
    // Five steps at 0.04 to the exit that pays 1.
    assert!((value - 0.8).abs() < 1e-6, "{value}");
}

/// With the value baseline and without one.
#[test]
fn an_exported_policy_has_the_baseline_that_was_learned() {
    for baseline in [Baseline::Value, Baseline::None] {
        let config = ReinforceConfig { baseline, normalize_obs: true, ..small() };
        let mut agent = catch(config).unwrap();
        agent.step(&mut Log::default()).unwrap();
        randomise(&agent.policy.params).unwrap();
        compare(&agent, ("policy", agent.collector.spec()), |raw| {
            let obs = agent.collector.scale(raw).unwrap();
            let mut outputs = vec![("logits", agent.policy.frozen.forward(&obs)?)];
            if let Some(value) = &agent.value {
                let values = value.values(&obs).unwrap();
                let rows = values.len();
                outputs.push(("value", Tensor::from_vec(values, (rows, 1), device())?));
            }
            Ok(outputs)
        });
    }
}
