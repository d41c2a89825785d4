//! Our environments against traces of the originals, recorded by `tests/parity/record.py`.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]

use std::collections::VecDeque;
use std::fmt::Debug;

use envs::{
    Acrobot, Action, ActionSet, Asterix, AsterixConfig, BipedalWalker, BipedalWalkerConfig,
    Breakout, BreakoutConfig, CartPole, Difficulty, Env, Freeway, FreewayConfig, LunarLander,
    LunarLanderConfig, MountainCar, MountainCarContinuous, Pendulum, Pointmass, PointmassConfig,
    Seaquest, SeaquestConfig, Side, SpaceInvaders, SpaceInvadersConfig, Step, WalkerTerrain,
};
use rand::RngCore;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhysicsTrace<A> {
    start: Vec<f64>,
    /// The state after the last step, where it was recorded.
    last: Option<Vec<f64>>,
    steps: Vec<PhysicsRow<A>>,
}

#[derive(Deserialize)]
struct PhysicsRow<A> {
    action: A,
    reward: f32,
    /// 0 not, 1 terminated, 2 truncated.
    end: u8,
    obs: Vec<f32>,
}

/// Asserts that `env`, begun with `start` and moved with `advance`, reproduces a recorded trace.
fn follow<E: Env, A: for<'a> Deserialize<'a> + Copy + Debug>(
    text: &str,
    mut env: E,
    start: impl Fn(&mut E, &[f64]),
    advance: impl Fn(&mut E, A) -> Step,
) {
    let traces: Vec<PhysicsTrace<A>> = serde_json::from_str(text).unwrap();
    let limit = env.spec().time_limit;
    let mut obs = vec![0.0; env.spec().obs_len()];
    for (i, trace) in traces.iter().enumerate() {
        start(&mut env, &trace.start);
        for (row, t) in trace.steps.iter().zip(1..) {
            let step = advance(&mut env, row.action);
            env.observe(&mut obs);
            let at = format!("episode {i}, step {t}, action {:?}", row.action);
            let bits = |obs: &[f32]| obs.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&obs), bits(&row.obs), "{at}: {obs:?}");
            assert_eq!(step.reward.to_bits(), row.reward.to_bits(), "{at}: {}", step.reward);
            assert_eq!(step.terminated, row.end == 1, "{at}");
            assert_eq!(!step.terminated && limit == Some(t), row.end == 2, "{at}");
        }
        // Observations are single precision: they would hide a difference for a while.
        if let Some(last) = &trace.last {
            assert_eq!(&numbers(&env.snapshot().unwrap()), last, "end of episode {i}");
        }
    }
}

/// The numbers in a snapshot, in the order of their names.
fn numbers(saved: &Value) -> Vec<f64> {
    match saved {
        Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => number.as_f64().into_iter().collect(),
    }
}

#[test]
fn acrobot_is_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/acrobot.json"));
    let start = |env: &mut Acrobot, state: &[f64]| env.start(state.try_into().unwrap());
    follow(text, Acrobot::default(), start, Acrobot::advance);
}

#[test]
fn pendulum_is_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/pendulum.json"));
    let start = |env: &mut Pendulum, state: &[f64]| env.start(state.try_into().unwrap());
    follow(text, Pendulum::default(), start, Pendulum::advance);
}

#[test]
fn cartpole_is_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/cartpole.json"));
    let start = |env: &mut CartPole, state: &[f64]| env.start(state.try_into().unwrap());
    follow(text, CartPole::default(), start, CartPole::advance);
}

#[test]
fn mountain_car_is_gymnasiums_to_the_last_bit() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/mountain-car.json"));
    let start = |env: &mut MountainCar, state: &[f64]| env.start(state.try_into().unwrap());
    follow(text, MountainCar::default(), start, MountainCar::advance);
}

#[test]
fn mountain_car_continuous_is_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/parity/mountain-car-continuous.json"
    ));
    let start = |env: &mut MountainCarContinuous, state: &[f64]| {
        env.start([state[0] as f32, state[1] as f32]);
    };
    follow(text, MountainCarContinuous::default(), start, MountainCarContinuous::advance);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LanderTrace {
    options: LunarLanderConfig,
    heights: [f64; 12],
    push: [f64; 2],
    wind: [i64; 2],
    first: Vec<f32>,
    steps: Vec<LanderRow>,
}

#[derive(Deserialize)]
struct LanderRow {
    action: Control,
    dispersion: [f64; 2],
    reward: f32,
    /// 0 not, 1 terminated, 2 truncated.
    end: u8,
    obs: Vec<f32>,
}

/// Action of a trace, numbered or not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Control {
    Number(usize),
    Throttles(Vec<f32>),
}

