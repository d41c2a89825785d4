//! Each extension: its part of a step by hand, the promises of a learner, and that it learns.
use super::*;
use crate::ActionBatch;
use crate::masks::testing::Masked;
use candle_core::D;

/// Every extension by itself, and the six of Rainbow together.
fn extended() -> Vec<(&'static str, DqnConfig)> {
    let base = small();
    vec![
        ("double", DqnConfig { double: true, ..base.clone() }),
        ("dueling", DqnConfig { dueling: true, ..base.clone() }),
        ("n-step", DqnConfig { n_step: 3, ..base.clone() }),
        ("prioritized", DqnConfig { prioritized: true, ..base.clone() }),
        ("soft", DqnConfig { tau: 0.1, target_every: 1, ..base.clone() }),
        ("noisy", DqnConfig { noisy: true, ..base.clone() }),
        (
            "c51",
            DqnConfig {
                distribution: Distribution::C51,
                atoms: 11,
                v_min: -1.0,
                v_max: 1.0,
                ..base.clone()
            },
        ),
        ("qr", DqnConfig { distribution: Distribution::Qr, atoms: 8, ..base.clone() }),
        ("iqn", iqn(base.clone())),
        ("munchausen", DqnConfig { munchausen: true, ..base.clone() }),
        ("rainbow", rainbow(base)),
    ]
}

fn iqn(base: DqnConfig) -> DqnConfig {
    DqnConfig { distribution: Distribution::Iqn, atoms: 8, cosines: 16, ..base }
}

fn rainbow(base: DqnConfig) -> DqnConfig {
    DqnConfig {
        double: true,
        dueling: true,
        n_step: 3,
        prioritized: true,
        noisy: true,
        distribution: Distribution::C51,
        atoms: 21,
        v_min: -2.0,
        v_max: 2.0,
        ..base
    }
}

