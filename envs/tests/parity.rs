//! Our environments against traces of the originals, recorded by `tests/parity/record.py`.

use envs::{ActionSet, Breakout, BreakoutConfig, CartPole, Env, Side};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CartPoleTrace {
    start: [f64; 4],
    steps: Vec<CartPoleRow>,
}

#[derive(Deserialize)]
struct CartPoleRow {
    action: usize,
    reward: f32,
    /// 0 not, 1 terminated, 2 truncated.
    end: u8,
    obs: [f32; 4],
}

#[test]
fn cartpole_is_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/cartpole.json"));
    let traces: Vec<CartPoleTrace> = serde_json::from_str(text).unwrap();
    let mut env = CartPole::default();
    let limit = env.spec().time_limit;
    let mut obs = [0.0; 4];
    for (i, trace) in traces.iter().enumerate() {
        env.start(trace.start);
        for (row, t) in trace.steps.iter().zip(1..) {
            let step = env.advance(row.action);
            env.observe(&mut obs);
            let at = format!("episode {i}, step {t}");
            assert_eq!(obs.map(f32::to_bits), row.obs.map(f32::to_bits), "{at}: {obs:?}");
            assert_eq!((step.reward, step.terminated), (row.reward, row.end == 1), "{at}");
            assert_eq!(!step.terminated && limit == Some(t), row.end == 2, "{at}");
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

/// What an observation shows.
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