#[test]
fn lunar_lander_is_gymnasiums_to_the_last_bit() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/lunar-lander.json"));
    let traces: Vec<LanderTrace> = serde_json::from_str(text).unwrap();
    let mut obs = [0.0; 8];
    for (i, trace) in traces.iter().enumerate() {
        let mut env = LunarLander::from(trace.options);
        env.start(trace.heights, trace.push, trace.wind);
        env.observe(&mut obs);
        assert_eq!(obs[..], trace.first, "episode {i}");
        for (row, t) in trace.steps.iter().zip(1..) {
            let action = match &row.action {
                Control::Number(action) => Action::Discrete(*action),
                Control::Throttles(throttles) => Action::Continuous(throttles),
            };
            let step = env.advance(action, row.dispersion);
            env.observe(&mut obs);
            let at = format!("episode {i}, step {t}, action {:?}", row.action);
            assert_eq!(obs[..], row.obs, "{at}");
            assert_eq!((step.reward, step.terminated), (row.reward, row.end == 1), "{at}");
            let is_cut = !step.terminated && env.spec().time_limit == Some(t);
            assert_eq!(is_cut, row.end == 2, "{at}");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WalkerTrace {
    options: BipedalWalkerConfig,
    /// Tested where the ground is made.
    #[serde(rename = "draws")]
    _draws: Vec<f64>,
    terrain: WalkerTerrain,
    push: f64,
    first: Vec<f32>,
    steps: Vec<WalkerRow>,
}

#[derive(Deserialize)]
struct WalkerRow {
    action: [f32; 4],
    reward: f32,
    /// 0 not, 1 terminated, 2 truncated.
    end: u8,
    /// Recorded at every tenth step and at the end.
    obs: Option<Vec<f32>>,
}

#[test]
fn bipedal_walker_is_gymnasiums_to_the_last_bit() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/bipedal-walker.json"));
    let traces: Vec<WalkerTrace> = serde_json::from_str(text).unwrap();
    let mut obs = [0.0; 24];
    for (i, trace) in traces.iter().enumerate() {
        let mut env = BipedalWalker::from(trace.options);
        env.start(trace.terrain.clone(), trace.push);
        env.observe(&mut obs);
        assert_eq!(obs[..], trace.first, "episode {i}");
        for (row, t) in trace.steps.iter().zip(1..) {
            let step = env.advance(row.action);
            let at = format!("episode {i}, step {t}, action {:?}", row.action);
            if let Some(recorded) = &row.obs {
                env.observe(&mut obs);
                assert_eq!(obs[..], recorded[..], "{at}");
            }
            assert_eq!((step.reward, step.terminated), (row.reward, row.end == 1), "{at}");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointmassTrace {
    difficulty: Difficulty,
    start: [f64; 2],
    steps: Vec<PointmassRow>,
}

#[derive(Deserialize)]
struct PointmassRow {
    displacement: [f64; 2],
    reward: f32,
    /// 0 or 1.
    terminated: u8,
    obs: [f64; 2],
}

#[test]
fn pointmass_is_the_courses() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/pointmass.json"));
    let traces: Vec<PointmassTrace> = serde_json::from_str(text).unwrap();
    for (i, trace) in traces.iter().enumerate() {
        let mut env = Pointmass::from(PointmassConfig { difficulty: trace.difficulty });
        env.start(trace.start);
        for (row, t) in trace.steps.iter().zip(1..) {
            let step = env.advance(row.displacement);
            let at = format!("episode {i}, step {t}");
            assert_eq!(env.parts(), row.obs, "{at}");
            assert_eq!((step.reward, step.terminated), (row.reward, row.terminated == 1), "{at}");
            // An episode that does not end is cut off.
            let last = t as usize == trace.steps.len();
            assert_eq!(last, step.terminated || env.spec().time_limit == Some(t), "{at}");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakoutTrace {
    actions: ActionSet,
    start: View,
    steps: Vec<BreakoutRow>,
}

#[derive(Deserialize)]
struct BreakoutRow {
    action: usize,
    reward: f32,
    /// 0 or 1.
    terminated: u8,
    view: View,
}

/// Content of an observation.
#[derive(Deserialize)]
struct View {
    paddle_column: usize,
    ball_row: usize,
    ball_column: usize,
    trail_row: usize,
    trail_column: usize,
    /// Bit `10 (row - 1) + column` stands for a brick.
    bricks: u32,
}

impl View {
    /// The observation, `[4, 10, 10]`.
    fn obs(&self) -> Vec<f32> {
        let mut obs = vec![0.0; 400];
        obs[90 + self.paddle_column] = 1.0;
        obs[100 + 10 * self.ball_row + self.ball_column] = 1.0;
        obs[200 + 10 * self.trail_row + self.trail_column] = 1.0;
        for bit in (0..30).filter(|bit| self.bricks >> bit & 1 == 1) {
            obs[310 + bit] = 1.0;
        }
        obs
    }
}

#[test]
fn breakout_is_minatars() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/breakout.json"));
    let traces: Vec<BreakoutTrace> = serde_json::from_str(text).unwrap();
    let mut obs = vec![0.0; 400];
    for (i, trace) in traces.iter().enumerate() {
        let mut env = Breakout::new(BreakoutConfig { actions: trace.actions, sticky: 0.0 });
        env.start(if trace.start.ball_column == 0 { Side::Left } else { Side::Right });
        env.observe(&mut obs);
        assert_eq!(obs, trace.start.obs(), "start of episode {i}");
        for (t, row) in trace.steps.iter().enumerate() {
            let step = env.advance(row.action);
            env.observe(&mut obs);
            let at = || format!("episode {i}, step {t}:\n{}", env.cells());
            assert_eq!(obs, row.view.obs(), "{}", at());
            assert_eq!(
                (step.reward, step.terminated),
                (row.reward, row.terminated == 1),
                "{}",
                at()
            );
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GameTrace<C> {
    options: C,
    /// Draws of the start.
    draws: Vec<u32>,
    /// Places of the ones in the first observation.
    start: Vec<usize>,
    steps: Vec<GameRow>,
}

#[derive(Deserialize)]
struct GameRow {
    action: usize,
    reward: f32,
    /// 0 or 1.
    terminated: u8,
    draws: Vec<u32>,
    /// Places of the observation that change.
    changes: Vec<usize>,
}

/// A generator that draws what the original drew: each number by its cell of 840 of the unit interval.
#[derive(Default)]
struct Script(VecDeque<u32>);

impl RngCore for Script {
    fn next_u32(&mut self) -> u32 {
        unreachable!("the games draw numbers in double precision")
    }

    fn next_u64(&mut self) -> u64 {
        let cell = self.0.pop_front();
        let cell = cell.unwrap_or_else(|| unreachable!("a draw that the original does not make"));
        let number = (f64::from(cell) + 0.5) / 840.0;
        // A number in double precision is made of the upper 53 bits.
        ((number * (1_u64 << 53) as f64) as u64) << 11
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        unreachable!("the games draw numbers in double precision")
    }
}

/// Asserts that games reproduce recorded traces, and returns the number of their steps.
fn replay<C: DeserializeOwned, E: Env + From<C>>(text: &str) -> usize {
    let traces: Vec<GameTrace<C>> = serde_json::from_str(text).unwrap();
    let mut steps = 0;
    for (i, trace) in traces.into_iter().enumerate() {
        let mut env = E::from(trace.options);
        let limit = env.spec().time_limit.unwrap();
        let mut expected = vec![0.0; env.spec().obs_len()];
        let mut obs = expected.clone();
        let mut script = Script(trace.draws.into());
        env.reset(&mut script);
        trace.start.into_iter().for_each(|place| expected[place] = 1.0);
        env.observe(&mut obs);
        assert_eq!(obs, expected, "start of episode {i}");
        for (row, t) in trace.steps.into_iter().zip(1..) {
            assert!(script.0.is_empty(), "episode {i}, step {t}: the original draws more");
            // First, the action is not the previous one.
            script.0 = [420].into_iter().chain(row.draws).collect();
            let step = env.step(Action::Discrete(row.action), &mut script);
            row.changes.into_iter().for_each(|place| expected[place] = 1.0 - expected[place]);
            env.observe(&mut obs);
            let at = || format!("episode {i}, step {t}:\n{}", env.cells());
            assert_eq!(obs, expected, "{}", at());
            assert_eq!(step.reward, row.reward, "{}", at());
            // Freeway ends by a time limit only.
            assert_eq!(step.terminated || t == limit, row.terminated == 1, "{}", at());
            steps += 1;
        }
    }
    steps
}

#[test]
fn asterix_is_minatars() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/asterix.json"));
    assert!(replay::<AsterixConfig, Asterix>(text) > 3_000);
}

#[test]
fn freeway_is_minatars() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/freeway.json"));
    assert!(replay::<FreewayConfig, Freeway>(text) > 3_000);
}

#[test]
fn seaquest_is_minatars() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/seaquest.json"));
    assert!(replay::<SeaquestConfig, Seaquest>(text) > 3_000);
}

#[test]
fn space_invaders_is_minatars() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/space-invaders.json"));
    assert!(replay::<SpaceInvadersConfig, SpaceInvaders>(text) > 3_000);
}
