//! The rule by hand, the learner by its three promises.
use super::*;
use crate::export::testing::compare;
use crate::{Hidden, q_network};
use candle_core::Tensor;
use envs::{CartPole, Catch, Env, GridConfig, GridWorld, Layout, Mdp, MdpEnv, Pendulum, Reward};
use nn::onnx::testing::randomise;
use std::sync::Arc;
use train::testing::{device, plan, resume_changes_nothing, same_seed_same_bits};
use train::{Plan, Run, RunOutcome, fit};

fn catch(config: DqnConfig) -> Result<Dqn> {
    Dqn::new(Box::new(|| Box::new(Catch::default())), config, 1, device())
}

/// Small enough for a test; several environments, so that one step makes several updates.
fn small() -> DqnConfig {
    let (warmup, hidden, batch, replay) = (100, 16, 8, 300);
    let (eval_episodes, test_episodes) = (3, 3);
    let (n_envs, train_every, target_every) = (3, 2, 7);
    let (lr_end, lr_steps) = (0.0, 1_000);
    DqnConfig {
        warmup,
        hidden: Hidden::Each(hidden),
        batch,
        replay,
        eval_episodes,
        test_episodes,
        n_envs,
        train_every,
        target_every,
        lr_end,
        lr_steps,
        ..DqnConfig::default()
    }
}

fn weights(params: &Params) -> Vec<Vec<f32>> {
    let flat = |var: &candle_core::Var| var.flatten_all()?.to_vec1();
    params.named().iter().map(|(_, var)| flat(var).unwrap()).collect()
}

#[test]
fn terminal_states_are_worth_nothing() {
    let tensor = |values: &[f32]| Tensor::new(values, device()).unwrap();
    let y = td_target(&tensor(&[1.0, 1.0]), &tensor(&[0.5, 0.0]), &tensor(&[3.0, 7.0])).unwrap();
    assert_eq!(y.to_vec1::<f32>().unwrap(), [2.5, 1.0]);
}

#[test]
fn the_target_is_copied_at_its_interval_only() {
    let mut agent =
        catch(DqnConfig { n_envs: 1, train_every: 1, target_every: 5, ..small() }).unwrap();
    let first = weights(&agent.target.params);
    assert_eq!(first, weights(&agent.q.params));
    while agent.updates < 4 {
        agent.step(&mut Log::default()).unwrap();
    }
    assert_eq!(weights(&agent.target.params), first);
    assert_ne!(weights(&agent.q.params), first);
    agent.step(&mut Log::default()).unwrap();
    assert_eq!(weights(&agent.target.params), weights(&agent.q.params));
    agent.step(&mut Log::default()).unwrap();
    assert_ne!(weights(&agent.target.params), weights(&agent.q.params));
}

#[test]
fn updates_come_once_per_interval_after_the_warmup() {
    let mut agent = catch(small()).unwrap();
    let mut log = Log::default();
    // 33 steps of 3: 99 transitions, one short of the warm-up.
    (0..33).for_each(|_| _ = agent.step(&mut log).unwrap());
    assert_eq!(agent.updates, 0);
    // Transitions 100 to 102 hold two multiples of 2.
    assert_eq!(agent.step(&mut log).unwrap(), Progress::Advanced(3));
    assert_eq!(agent.updates, 2);
    agent.step(&mut log).unwrap();
    assert_eq!(agent.updates, 3);
}

#[test]
fn targets_come_from_the_target_network() {
    let updated = |other_target: bool| {
        let mut agent = catch(DqnConfig { target_every: 1_000, ..small() }).unwrap();
        let mut log = Log::default();
        (0..40).for_each(|_| _ = agent.step(&mut log).unwrap());
        if other_target {
            let other = Params::new(7, device());
            let DqnConfig { network, hidden, .. } = &agent.config;
            q_network(&other, agent.envs.spec(), *network, hidden).unwrap();
            agent.target.params.copy_from(&other).unwrap();
        }
        agent.update(&mut log).unwrap();
        weights(&agent.q.params)
    };
    assert_eq!(updated(false), updated(false));
    assert_ne!(updated(false), updated(true));
}

