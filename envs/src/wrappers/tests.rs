use super::*;
use crate::{
    Action, Bandit, BanditConfig, Breakout, CartPole, Catch, Cell, CellShape, Cells, Element,
    EnvError, Pendulum, Rgb, Rng, Snapshot, Spec, Step, check_env,
};
use rand::{RngCore, SeedableRng};
use serde_json::Value;
use std::sync::{Arc, Mutex};

const NONE: WrapperConfig = WrapperConfig {
    time_limit: None,
    pixels: false,
    frame_stack: 1,
    action_repeat: 1,
    sticky: 0.0,
    reward_scale: 1.0,
    reward_clip: 0.0,
};

/// One wrapper alone, each in turn, and all together.
fn configs() -> Vec<WrapperConfig> {
    let (time_limit, frame_stack, action_repeat, sticky) = (NonZeroU32::new(7), 3, 2, 0.3);
    vec![
        WrapperConfig { time_limit, ..NONE },
        WrapperConfig { pixels: true, ..NONE },
        WrapperConfig { frame_stack, ..NONE },
        WrapperConfig { action_repeat, ..NONE },
        WrapperConfig { sticky, ..NONE },
        WrapperConfig { reward_scale: -0.5, ..NONE },
        WrapperConfig { reward_clip: 0.5, ..NONE },
        WrapperConfig {
            time_limit,
            pixels: false,
            frame_stack,
            action_repeat,
            sticky,
            reward_scale: 2.0,
            reward_clip: 1.0,
        },
    ]
}

/// An environment in which nothing is as by default, and which writes down what it is asked.
struct Probe(Arc<Mutex<Vec<String>>>);

impl Probe {
    fn note(&self, asked: impl Into<String>) {
        self.0.lock().unwrap().push(asked.into());
    }
}

impl Snapshot for Probe {
    fn snapshot(&self) -> serde_json::Result<Value> {
        Ok(Value::from("probe"))
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        self.note(format!("restore {saved}"));
        Ok(())
    }
}

impl Env for Probe {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Spec::names(&["a", "b", "c"]),
            time_limit: Some(100),
            two_returns: Some([0.0, 1.0]),
        }
    }

    fn allows(&self, action: usize) -> bool {
        action == 1
    }

    fn masks_actions(&self) -> bool {
        true
    }

    fn is_possible(&self) -> bool {
        false
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        self.note("reset");
    }

    fn begin_reset(&mut self, _: &mut dyn RngCore) {
        self.note("begin_reset");
    }

    fn begin_step(&mut self, action: Action<'_>) {
        self.note(format!("begin_step {}", action.discrete()));
    }

    fn begin_step_and_reset(&mut self, action: Action<'_>) {
        self.note(format!("begin_step_and_reset {}", action.discrete()));
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.note(format!("step {}", action.discrete()));
        Step { reward: 3.0, terminated: true }
    }

    fn is_truncated(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<EnvError> {
        Some(EnvError::new("failed"))
    }

    fn is_begun_anew(&self) -> bool {
        true
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&[5.0, 6.0]);
    }

    fn render(&self) -> Rgb {
        Rgb { width: 1, height: 2, pixels: vec![9; 6] }
    }

    fn cells(&self) -> Cells {
        Cells::filled(4, 1, Cell { glyph: 'p', color: [0; 3] }, CellShape::Letter)
    }
}