#[test]
fn same_bits_and_resume_with_every_extension() {
    for (name, config) in extended() {
        let learner = || Ok(Box::new(catch(config.clone())?) as Box<dyn Learner>);
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&learner, 400).unwrap_or_else(|error| panic!("{name}: {error}"));
        resume_changes_nothing(&learner, 201, 400, dir.path())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Each one changes what is learned, and none of them all: flags that are ignored would not.
#[test]
fn every_extension_changes_the_parameters() {
    let learned = |config: DqnConfig| {
        let mut agent = catch(config).unwrap();
        (0..100).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        weights(&agent.q.params)
    };
    let plain = learned(small());
    for (name, config) in extended() {
        assert_ne!(learned(config), plain, "{name}");
    }
    // An exponent of 0 is uniform in distribution; β in the weights is felt, and so is its schedule.
    let by = |priority_beta, priority_beta_steps| {
        learned(DqnConfig { prioritized: true, priority_beta, priority_beta_steps, ..small() })
    };
    assert_ne!(by(0.0, 1_000_000), by(1.0, 1_000_000));
    assert_ne!(by(0.0, 1_000_000), by(0.0, 200));
    assert_eq!(by(1.0, 1_000_000), by(1.0, 200));
}

/// The network of `agent` set so that Q(s, ·) is `q` in every state.
fn constant(params: &Params, q: &[f32]) {
    for (name, var) in params.named() {
        let values = match name.as_str() {
            "out.bias" => Tensor::new(q, device()).unwrap(),
            _ => var.zeros_like().unwrap(),
        };
        var.set(&values).unwrap();
    }
}

fn targets(agent: &Dqn) -> candle_core::Result<Tensor> {
    super::targets(&agent.batch, &agent.config, &agent.head, [&agent.q, &agent.target])
}

#[test]
fn double_values_the_choice_of_q_by_the_target_network() {
    let targets = |double: bool| {
        let config = DqnConfig { double, gamma: 0.5, n_envs: 1, ..small() };
        let mut agent = catch(config).unwrap();
        // Nine steps to the end of an episode, so that the first eight pay nothing.
        (0..8).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        constant(&agent.q.params, &[9.0, 1.0, 2.0]);
        constant(&agent.target.params, &[3.0, 5.0, 4.0]);
        agent.replay.sample(&mut agent.batch, 1.0, &mut agent.sample).unwrap();
        targets(&agent).unwrap().to_vec1::<f32>().unwrap()
    };
    assert_eq!(targets(false), [2.5; 8]);
    assert_eq!(targets(true), [1.5; 8]);
}

#[test]
fn a_soft_copy_moves_the_target_a_part_of_the_way() {
    let config = DqnConfig { tau: 0.25, target_every: 1, train_every: 1, n_envs: 1, ..small() };
    let mut agent = catch(config).unwrap();
    while agent.updates == 0 {
        agent.step(&mut Log::default()).unwrap();
    }
    let first = catch(small()).unwrap();
    let [first, q, target] = [&first.q.params, &agent.q.params, &agent.target.params]
        .map(|params| weights(params).concat());
    for ((first, q), target) in first.iter().zip(&q).zip(&target) {
        assert!((target - (0.75 * first + 0.25 * q)).abs() < 1e-7);
    }
    assert_ne!(q, first);
}

#[test]
fn priorities_follow_the_errors() {
    let config = DqnConfig { prioritized: true, priority_alpha: 1.0, n_envs: 1, ..small() };
    let mut agent = catch(config).unwrap();
    (0..99).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    constant(&agent.q.params, &[0.0; 3]);
    constant(&agent.target.params, &[0.0; 3]);
    // Only the last step of an episode of nine pays: all others have no error, and are hardly drawn again.
    (0..200).for_each(|_| {
        constant(&agent.q.params, &[0.0; 3]);
        constant(&agent.target.params, &[0.0; 3]);
        agent.update(&mut Log::default()).unwrap();
    });
    agent.replay.sample(&mut agent.batch, 1.0, &mut agent.sample).unwrap();
    let rewards = agent.batch.rewards.tensor().to_vec1::<f32>().unwrap();
    assert!(rewards.iter().all(|reward| *reward != 0.0), "{rewards:?}");
}

#[test]
fn beta_rises_with_transitions_not_with_the_plan() {
    let config = DqnConfig { priority_beta: 0.4, priority_beta_steps: 100, ..small() };
    let betas = [0, 50, 100, 200].map(|n| config.beta(n));
    assert!(
        betas.iter().zip([0.4, 0.7, 1.0, 1.0]).all(|(b, e)| (b - e).abs() < 1e-12),
        "{betas:?}"
    );
}

#[test]
fn noise_explores_and_is_not_in_evaluations() {
    let config =
        DqnConfig { noisy: true, epsilon_start: 0.0, epsilon_end: 0.0, n_envs: 1, ..small() };
    let mut agent = catch(config).unwrap();
    let obs = agent.envs.obs().to_vec();
    let (mut noisy, mut frozen) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        agent.q.draw_noise(&mut agent.noise).unwrap();
        agent.target.draw_noise(&mut agent.noise).unwrap();
        agent.choose(0.0).unwrap();
        noisy.push(agent.actions[0]);
        let mut actions = ActionBatch::Discrete(vec![0]);
        agent.act(&obs, Mode::Greedy, &mut [], &mut actions).unwrap();
        frozen.push(actions.numbers().unwrap()[0]);
    }
    assert!(noisy.iter().any(|action| *action != noisy[0]), "{noisy:?}");
    assert!(frozen.iter().all(|action| *action == frozen[0]), "{frozen:?}");
    // Q and Q̄ have noise of their own.
    let x = Tensor::from_slice(&obs, agent.envs.spec().batch_shape(1), device()).unwrap();
    let values = |net: &Net| net.noisy.forward(&x).unwrap().to_vec2::<f32>().unwrap();
    assert_ne!(values(&agent.q), values(&agent.target));
}

/// Without a draw the same batch would be judged by the same noise again and again (Fortunato et al. 2018).
#[test]
fn every_update_draws_noise_for_both_networks() {
    let config = DqnConfig { noisy: true, lr: 1e-30, target_every: 1_000_000, ..small() };
    let mut agent = catch(config).unwrap();
    let obs = agent.envs.obs().to_vec();
    let x = Tensor::from_slice(&obs, agent.envs.spec().batch_shape(3), device()).unwrap();
    let values = |net: &Net| net.noisy.forward(&x).unwrap().to_vec2::<f32>().unwrap();
    while agent.updates == 0 {
        agent.step(&mut Log::default()).unwrap();
    }
    let before = [values(&agent.q), values(&agent.target)];
    agent.update(&mut Log::default()).unwrap();
    assert_ne!(values(&agent.q), before[0]);
    assert_ne!(values(&agent.target), before[1]);
}