#[test]
fn epsilon_and_the_learning_rate_follow_their_schedules() {
    let config = DqnConfig { n_envs: 1, epsilon_steps: 200, lr_steps: 200, ..small() };
    let mut agent = catch(config).unwrap();
    let mut log = Log::default();
    (0..100).for_each(|_| _ = agent.step(&mut log).unwrap());
    // From 1 to 0.05 over 200: 0.525 half-way.
    assert!((agent.config.epsilon(agent.n_transitions) - 0.525).abs() < 1e-9);
    while agent.n_transitions < 200 {
        agent.step(&mut log).unwrap();
    }
    assert_eq!(agent.config.epsilon(agent.n_transitions), 0.05);
    let before = weights(&agent.q.params);
    agent.update(&mut log).unwrap();
    assert_eq!(weights(&agent.q.params), before, "the learning rate has come to 0");
}

#[test]
fn splits_are_other_episodes_each_of_its_own_number() {
    let config = DqnConfig { eval_episodes: 9, test_episodes: 12, ..small() };
    let mut agent = catch(config).unwrap();
    let n = |evaluation: Evaluation| evaluation.measures["return"].n;
    assert_eq!(n(agent.evaluate(Split::Validation).unwrap()), 9);
    assert_eq!(n(agent.evaluate(Split::Test).unwrap()), 12);
    let make: MakeEnv = Box::new(|| Box::new(CartPole::default()));
    let agent = Dqn::new(make, small(), 1, device()).unwrap();
    let mean = |split| evaluate(&agent, &agent.make, 20, split, 1).unwrap().value();
    assert_ne!(mean(Split::Validation), mean(Split::Test));
    // Each episode has a stream of its own: the first of many is the first of few.
    let rngs = |n: usize| (0..n).map(|i| stream(1, &i.to_string())).collect();
    let many = crate::episodes(&agent, &agent.make, rngs(5)).unwrap();
    assert_eq!(many[..2], crate::episodes(&agent, &agent.make, rngs(2)).unwrap());
    assert!(many.iter().any(|episode| *episode != many[0]));
}

#[test]
fn explores_with_probability_epsilon() {
    let mut agent = catch(DqnConfig { n_envs: 1, ..small() }).unwrap();
    let mut greedy = [0];
    agent.greedy(|net| &*net.frozen, agent.envs.obs(), None, &mut greedy).unwrap();
    let mut differ = |epsilon| {
        let chosen = (0..3_000).filter(|_| {
            agent.choose(epsilon).unwrap();
            agent.actions != greedy
        });
        chosen.count() as f64 / 3_000.0
    };
    assert_eq!(differ(0.0), 0.0);
    // A random one of three actions is the greedy one a third of the time.
    assert!((differ(1.0) - 2.0 / 3.0).abs() < 0.04);
    assert!((differ(0.3) - 0.2).abs() < 0.04);
}

#[test]
fn what_is_out_of_range_is_named() {
    let error = |config| catch(config).err().unwrap().to_string();
    assert!(
        error(DqnConfig { gamma: 1.5, ..small() })
            .starts_with("--gamma 1.5: must lie between 0 and 1")
    );
    assert!(error(DqnConfig { lr: f64::NAN, ..small() }).starts_with("--lr NaN"));
    assert!(error(DqnConfig { batch: 0, ..small() }).starts_with("--batch 0"));
    assert!(error(DqnConfig { warmup: 301, ..small() }).contains("--replay"));
}

#[test]
fn catches_every_ball() {
    let mut agent = catch(DqnConfig::default()).unwrap();
    let plan = Plan { eval_every: 1_000, target: Some(1.0), ..plan(20_000) };
    let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
    assert_eq!(report.outcome, RunOutcome::TargetReached);
    assert!(report.evaluation.unwrap().value() > 0.95);
}

#[test]
fn same_bits_and_resumes() {
    let makes: [&dyn Fn() -> MakeEnv; 2] = [&|| Box::new(|| Box::new(Catch::default())), &|| {
        Box::new(|| Box::new(CartPole::default()))
    }];
    for make in makes {
        let learner = || {
            let agent = Dqn::new(make(), small(), 1, device())?;
            Ok(Box::new(agent) as Box<dyn Learner>)
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 600).unwrap();
        resume_changes_nothing(&learner, 301, 600, dir.path()).unwrap();
    }
}