#[test]
fn every_method_is_forwarded() {
    for config in configs() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (mut env, mut rng) =
            (config.wrap(Box::new(Probe(Arc::clone(&notes)))), Rng::seed_from_u64(0));
        assert!(env.allows(1) && !env.allows(0) && env.masks_actions(), "{config:?}");
        assert!(!env.is_possible() && env.is_truncated() && env.is_begun_anew(), "{config:?}");
        assert_eq!(env.failure(), Some(EnvError::new("failed")));
        assert_eq!((env.render().height, env.cells().width), (2, 4));
        assert_eq!(env.spec().actions, Spec::names(&["a", "b", "c"]));
        let mut obs = vec![7.0; env.spec().obs_len()];
        env.observe(&mut obs);
        if config.pixels {
            assert_eq!(obs, vec![Element::part(9); 84 * 84], "a frame of one grey");
        } else {
            assert!(obs.chunks(2).all(|frame| frame == [5.0, 6.0]), "{config:?}");
        }
        env.begin_reset(&mut rng);
        env.reset(&mut rng);
        env.begin_step(Action::Discrete(2));
        assert!(env.step(Action::Discrete(2), &mut rng).terminated);
        env.begin_step_and_reset(Action::Discrete(1));
        let saved = env.snapshot().unwrap();
        env.restore(saved).unwrap();
        let mut expected =
            vec!["begin_reset", "reset", "begin_step 2", "step 2", "begin_step_and_reset 1"];
        // Where the action may be another one, or come several times, it isn't announced.
        if config.sticky > 0.0 || config.action_repeat > 1 {
            expected.retain(|note| !note.starts_with("begin_step"));
        }
        expected.push("restore \"probe\"");
        assert_eq!(*notes.lock().unwrap(), expected, "{config:?}");
    }
}

#[test]
fn wrapped_environments_keep_the_interface() {
    for config in configs() {
        let makes: [fn() -> Box<dyn Env>; 5] = [
            || Box::new(Catch::default()),
            || Box::new(CartPole::default()),
            || Box::new(Pendulum::default()),
            || Box::new(Breakout::default()),
            || Box::new(Bandit::new(BanditConfig::default()).unwrap()),
        ];
        for make in makes {
            check_env(&|| config.wrap(make()), 300)
                .unwrap_or_else(|why| panic!("{config:?}: {why}"));
        }
    }
}

/// Counts steps: the observation is their number, the reward its square; it ends after 10.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Counter {
    steps: u32,
    last: usize,
}

impl Env for Counter {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![1],
            element: Element::Float,
            actions: Spec::names(&["a", "b"]),
            time_limit: Some(9),
            two_returns: Some([0.0, 1.0]),
        }
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        *self = Self::default();
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.steps += 1;
        self.last = action.discrete();
        Step { reward: (self.steps * self.steps) as f32, terminated: self.steps == 10 }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = (10 * self.last as u32 + self.steps) as f32;
    }
}

/// Rewards, ends and observations of steps with these actions.
fn walk(config: WrapperConfig, actions: &[usize]) -> Vec<(f32, bool, Vec<f32>)> {
    let (mut env, mut rng) = (config.wrap(Box::new(Counter::default())), Rng::seed_from_u64(0));
    env.reset(&mut rng);
    let step = |action: &usize| {
        let Step { reward, terminated } = env.step(Action::Discrete(*action), &mut rng);
        let mut obs = vec![7.0; env.spec().obs_len()];
        env.observe(&mut obs);
        (reward, terminated, obs)
    };
    actions.iter().map(step).collect()
}

fn spec(config: WrapperConfig) -> Spec {
    config.wrap(Box::new(Counter::default())).spec()
}

#[test]
fn an_action_is_repeated_and_its_rewards_are_added() {
    let config = WrapperConfig { action_repeat: 4, ..NONE };
    // 1 + 4 + 9 + 16, 25 + … + 64, and 81 + 100 up to the end.
    let expected = [(30.0, false, vec![4.0]), (174.0, false, vec![8.0]), (181.0, true, vec![10.0])];
    assert_eq!(walk(config, &[0, 0, 0]), expected);
    assert_eq!(spec(config).time_limit, Some(3), "9 steps of its own");
}

/// The ball and the paddle of `catch` are drawn, fall and move; of a stack the last frame is the newest.
#[test]
fn pixels_are_those_of_the_frame() {
    let config = WrapperConfig { pixels: true, frame_stack: 2, ..NONE };
    let (mut env, mut rng) = (config.wrap(Box::new(Catch::default())), Rng::seed_from_u64(0));
    assert_eq!((env.spec().obs_shape, env.spec().element), (vec![2, 84, 84], Element::Byte));
    env.reset(&mut rng);
    let observed = |env: &dyn Env| {
        let mut obs = vec![7.0; env.spec().obs_len()];
        env.observe(&mut obs);
        obs
    };
    let before = observed(&*env);
    assert_eq!(before[..84 * 84], before[84 * 84..]);
    env.step(Action::Discrete(1), &mut rng);
    let after = observed(&*env);
    assert_eq!(after[..84 * 84], before[84 * 84..]);
    assert_ne!(after[84 * 84..], before[84 * 84..]);
    // The mean shade is that of the frame.
    let frame = env.render();
    let luma = |rgb: &[u8]| {
        0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2])
    };
    let pixels = frame.pixels.chunks(3);
    let mean = pixels.map(luma).sum::<f32>() / (frame.width * frame.height) as f32 / 255.0;
    let shown = after[84 * 84..].iter().sum::<f32>() / (84 * 84) as f32;
    assert!((mean - shown).abs() < 2e-3 && mean > 0.01, "{mean} {shown}");
}

