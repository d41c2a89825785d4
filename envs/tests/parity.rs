//! Our environments against traces of the originals, recorded by `tests/parity/record.py`.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]

use std::fmt::Debug;

use envs::{Acrobot, ActionSet, Breakout, BreakoutConfig, CartPole, Env, Pendulum, Side, Step};
use serde::Deserialize;
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
