use rand::SeedableRng;
use serde::Deserialize;

use super::terrain::TerrainDraws;
use super::*;
use crate::{Rng, Snapshot as _, check_env};

/// Draws that were recorded.
struct Recorded(std::vec::IntoIter<f64>);

impl TerrainDraws for Recorded {
    fn slope(&mut self) -> f64 {
        self.0.next().unwrap()
    }

    fn whole(&mut self, low: usize, high: usize) -> usize {
        let drawn = self.0.next().unwrap() as usize;
        assert!((low..high).contains(&drawn));
        drawn
    }

    fn coin(&mut self) -> bool {
        self.0.next().unwrap() > 0.5
    }
}

/// The parts of a trace that the ground is about.
#[derive(Deserialize)]
struct GroundTrace {
    options: BipedalWalkerConfig,
    draws: Vec<f64>,
    terrain: WalkerTerrain,
}

#[test]
fn the_ground_is_gymnasiums_for_its_draws() {
    let text =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/bipedal-walker.json"));
    let traces: Vec<GroundTrace> = serde_json::from_str(text).unwrap();
    let mut blocks = 0;
    for (i, trace) in traces.into_iter().enumerate() {
        let mut draws = Recorded(trace.draws.into_iter());
        let terrain = WalkerTerrain::drawn(trace.options.hardcore, &mut draws);
        assert_eq!(draws.0.next(), None, "episode {i}");
        assert_eq!(terrain.heights, trace.terrain.heights, "episode {i}");
        // The corners of the trace are in the order in which Box2D has them.
        let hulls = |terrain: &WalkerTerrain| -> Vec<Polygon> {
            terrain.blocks.iter().map(|block| Polygon::hull(&block.map(Vec2::of))).collect()
        };
        assert_eq!(hulls(&terrain), hulls(&trace.terrain), "episode {i}");
        blocks += terrain.blocks.len();
    }
    assert!(blocks > 100, "{blocks}");
}

#[test]
fn random_ground_is_possible() {
    let mut rng = Rng::seed_from_u64(0);
    for hardcore in [false, true] {
        let grounds: Vec<_> = (0..50).map(|_| WalkerTerrain::random(hardcore, &mut rng)).collect();
        assert!(grounds.iter().all(WalkerTerrain::is_possible));
        assert!(grounds.iter().all(|ground| ground.blocks.is_empty() != hardcore));
        // The start is the same for all.
        let starts = |ground: &WalkerTerrain| ground.heights[..=START].to_vec();
        assert!(grounds.iter().all(|ground| starts(ground) == starts(&grounds[0])));
    }
}

/// The walker after `steps` random steps.
fn wandering(steps: usize, rng: &mut Rng) -> BipedalWalker {
    let mut env = BipedalWalker::default();
    env.reset(rng);
    for _ in 0..steps {
        env.advance([(); 4].map(|()| rng.random_range(-1.0..1.0)));
    }
    env
}

#[test]
fn steps_pay_the_way_and_cost_torque() {
    let mut env = wandering(10, &mut Rng::seed_from_u64(1));
    let state = |env: &BipedalWalker| {
        let hull = &env.world.bodies[0];
        [hull.position().x, hull.angle()].map(f64::from)
    };
    for (action, cost) in [
        ([0.0; 4], 0.0),
        ([1.0, 0.0, 0.0, 0.0], 0.028),
        ([0.5, -0.5, 0.0, 0.0], 0.028),
        ([2.0, -3.0, 1.0, -1.0], 0.112),
    ] {
        let [x, angle] = state(&env);
        let step = env.advance(action);
        let [x_after, angle_after] = state(&env);
        let earned = 130.0 / 30.0 * (x_after - x) - 5.0 * (angle_after.abs() - angle.abs());
        assert!((f64::from(step.reward) - (earned - cost)).abs() < 1e-5, "{action:?}: {step:?}");
    }
}