#[test]
fn distributions_come_to_the_values_of_the_mean() {
    let mut learned = Vec::new();
    let all = [Distribution::Mean, Distribution::C51, Distribution::Qr, Distribution::Iqn];
    for distribution in all {
        let config =
            DqnConfig { distribution, atoms: 11, v_min: -1.0, v_max: 1.0, gamma: 0.9, ..small() };
        let mut agent = catch(config).unwrap();
        (0..1_200).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        let obs = agent.batch.obs.tensor();
        let q = agent.head.values(&agent.q.frozen.forward(obs).unwrap()).unwrap();
        learned.push(q.max(D::Minus1).unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap());
    }
    assert!(learned.iter().all(|q| (q - learned[0]).abs() < 0.25), "{learned:?}");
}

/// Q and Q̄ have fractions of their own in each update, and acting others; evaluations have the same ones each time.
#[test]
fn fractions_are_drawn_for_every_step_and_every_update() {
    let mut agent = catch(iqn(DqnConfig { n_envs: 1, lr: 1e-30, ..small() })).unwrap();
    let of = |net: &Net| net.fractions(1).unwrap().unwrap().to_vec2::<f32>().unwrap().concat();
    let mut seen = vec![of(&agent.q)];
    agent.step(&mut Log::default()).unwrap();
    seen.push(of(&agent.q));
    while agent.updates == 0 {
        agent.step(&mut Log::default()).unwrap();
    }
    for _ in 0..2 {
        agent.update(&mut Log::default()).unwrap();
        seen.extend([of(&agent.q), of(&agent.target)]);
    }
    for (i, fractions) in seen.iter().enumerate() {
        assert!(seen[..i].iter().all(|before| before != fractions), "{i}: {seen:?}");
    }
    let value = |agent: &mut Dqn| agent.evaluate(Split::Test).unwrap().value();
    assert_eq!(value(&mut agent), value(&mut agent));
}

