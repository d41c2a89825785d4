use super::*;
use crate::{
    Action, Breakout, BreakoutConfig, CartPole, Catch, Cells, Element, Pendulum, Rgb, Spec, Step,
};
use rand::{Rng as _, RngCore, SeedableRng};

/// Counts steps. Observes the count and a number drawn at the start; the k-th step pays k.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Counter {
    count: u32,
    sampled: u16,
    /// Terminates when this is reached.
    last: u32,
    limit: Option<u32>,
}

impl Env for Counter {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Spec::names(&["count"]),
            time_limit: self.limit,
            two_returns: None,
        }
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.count = 0;
        self.sampled = rng.random();
    }

    fn step(&mut self, _: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.count += 1;
        Step { reward: self.count as f32, terminated: self.count == self.last }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[self.count as f32, f32::from(self.sampled)]);
    }

    fn render(&self) -> Rgb {
        Catch::default().render()
    }

    fn cells(&self) -> Cells {
        Catch::default().cells()
    }
}

fn rngs(n: u64) -> Vec<Rng> {
    (0..n).map(Rng::seed_from_u64).collect()
}

fn counters(n: u64, last: u32, limit: Option<u32>) -> VecEnv {
    let counter = Counter { last, limit, ..Counter::default() };
    VecEnv::new(rngs(n), &|| Box::new(counter.clone()))
}

/// End of the only copy's next transition, and the episode it finished.
fn next_end(envs: &mut VecEnv) -> (End, Option<Episode>) {
    let mut observed = None;
    envs.step(&[0], |transition| observed = Some((transition.end, transition.episode))).unwrap();
    observed.unwrap()
}

#[test]
fn a_transition_shows_its_own_final_observation() {
    let mut envs = counters(1, 2, None);
    let sampled = envs.obs()[1];
    envs.step(&[0], |transition| {
        assert_eq!(transition.obs, [0.0, sampled]);
        assert_eq!(transition.next_obs, [1.0, sampled]);
    })
    .unwrap();
    assert_eq!(envs.obs(), [1.0, sampled]);
    envs.step(&[0], |transition| {
        assert_eq!(transition.obs, [1.0, sampled]);
        assert_eq!(transition.next_obs, [2.0, sampled]);
        assert_eq!((transition.action, transition.reward), (Action::Discrete(0), 2.0));
        let mut rendered = [0.0; 2];
        transition.env.observe(&mut rendered);
        assert_eq!(rendered, [2.0, sampled], "the environment has been reset too early");
    })
    .unwrap();
    assert_eq!(envs.obs()[0], 0.0);
    assert_ne!(envs.obs()[1], sampled);
}

#[test]
fn reaching_the_limit_is_not_termination() {
    // Rewards 1 + 2 + 3.
    let episode = Some(Episode { ret: 6.0, len: 3 });
    for (last, limit, end) in [
        (3, None, End::Terminated),
        (3, Some(4), End::Terminated),
        (3, Some(3), End::Terminated),
        (4, Some(3), End::Truncated),
    ] {
        let mut envs = counters(1, last, limit);
        // Twice: the second episode starts from nothing.
        for _ in 0..2 {
            assert_eq!(next_end(&mut envs), (End::Not, None));
            assert_eq!(next_end(&mut envs), (End::Not, None));
            assert_eq!(next_end(&mut envs), (end, episode), "{last} {limit:?}");
        }
    }
}