#[test]
fn a_fall_ends_with_minus_100_and_the_far_end_without() {
    let mut env = BipedalWalker::default();
    env.start(WalkerTerrain::flat(), 0.0);
    let last = (0..300).map(|_| env.advance([0.0; 4])).find(|step| step.terminated);
    assert_eq!(last, Some(Step { reward: -100.0, terminated: true }));
    // 190 pieces of 14/30 m are 88.67 m.
    assert_eq!(ends(false, 88.6), [false, false]);
    assert_eq!(ends(false, 88.7), [false, true]);
    assert_eq!(ends(true, 50.0), [true, true]);
    assert_eq!(ends(false, -0.1), [true, true]);
}

#[test]
fn the_observation_by_hand() {
    let mut env = BipedalWalker::default();
    env.start(WalkerTerrain::flat(), 0.0);
    let mut obs = [0.0; 24];
    env.observe(&mut obs);
    let hull = &env.world.bodies[0];
    assert_eq!(obs[3], (0.3 * f64::from(hull.velocity().y) * (400.0 / 30.0) / 50.0) as f32);
    // The hull is about two leg lengths, 2.27 m, above flat ground: the first ray looks straight down, the others see
    // as far as 1/cos of their angle, and the last one looks nearly ahead.
    let above = f64::from(hull.position().y) - HEIGHT;
    for (i, part) in obs[14..].iter().enumerate() {
        let expected = (above / (0.15 * i as f64).cos() / RANGE).min(1.0);
        assert!((f64::from(*part) - expected).abs() < 1e-5, "ray {i}: {part}, {expected}");
    }
    assert_eq!(obs[23], 1.0);
    // Hips at 0 by their first angle, knees at 0 plus 1.
    assert!(obs[4].abs() < 0.2 && (obs[6] - 1.0).abs() < 0.2, "{obs:?}");
}

#[test]
fn a_walk_is_resumed_to_the_bit() {
    let mut rng = Rng::seed_from_u64(4);
    let config = BipedalWalkerConfig { hardcore: true };
    let mut env = BipedalWalker::from(config);
    env.reset(&mut rng);
    let mut touching = 0;
    for _ in 0..60 {
        let text = env.snapshot().unwrap().to_string();
        let mut resumed = BipedalWalker::from(config);
        resumed.restore(serde_json::from_str(&text).unwrap()).unwrap();
        assert!(resumed.is_possible());
        let action = [(); 4].map(|()| rng.random_range(-1.0..1.0));
        assert_eq!(env.advance(action), resumed.advance(action));
        assert_eq!(resumed, env);
        touching += usize::from(env.feet_touch.contains(&true));
    }
    assert!(touching > 5, "{touching}");
}

#[test]
fn impossible_snapshots_are_recognised() {
    let saved = wandering(30, &mut Rng::seed_from_u64(5)).snapshot().unwrap();
    for (place, value) in [
        ("/world/bodies/4/sweep/angle", 1e20.into()),
        ("/world/contacts/0/ground", 100_000.into()),
        ("/terrain/heights/20", 9.0.into()),
        ("/shaping", 1e300.into()),
    ] {
        let mut changed = saved.clone();
        *changed.pointer_mut(place).unwrap() = value;
        let mut other = BipedalWalker::default();
        other.restore(changed).unwrap();
        assert!(!other.is_possible(), "{place}");
    }
}

#[test]
fn both_grounds_keep_the_promises() {
    for hardcore in [false, true] {
        let make = move || -> Box<dyn Env> {
            Box::new(BipedalWalker::from(BipedalWalkerConfig { hardcore }))
        };
        check_env(&make, 200).unwrap();
        assert_eq!(make().spec().time_limit, Some(if hardcore { 2000 } else { 1600 }));
    }
}

#[test]
fn frames_follow_the_walker() {
    let mut rng = Rng::seed_from_u64(6);
    let (start, later) = (wandering(0, &mut rng), wandering(20, &mut rng));
    assert_eq!((start.render().width, start.render().height), (300, 200));
    assert_ne!(start.render(), later.render());
    // The hull stands a fifth of the width from the left.
    let text = start.cells().to_string();
    assert!(text.lines().any(|line| line.find('o') == Some(12)), "{text}");
    assert!(text.contains('#'));
}