/// Rainbow with implicit quantiles in place of atoms: streams of their own, noise within them.
#[test]
fn implicit_quantiles_go_with_the_other_extensions() {
    let all = iqn(rainbow(small()));
    let learner = || Ok(Box::new(catch(all.clone())?) as Box<dyn Learner>);
    let dir = tempfile::tempdir().unwrap();
    same_seed_same_bits(&learner, 200).unwrap();
    resume_changes_nothing(&learner, 151, 200, dir.path()).unwrap();
    let agent = catch(all).unwrap();
    let names: Vec<_> = agent.q.params.named().into_iter().map(|(name, _)| name).collect();
    for name in ["embedding.weight", "value.hidden.weight_sigma", "advantage.out.bias"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    // A network of one's own that does not say its fractions.
    let network = |params: Params, spec: &Spec| {
        let sizes = [spec.obs_len(), 3 * 8];
        let out = nn::Linear::new(&params, "out", sizes[0], sizes[1], nn::Activation::Linear)?;
        Ok(Net::new(params, nn::Sequential::new(vec![out.into()])))
    };
    let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
    let refused = Dqn::with_network(make, iqn(small()), 1, device(), &network).err().unwrap();
    assert!(refused.to_string().starts_with("--distribution iqn: needs a network"), "{refused}");
}

#[test]
fn combinations_that_make_no_sense_are_refused_by_the_names_of_both() {
    let error = |config| catch(config).err().unwrap().to_string();
    let base = DqnConfig { munchausen: true, ..small() };
    for (config, other) in [
        (DqnConfig { double: true, ..base.clone() }, "--double"),
        (DqnConfig { n_step: 3, ..base.clone() }, "--n-step"),
        (DqnConfig { distribution: Distribution::Qr, ..base.clone() }, "--distribution"),
    ] {
        let error = error(config);
        assert!(error.starts_with("--munchausen true: ") && error.contains(other), "{error}");
    }
    let error = error(DqnConfig { v_min: 1.0, v_max: 1.0, ..small() });
    assert!(error.starts_with("--v-min 1: ") && error.contains("--v-max"), "{error}");
}

#[test]
fn exported_q_values_of_every_head_are_its_own() {
    for (_, config) in extended() {
        let agent = catch(config).unwrap();
        randomise(&agent.q.params).unwrap();
        let spec = agent.envs.spec().clone();
        compare(&agent, ("q-network", &spec), |obs| {
            let shape = spec.batch_shape(obs.len() / spec.obs_len());
            let obs = Tensor::from_slice(obs, shape, device())?;
            Ok(vec![("q_values", agent.head.values(&agent.q.frozen.forward(&obs)?)?)])
        });
    }
}

fn masked_agent(config: DqnConfig) -> Dqn {
    Dqn::new(Masked::make(None), config, 1, device()).unwrap()
}

#[test]
fn actions_that_a_state_lacks_are_neither_taken_nor_part_of_a_target() {
    envs::check_env(&Masked::make(None), 100).unwrap();
    for (double, n_step) in [(false, 1), (true, 1), (false, 2)] {
        let mut agent = masked_agent(DqnConfig { double, n_step, gamma: 0.5, ..small() });
        (0..300).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        assert_eq!(agent.evaluate(Split::Test).unwrap().value(), 1.0);
        // The action that no state has would be worth most.
        constant(&agent.q.params, &[1.0, 2.0, 100.0]);
        constant(&agent.target.params, &[1.0, 2.0, 100.0]);
        agent.replay.sample(&mut agent.batch, 1.0, &mut agent.sample).unwrap();
        let targets = targets(&agent).unwrap().to_vec1::<f32>().unwrap();
        let obs = agent.batch.obs.tensor().to_vec2::<f32>().unwrap();
        let actions = agent.batch.actions.tensor().to_vec1::<u32>().unwrap();
        for ((obs, action), target) in obs.iter().zip(actions).zip(targets) {
            match (obs[0] == 1.0, n_step) {
                (true, 1) => assert_eq!(target, 0.5 * 2.0),
                // Half of the reward of the second step, 0 or 1.
                (true, _) => assert!([0.0, 0.5].contains(&target), "{target}"),
                (false, _) => assert_eq!(target, action as f32),
            }
        }
        agent.evaluate(Split::Test).unwrap();
    }
    let refused =
        Dqn::new(Masked::make(None), DqnConfig { munchausen: true, ..small() }, 1, device());
    assert!(refused.err().unwrap().to_string().contains("lacks some"));
}

#[test]
fn masks_are_saved() {
    let learner = || Ok(Box::new(masked_agent(rainbow(small()))) as Box<dyn Learner>);
    let dir = tempfile::tempdir().unwrap();
    same_seed_same_bits(&learner, 400).unwrap();
    resume_changes_nothing(&learner, 201, 400, dir.path()).unwrap();
}

#[test]
fn a_gridworld_whose_states_lack_actions_is_learned() {
    let grid = GridConfig { noise: Some(0.0), ..GridConfig::of(Layout::Aima) };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).unwrap());
    let make = move || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))) };
    assert!(make().masks_actions(), "the layout has terminal exits");
    let config = DqnConfig { hidden: Hidden::Each(32), ..DqnConfig::default() };
    let mut agent = Dqn::new(Box::new(make), config, 1, device()).unwrap();
    (0..6_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
    let value = agent.evaluate(Split::Test).unwrap().value();
    // Five steps at 0.04 to the exit that pays 1.
    assert!((value - 0.8).abs() < 1e-6, "{value}");
}

#[test]
#[ignore = "each extension learns to catch every ball: a minute"]
fn every_extension_catches_every_ball() {
    for (name, config) in extended() {
        let DqnConfig { warmup, batch, replay, hidden, target_every, .. } = DqnConfig::default();
        let (n_envs, train_every, lr_end) = (1, 4, 1.0);
        let target_every = if config.tau < 1.0 { 1 } else { target_every };
        let config = DqnConfig {
            warmup,
            batch,
            replay,
            hidden,
            target_every,
            n_envs,
            train_every,
            lr_end,
            lr_steps: 0,
            eval_episodes: 20,
            ..config
        };
        let mut agent = catch(config).unwrap();
        let plan = Plan { eval_every: 1_000, target: Some(1.0), ..plan(40_000) };
        let report = fit(&mut agent, &plan, &mut Run::default()).unwrap();
        assert_eq!(report.outcome, RunOutcome::TargetReached, "{name}");
    }
}
