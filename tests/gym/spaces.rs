//! Spaces, seeds, ends and snapshots, asked of the environments themselves.
use super::{begun, gym, obs, odd, started};
use envs::{
    Action, Actions, CartPole, Element, End, Env, GymOptions, Rng, Step, VecEnv, check_env,
};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

fn rngs(n: u64) -> Vec<Rng> {
    (0..n).map(Rng::seed_from_u64).collect()
}

#[test]
fn classic_control_keeps_the_interface_of_environments() {
    for id in ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"] {
        let Some(gym) = gym(id) else { return };
        check_env(&|| gym.make(), 300).unwrap_or_else(|why| panic!("{id}: {why}"));
    }
}

#[test]
fn cartpole_is_ours_for_the_same_actions() {
    let Some(gym) = gym(&odd("Placed")) else { return };
    let (mut theirs, mut rng) = begun(&gym, 1);
    let mut ours = CartPole::default();
    let mut episodes = 0;
    for _ in 0..500 {
        ours.start([0.01, -0.02, 0.03, 0.04]);
        theirs.reset(&mut rng);
        let mut ended = false;
        while !ended {
            assert_eq!(obs(&ours), obs(&*theirs));
            let action = Action::Discrete(rng.random_range(0..2));
            let step = ours.step(action, &mut Rng::seed_from_u64(1));
            assert_eq!(theirs.step(action, &mut rng), step);
            ended = step.terminated;
        }
        assert_eq!(obs(&ours), obs(&*theirs));
        episodes += 1;
    }
    assert_eq!(episodes, 500);
}

#[test]
fn spaces_are_flattened_in_gymnasiums_order() {
    let Some(gym) = gym(&odd("Nested")) else { return };
    let (mut env, mut rng) = begun(&gym, 1);
    // By key: both (two bits, then two one-hot numbers), where, which (from 1).
    let expected = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.25, -0.5, 0.0, 1.0, 0.0];
    assert_eq!(obs(&*env), expected);
    let spec = env.spec();
    assert_eq!((spec.obs_shape, spec.element), (vec![12], Element::Float));
    let names = ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"].map(str::to_owned);
    assert_eq!(spec.actions, Actions::Discrete(names.to_vec()));
    for (action, reward) in [0.0, 1.0, 2.0, 10.0, 11.0, 12.0].into_iter().enumerate() {
        assert_eq!(env.step(Action::Discrete(action), &mut rng).reward, reward);
    }
}

#[test]
fn images_have_their_channels_first() {
    let Some(gym) = gym(&odd("Pixels")) else { return };
    let (env, _) = begun(&gym, 1);
    let spec = env.spec();
    assert_eq!((spec.obs_shape, spec.element), (vec![3, 4, 5], Element::Byte));
    // Bytes as parts of 255.
    let pixel = |c, i, j| (100 * c + 10 * i + j) as f32 / 255.0;
    let expected = (0..60).map(|at| pixel(at / 20, at / 5 % 4, at % 5)).collect::<Vec<_>>();
    assert_eq!(obs(&*env), expected);
    let Some(gym) = started(
        &odd("Pixels"),
        GymOptions { stack_size: Some(2), ..GymOptions::default() },
        json!({}),
    ) else {
        return;
    };
    let (env, _) = begun(&gym, 1);
    assert_eq!(env.spec().obs_shape, [6, 4, 5]);
    assert_eq!(obs(&*env), [expected.clone(), expected].concat());
}

#[test]
fn vectors_are_clipped_to_their_box() {
    let Some(gym) = gym(&odd("Torques")) else { return };
    let (mut env, mut rng) = begun(&gym, 1);
    let spec = env.spec();
    assert_eq!(spec.actions, Actions::Box { low: vec![-2.0, 0.0], high: vec![2.0, 1.0] });
    for (action, reward) in [([1.5, 0.5], 15.5), ([-9.0, 9.0], -19.0)] {
        let step = env.step(Action::Continuous(&action), &mut rng);
        assert_eq!(step, Step { reward, terminated: false });
    }
}

#[test]
fn a_discrete_action_counts_from_its_start() {
    let Some(gym) = gym(&odd("Counter")) else { return };
    let (mut env, mut rng) = begun(&gym, 1);
    assert_eq!(env.spec().actions, Actions::Discrete(vec!["3".to_owned(), "4".to_owned()]));
    env.step(Action::Discrete(1), &mut rng);
    assert_eq!((obs(&*env)[0], obs(&*env)[2]), (0.1, 0.4));
}

/// The ends that `steps` steps of one copy have, with the number of steps that the final observation shows.
fn ends(id: &str, steps: usize) -> Option<Vec<(End, f32, u32)>> {
    let gym = gym(id)?;
    let mut env = VecEnv::new(rngs(1), &|| gym.make());
    let mut ends = Vec::new();
    for _ in 0..steps {
        env.step(&[0], |transition| {
            if let Some(episode) = transition.episode {
                ends.push((transition.end, transition.next_obs[0], episode.len));
            }
        })
        .unwrap();
    }
    Some(ends)
}