#[test]
fn copies_are_independent() {
    let mut envs = VecEnv::new(rngs(3), &|| Box::new(Catch::default()));
    let mut order = Vec::new();
    // left, stay, right move the paddles from column 2 to 1, 2 and 3.
    envs.step(&[0, 1, 2], |transition| {
        order.push((transition.index, transition.action.discrete()));
    })
    .unwrap();
    assert_eq!(order, [(0, 0), (1, 1), (2, 2)]);
    let paddles = [0, 1, 2].map(|i| envs.obs()[50 * i + 45..][..5].to_vec());
    assert_eq!(paddles[0], [0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(paddles[1], [0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(paddles[2], [0.0, 0.0, 0.0, 1.0, 0.0]);

    let envs = counters(3, 9, None);
    assert!(envs.obs()[1] != envs.obs()[3] && envs.obs()[3] != envs.obs()[5]);
}

#[test]
fn only_the_copy_that_ended_is_reset() {
    let mut envs = VecEnv::new(rngs(8), &|| Box::new(CartPole::default()));
    let mut lens = [0; 8];
    for _ in 0..50 {
        let mut expected = vec![None; 8];
        envs.step(&[1; 8], |transition| {
            lens[transition.index] += 1;
            if let Some(episode) = transition.episode {
                assert_eq!(
                    episode,
                    Episode { ret: lens[transition.index].into(), len: lens[transition.index] }
                );
                lens[transition.index] = 0;
            } else {
                expected[transition.index] = Some(transition.next_obs.to_vec());
            }
        })
        .unwrap();
        for (obs, expected) in envs.obs().chunks(4).zip(expected) {
            match expected {
                Some(expected) => assert_eq!(obs, expected),
                None => assert!(obs.iter().all(|x| x.abs() <= 0.05), "{obs:?}"),
            }
        }
    }
    assert!(lens.iter().any(|len| *len != lens[0]), "all episodes ended together: {lens:?}");
}

/// Everything that `steps` steps with action 1 show, as bits.
fn trace(envs: &mut VecEnv, steps: usize) -> Vec<u32> {
    let mut observed = Vec::new();
    let actions = vec![1; envs.n()];
    for _ in 0..steps {
        envs.step(&actions, |transition| {
            observed.extend(transition.next_obs.iter().map(|x| x.to_bits()));
            observed.push(transition.reward.to_bits());
            observed.extend(transition.episode.map(|episode| episode.len));
        })
        .unwrap();
        observed.extend(envs.obs().iter().map(|x| x.to_bits()));
    }
    observed
}

#[test]
fn a_restored_run_continues_to_the_bit() {
    let make = || VecEnv::new(rngs(3), &|| Box::new(CartPole::default()));
    let mut envs = make();
    trace(&mut envs, 25);
    let saved = envs.snapshot().unwrap().to_string();
    let mut resumed = make();
    resumed.restore(serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!(resumed.obs(), envs.obs());
    let expected = trace(&mut envs, 50);
    assert_eq!(trace(&mut resumed, 50), expected);
}

/// Asserts that `envs` refuses `saved` for `reason` and stays unchanged.
fn assert_refused(envs: &mut VecEnv, saved: Value, reason: &str) {
    let (before, obs) = (envs.snapshot().unwrap(), envs.obs().to_vec());
    let error = envs.restore(saved).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
    assert_eq!(envs.snapshot().unwrap(), before);
    assert_eq!(envs.obs(), obs);
}

#[test]
fn another_shape_is_refused() {
    let mut two = counters(2, 9, None);
    let three = counters(3, 9, None).snapshot().unwrap();
    assert_refused(&mut two, three, "the snapshot has 3 copies, this has 2");
    let catch = VecEnv::new(rngs(2), &|| Box::new(Catch::default())).snapshot().unwrap();
    assert_refused(&mut two, catch, "the snapshot has 50 numbers in an observation, this has 2");
    let limited = counters(2, 9, Some(5)).snapshot().unwrap();
    assert_refused(&mut two, limited, "time_limit: Some(5)");
    let full = BreakoutConfig { actions: crate::ActionSet::Full, ..BreakoutConfig::default() };
    let full = VecEnv::new(rngs(1), &|| Box::new(Breakout::new(full))).snapshot().unwrap();
    let mut minimal = VecEnv::new(rngs(1), &|| Box::new(Breakout::default()));
    assert_refused(&mut minimal, full, "fire");
}

#[test]
fn a_snapshot_broken_halfway_changes_nothing() {
    let mut envs = counters(2, 9, None);
    let mut saved = envs.snapshot().unwrap();
    trace(&mut envs, 4);
    saved["copies"][1]["env"]["count"] = "many".into();
    assert_refused(&mut envs, saved, "many");
}

#[test]
#[should_panic(expected = "one action for each copy")]
fn every_copy_needs_an_action() {
    counters(2, 9, None).step(&[0], |_| ()).unwrap();
}

#[test]
fn vectors_reach_their_copies() {
    let mut envs = VecEnv::new(rngs(2), &|| Box::new(Pendulum::default()));
    let before = envs.obs().to_vec();
    let mut observed = Vec::new();
    envs.step_continuous(&[0.5, -9.0], |transition| {
        observed.push((transition.index, transition.action.continuous().to_vec()));
    })
    .unwrap();
    // As they were given: clipping is the environment's business.
    assert_eq!(observed, [(0, vec![0.5]), (1, vec![-9.0])]);
    for (i, torque) in [0.5, -2.0].into_iter().enumerate() {
        let [_, sin, velocity] = [0, 1, 2].map(|j| before[3 * i + j]);
        let expected = velocity + (15.0 * sin + 3.0 * torque) * 0.05;
        assert!((envs.obs()[3 * i + 2] - expected).abs() < 1e-5, "{:?}", envs.obs());
    }
}

#[test]
#[should_panic(expected = "use step_continuous")]
fn vectors_have_no_numbers() {
    VecEnv::new(rngs(1), &|| Box::new(Pendulum::default())).step(&[0], |_| ()).unwrap();
}

#[test]
#[should_panic(expected = "use step")]
fn numbered_actions_are_no_vectors() {
    counters(1, 9, None).step_continuous(&[0.0], |_| ()).unwrap();
}

#[test]
fn rows_hold_actions_of_either_kind() {
    let mut numbered = VecEnv::new(rngs(3), &|| Box::new(CartPole::default()));
    let mut by_number = VecEnv::new(rngs(3), &|| Box::new(CartPole::default()));
    numbered.step_rows(&[1.0, 0.0, 1.0], |_| ()).unwrap();
    by_number.step(&[1, 0, 1], |_| ()).unwrap();
    assert_eq!(numbered.obs(), by_number.obs());
    let mut vectors = VecEnv::new(rngs(2), &|| Box::new(Pendulum::default()));
    let mut by_vector = VecEnv::new(rngs(2), &|| Box::new(Pendulum::default()));
    vectors.step_rows(&[0.5, -1.5], |_| ()).unwrap();
    by_vector.step_continuous(&[0.5, -1.5], |_| ()).unwrap();
    assert_eq!(vectors.obs(), by_vector.obs());
    assert_eq!((numbered.spec().action_width(), vectors.spec().action_width()), (1, 1));
}

/// Pays NaN, or observes an infinity, in its third step.
#[derive(Default, Serialize, Deserialize)]
struct Unsound {
    count: u32,
    pays: bool,
}

impl Env for Unsound {
    fn spec(&self) -> Spec {
        Counter::default().spec()
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        self.count = 0;
    }

    fn step(&mut self, _: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.count += 1;
        let reward = if self.pays && self.count == 3 { f32::NAN } else { 1.0 };
        Step { reward, terminated: false }
    }

    fn observe(&self, obs: &mut [f32]) {
        let last = if !self.pays && self.count == 3 { f32::NEG_INFINITY } else { 0.0 };
        obs.copy_from_slice(&[f32::MAX, last]);
    }
}

#[test]
fn numbers_that_are_none_are_refused_where_they_come_from() {
    for (pays, what) in [(true, "the reward NaN"), (false, "the observation [1] = -inf")] {
        let make = move || Box::new(Unsound { count: 0, pays }) as Box<dyn Env>;
        let mut envs = VecEnv::new(vec![Rng::seed_from_u64(1)], &make);
        let mut visited = 0;
        for _ in 0..2 {
            envs.step(&[0], |_| visited += 1).unwrap();
        }
        let told = envs.step(&[0], |_| visited += 1).unwrap_err().to_string();
        let expected = format!("the environment gave {what} in step 3 of an episode");
        assert!(told.starts_with(&expected), "{told}");
        assert_eq!(visited, 2, "nobody learns from it");
    }
}

#[test]
fn restarted_copies_are_those_that_were_made_anew() {
    let make = || -> Box<dyn Env> { Box::new(Breakout::new(BreakoutConfig::default())) };
    let mut envs = VecEnv::new(rngs(3), &make);
    for action in [1, 2, 1, 0, 2] {
        envs.step(&[action; 3], |_| ()).unwrap();
    }
    envs.restart(rngs(3)).unwrap();
    let mut fresh = VecEnv::new(rngs(3), &make);
    assert_eq!(envs.obs(), fresh.obs());
    let steps = |envs: &mut VecEnv| {
        let mut all = Vec::new();
        for action in [1, 2, 1, 0, 2, 1, 1, 1, 1] {
            envs.step(&[action; 3], |transition| {
                all.push((transition.reward, transition.episode, transition.next_obs.to_vec()));
            })
            .unwrap();
        }
        all
    };
    assert_eq!(steps(&mut envs), steps(&mut fresh));
    // Generators go on, and so others begin.
    let before = envs.snapshot().unwrap();
    envs.begin().unwrap();
    assert_ne!(envs.snapshot().unwrap(), before);
    assert_eq!(envs.snapshot().unwrap()["copies"][0]["episode"]["len"], 0);
}