#[test]
fn the_newest_observations_are_stacked() {
    let config = WrapperConfig { frame_stack: 3, ..NONE };
    let obs: Vec<_> = walk(config, &[0; 4]).into_iter().map(|step| step.2).collect();
    assert_eq!(obs, [[0.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]);
    assert_eq!(spec(config).obs_shape, [3]);
    let game = config.wrap(Box::new(Breakout::default()));
    assert_eq!(game.spec().obs_shape, [12, 10, 10]);
}

#[test]
fn rewards_are_scaled_and_then_clipped() {
    let rewards = |reward_scale, reward_clip| {
        let config = WrapperConfig { reward_scale, reward_clip, ..NONE };
        assert_eq!(spec(config).two_returns, None);
        walk(config, &[0; 4]).into_iter().map(|step| step.0).collect::<Vec<_>>()
    };
    assert_eq!(rewards(0.5, 0.0), [0.5, 2.0, 4.5, 8.0]);
    assert_eq!(rewards(1.0, 3.0), [1.0, 3.0, 3.0, 3.0]);
    assert_eq!(rewards(-0.5, 3.0), [-0.5, -2.0, -3.0, -3.0]);
}

#[test]
fn a_sticky_step_repeats_the_action_taken_before() {
    let last = |sticky, actions: &[usize]| {
        let config = WrapperConfig { sticky, ..NONE };
        let obs = walk(config, actions).into_iter().map(|step| step.2[0] >= 10.0);
        obs.collect::<Vec<_>>()
    };
    assert_eq!(last(1.0, &[1, 0, 0]), [true, true, true], "the first one is taken");
    assert_eq!(last(1e-9, &[1, 0, 1]), [true, false, true]);
    let (mut env, mut rng) = (
        WrapperConfig { sticky: 0.25, ..NONE }.wrap(Box::new(Counter::default())),
        Rng::seed_from_u64(0),
    );
    let mut repeated = 0;
    for _ in 0..4000 {
        env.reset(&mut rng);
        env.step(Action::Discrete(1), &mut rng);
        env.step(Action::Discrete(0), &mut rng);
        let mut obs = [0.0];
        env.observe(&mut obs);
        repeated += u32::from(obs[0] >= 10.0);
    }
    assert!((900..1100).contains(&repeated), "{repeated}");
}

#[test]
fn a_time_limit_counts_the_steps_of_the_environment() {
    let time_limit = NonZeroU32::new(5);
    assert_eq!(spec(WrapperConfig { time_limit, ..NONE }).time_limit, Some(5));
    // As that of the environment itself: the second action of the agent comes to it.
    assert_eq!(spec(WrapperConfig { time_limit, action_repeat: 4, ..NONE }).time_limit, Some(2));
    assert_eq!(spec(WrapperConfig { action_repeat: 4, ..NONE }).time_limit, Some(3));
    assert_eq!(spec(NONE).time_limit, Some(9));
}

#[test]
fn wrong_snapshots_are_noticed() {
    let config = WrapperConfig { frame_stack: 2, sticky: 0.5, ..NONE };
    let mut env = config.wrap(Box::new(Counter::default()));
    let mut saved = env.snapshot().unwrap();
    assert!(env.is_possible());
    saved["wrapper"]["frames"] = Value::from(vec![vec![1.0]]);
    env.restore(saved).unwrap();
    assert!(!env.is_possible());
    assert!(env.restore(Value::from(1)).is_err());
}