#[test]
fn termination_and_truncation_are_apart_and_show_the_final_observation() {
    let Some(terminated) = ends(&odd("Counter"), 25) else { return };
    assert_eq!(terminated, [(End::Terminated, 1.0, 10); 2]);
    assert_eq!(ends(&odd("Truncates"), 25).unwrap(), [(End::Truncated, 0.7, 7); 3]);
    let limited = "tests.gym.odd_envs:Limited-v0";
    assert_eq!(ends(limited, 25).unwrap(), [(End::Truncated, 0.6, 6); 4]);
    assert_eq!(gym(limited).unwrap().make().spec().time_limit, Some(6));
}

#[test]
fn the_last_frame_of_an_episode_is_drawn_and_the_first_of_the_next() {
    let Some(gym) = gym(&odd("Drawn")) else { return };
    let mut env = VecEnv::new(rngs(2), &|| gym.make());
    // One copy is drawn from its start on, and the other one begins its next episode with the frame that ends one.
    let grey = |env: &dyn Env| env.render().pixels[0];
    assert_eq!(grey(env.env(0)), 0);
    for _ in 0..2 {
        for step in 1..=10 {
            env.step(&[0, 0], |transition| {
                if transition.index == 0 {
                    assert_eq!(grey(transition.env), step);
                }
                assert_eq!(transition.next_obs[0], f32::from(step) / 10.0);
            })
            .unwrap();
            let shown = f32::from(step % 10) / 10.0;
            assert_eq!([env.obs()[0], env.obs()[3]], [shown; 2]);
        }
        assert_eq!(grey(env.env(0)), 0);
    }
}

/// Everything that `steps` steps of `n` copies show, as bits.
fn trace(env: &mut VecEnv, steps: usize) -> Vec<u32> {
    let mut seen: Vec<u32> = env.obs().iter().map(|x| x.to_bits()).collect();
    for step in 0..steps {
        let actions: Vec<_> = (0..env.n()).map(|i| (step + i) / 3 % 2).collect();
        env.step(&actions, |transition| {
            seen.extend(transition.next_obs.iter().map(|x| x.to_bits()));
            seen.push(transition.end as u32);
        })
        .unwrap();
        seen.extend(env.obs().iter().map(|x| x.to_bits()));
    }
    seen
}

#[test]
fn seeds_decide_episodes_and_the_number_of_workers_does_not() {
    let options = |workers| GymOptions { workers, ..GymOptions::default() };
    let of = |seeds: u64, workers| {
        let gym = started("CartPole-v1", options(workers), json!({}))?;
        let rngs = (seeds..seeds + 5).map(Rng::seed_from_u64).collect();
        Some(trace(&mut VecEnv::new(rngs, &|| gym.make()), 100))
    };
    let Some(one) = of(1, 1) else { return };
    assert_eq!(one, of(1, 1).unwrap());
    assert_eq!(one, of(1, 3).unwrap());
    assert_ne!(one, of(7, 1).unwrap());
}

#[test]
fn episodes_go_on_from_a_snapshot_in_another_process() {
    let Some(first) = gym("CartPole-v1") else { return };
    let mut whole = VecEnv::new(rngs(3), &|| first.make());
    trace(&mut whole, 37);
    let saved: Value = serde_json::from_str(&whole.snapshot().unwrap().to_string()).unwrap();
    let second = gym("CartPole-v1").unwrap();
    let mut resumed = VecEnv::new(rngs(3), &|| second.make());
    resumed.restore(saved).unwrap();
    assert_eq!(trace(&mut whole, 150), trace(&mut resumed, 150));
}

#[test]
fn what_does_not_pickle_begins_anew() {
    let Some(gym) = gym(&odd("Unpicklable")) else { return };
    let mut env = VecEnv::new(rngs(2), &|| gym.make());
    trace(&mut env, 13);
    let (before, drawn) = (env.obs().to_vec(), [env.obs()[1], env.obs()[4]]);
    let saved = env.snapshot().unwrap();
    assert!(saved.to_string().contains("does not pickle"), "{saved}");
    let restored = || {
        let mut env = VecEnv::new(rngs(2), &|| gym.make());
        env.restore(saved.clone()).unwrap();
        env
    };
    let mut resumed = restored();
    assert_eq!((before[0], resumed.obs()[0], resumed.obs()[3]), (0.3, 0.0, 0.0));
    // Another episode than the saved one, and than the first.
    assert!(!drawn.contains(&resumed.obs()[1]), "{drawn:?} {:?}", resumed.obs());
    assert_ne!(VecEnv::new(rngs(2), &|| gym.make()).obs(), resumed.obs());
    // Its length is counted from its own start, and it repeats.
    let mut lens = Vec::new();
    for _ in 0..10 {
        resumed
            .step(&[0, 0], |transition| lens.extend(transition.episode.map(|episode| episode.len)))
            .unwrap();
    }
    assert_eq!(lens, [10, 10]);
    assert_eq!(trace(&mut restored(), 30), trace(&mut restored(), 30));
}

#[test]
fn arguments_reach_the_environment() {
    let Some(gym) = started(&odd("Counter"), GymOptions::default(), json!({ "length": 4 })) else {
        return;
    };
    let mut env = VecEnv::new(rngs(1), &|| gym.make());
    let mut lens = Vec::new();
    for _ in 0..8 {
        let len = &mut lens;
        env.step(&[0], |transition| len.extend(transition.episode.map(|e| e.len))).unwrap();
    }
    assert_eq!(lens, [4, 4]);
}