#[test]
fn vectors_are_neither_chosen_from_nor_made() {
    let make: MakeEnv = Box::new(|| Box::new(Pendulum::default()));
    let refused = Dqn::new(make, small(), 1, device()).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("vectors of real numbers"), "{refused}");
    let mut vectors = ActionBatch::Continuous { actions: vec![0.0], action_len: 1 };
    let (agent, mut rngs) = (catch(small()).unwrap(), [stream(1, "test")]);
    let refused = agent.act(&[0.0; 50], Mode::Greedy, &mut rngs, &mut vectors).unwrap_err();
    assert!(refused.to_string().contains("actions are numbered"), "{refused}");
}

/// Issue 15, P9: Q of walking to and fro held itself up above the 10 of the exit, and play never ended.
#[test]
fn without_a_discount_play_comes_to_an_end_all_the_same() {
    let grid = GridConfig { reward: Some(Reward::Entering), ..GridConfig::of(Layout::Chain) };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).unwrap());
    for seed in [1, 4] {
        let mdp = Arc::clone(&mdp);
        let make = move || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&mdp), Some(1_000))) };
        let config = DqnConfig { gamma: 1.0, ..Default::default() };
        let mut agent = Dqn::new(Box::new(make), config, seed, device()).unwrap();
        (0..8_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        assert_eq!(agent.evaluate(Split::Test).unwrap().value(), 10.0, "seed {seed}");
    }
}

#[test]
fn a_module_of_candle_nn_acts_without_a_graph_and_by_its_present_parameters() {
    let params = Params::new(1, device());
    let module = candle_nn::linear(2, 2, params.var_builder().pp("out")).unwrap();
    let net = Net::of_module(params, module);
    let x = Tensor::ones((1, 2), candle_core::DType::F32, device()).unwrap();
    let rows = |module: &dyn candle_core::Module| {
        let y = module.forward(&x).unwrap();
        (y.to_vec2::<f32>().unwrap(), y.track_op())
    };
    let (before, _) = rows(&*net.frozen);
    let loss = net.online.forward(&x).unwrap().sum_all().unwrap();
    Optimizer::new(&net.params, nn::OptimizerConfig::adam(0.1)).unwrap().step(&loss).unwrap();
    let ((online, graph), (frozen, no_graph)) = (rows(&*net.online), rows(&*net.frozen));
    assert!(frozen != before && frozen == online && graph && !no_graph);
}

#[test]
fn exported_q_values_are_its_own() {
    let makes: [fn() -> MakeEnv; 2] = [
        || Box::new(|| Box::new(CartPole::default())),
        || Box::new(|| Box::new(envs::Breakout::default())),
    ];
    for make in makes {
        let agent = Dqn::new(make(), small(), 1, device()).unwrap();
        randomise(&agent.q.params).unwrap();
        let spec = make()().spec();
        compare(&agent, ("q-network", &spec), |obs| {
            let shape = spec.batch_shape(obs.len() / spec.obs_len());
            let obs = Tensor::from_slice(obs, shape, device())?;
            Ok(vec![("q_values", agent.q.frozen.forward(&obs)?)])
        });
    }
}

#[test]
fn a_network_without_known_layers_is_not_exported() {
    let network = |params: Params, _: &Spec| {
        let layer = candle_nn::linear(4, 2, params.var_builder())?;
        Ok(Net::of_module(params, layer))
    };
    let make = || -> Box<dyn Env> { Box::new(CartPole::default()) };
    let agent = Dqn::with_network(Box::new(make), small(), 1, device(), &network).unwrap();
    let error = agent.exports()[0].graph().unwrap_err().to_string();
    assert!(error.contains("its layers are not known"), "{error}");
}

#[test]
fn values_of_actions_are_those_that_it_acts_by() {
    let agent = catch(small()).unwrap();
    let obs = agent.envs.obs().to_vec(); // [3, 50]
    let q = agent.q_values(&obs).unwrap().unwrap();
    assert_eq!(q.len(), 9);
    let mut actions = ActionBatch::Discrete(vec![0; 3]);
    agent.act(&obs, Mode::Greedy, &mut [], &mut actions).unwrap();
    for (row, action) in q.chunks_exact(3).zip(actions.numbers().unwrap()) {
        assert!(row.iter().all(|q| *q <= row[*action]), "{row:?} {action}");
    }
    assert!(agent.policy(&obs).unwrap().is_none());
}

mod extensions;
