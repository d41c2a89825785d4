use rand::SeedableRng;

use super::*;
use crate::{Rng, Snapshot as _, check_env};

/// Flies to the pad: the angle follows the distance and the speed to the side, the main engine the height.
fn pilot(obs: &[f32; 8], continuous: bool) -> Vec<f32> {
    let [x, y, vx, vy, angle, spin, left, right] = *obs;
    let lands = left + right > 0.0;
    let aim = (0.5 * x + vx).clamp(-0.4, 0.4);
    let turn = if lands { 0.0 } else { 0.5 * (aim - angle) - spin };
    let lift = if lands { -0.5 * vy } else { 0.5 * (0.55 * x.abs() - y) - 0.5 * vy };
    if continuous {
        return vec![20.0 * lift - 1.0, -20.0 * turn];
    }
    vec![match () {
        () if lift > turn.abs() && lift > 0.05 => 2.0,
        () if turn < -0.05 => 3.0,
        () if turn > 0.05 => 1.0,
        () => 0.0,
    }]
}

/// Moves one step on as the pilot wants it.
fn fly(env: &mut LunarLander, rng: &mut Rng) -> Step {
    let mut obs = [0.0; 8];
    env.observe(&mut obs);
    let action = pilot(&obs, env.config.continuous);
    let action = if env.config.continuous {
        Action::Continuous(&action)
    } else {
        Action::Discrete(action[0] as usize)
    };
    env.step(action, rng)
}

/// Steps of an episode of the pilot, at most 1,000.
fn flight(env: &mut LunarLander, rng: &mut Rng) -> Vec<Step> {
    env.reset(rng);
    let mut steps: Vec<Step> = Vec::new();
    while steps.len() < 1000 && !steps.last().is_some_and(|step| step.terminated) {
        steps.push(fly(env, rng));
    }
    steps
}

#[test]
fn the_pad_is_flat_and_the_ground_smooth() {
    let mut heights = [3.0; 12];
    heights[11] = 6.0;
    let ground = smoothed(heights);
    assert_eq!(ground[0], 0.33 * (6.0 + 3.0 + 3.0));
    assert_eq!(ground[1], 0.33 * (3.0 + 3.0 + 3.0));
    for i in 4..=6 {
        assert!((ground[i] - 0.99 * PAD).abs() < 1e-12, "{ground:?}");
    }
    assert_eq!(ground[10], 0.33 * (3.0 + 3.0 + 6.0));
}

#[test]
fn the_potential_by_hand() {
    let with = |changed: &[(usize, f64)]| {
        let mut state = [0.0; 8];
        changed.iter().for_each(|(i, value)| state[*i] = *value);
        potential(state)
    };
    assert_eq!(with(&[(0, 0.3), (1, -0.4)]), -50.0);
    assert_eq!(with(&[(2, -0.6), (3, 0.8)]), -100.0);
    assert_eq!(with(&[(4, -0.25)]), -25.0);
    assert_eq!(with(&[(5, 9.0)]), 0.0);
    assert_eq!([with(&[(6, 1.0)]), with(&[(6, 1.0), (7, 1.0)])], [10.0, 20.0]);
}

#[test]
fn engines_cost_what_they_burn() {
    let mut env = LunarLander::from(LunarLanderConfig { continuous: true, ..Default::default() });
    for (throttles, cost) in [
        ([-1.0, 0.5], 0.0),
        ([0.5, 0.0], 0.3 * 0.75),
        ([2.0, 0.0], 0.3),
        ([0.0, -0.8], 0.03 * f64::from(0.8_f32)),
        ([1.0, 1.5], 0.33),
    ] {
        env.start([3.0; 12], [100.0, 50.0], [0; 2]);
        let before = potential(env.state());
        let step = env.advance(Action::Continuous(&throttles), [0.1, -0.2]);
        let change = potential(env.state()) - before;
        assert!((f64::from(step.reward) - (change - cost)).abs() < 1e-6, "{throttles:?}: {step:?}");
        assert!(!step.terminated);
    }
}

#[test]
fn engines_push_to_their_sides() {
    // After a step, against one without engines: the main engine lifts, side engines push to the side they are named after.
    let after = |action: usize| {
        let mut env = LunarLander::default();
        env.start([3.0; 12], [0.0; 2], [0; 2]);
        env.advance(Action::Discrete(action), [0.0; 2]);
        env.state()
    };
    let [none, left, main, right] = [0, 1, 2, 3].map(after);
    // 13·(4/30) N·s on 4.817 kg and the legs' 0.142, in units of 7.5 m/s.
    let lift = (main[3] - none[3]) * 7.5;
    assert!((lift - 13.0 * 4.0 / 30.0 / 4.959).abs() < 0.01, "{lift}");
    // Above the centre of mass: a push to the left turns to the left, counter-clockwise.
    assert!(left[2] < none[2] && right[2] > none[2]);
    assert!(left[5] > none[5] && right[5] < none[5]);
}

#[test]
fn a_fall_costs_100() {
    let mut env = LunarLander::default();
    env.start([3.0; 12], [0.0; 2], [0; 2]);
    let mut step = env.advance(Action::Discrete(0), [0.0; 2]);
    for _ in 0..200 {
        if step.terminated {
            break;
        }
        step = env.advance(Action::Discrete(0), [0.0; 2]);
    }
    assert_eq!(step, Step { reward: -100.0, terminated: true });
    assert!(env.is_crashed);
}

#[test]
fn the_pilot_returns_what_it_does_in_gymnasium() {
    // Mean return and its standard error of Gymnasium's `heuristic`, which the pilot follows, over 1,000, 500 and 500
    // episodes of Gymnasium 1.4.0, and the share that landed: starts and dispersion are as random there.
    let plain = LunarLanderConfig::default();
    for (config, [mean, error], landed) in [
        (plain, [239.97, 3.15], 0.925),
        (LunarLanderConfig { continuous: true, ..plain }, [283.69, 1.11], 0.998),
        (LunarLanderConfig { enable_wind: true, ..plain }, [97.92, 7.41], 0.494),
    ] {
        const EPISODES: usize = 200;
        let mut rng = Rng::seed_from_u64(1);
        let mut env = LunarLander::from(config);
        let flights: Vec<Vec<Step>> = (0..EPISODES).map(|_| flight(&mut env, &mut rng)).collect();
        let returns: Vec<f64> = flights
            .iter()
            .map(|steps| steps.iter().map(|step| f64::from(step.reward)).sum::<f64>())
            .collect();
        let n = EPISODES as f64;
        let ours = returns.iter().sum::<f64>() / n;
        let variance = returns.iter().map(|ret| (ret - ours).powi(2)).sum::<f64>() / (n - 1.0);
        let noise = (variance / n + error * error).sqrt();
        let at = format!("{:?}: {ours} ± {}", env.config, (variance / n).sqrt());
        assert!((ours - mean).abs() < 3.0 * noise, "{at}");
        let share = flights.iter().filter(|steps| steps.last().unwrap().reward == 100.0).count();
        assert!((share as f64 / n - landed).abs() < 0.11, "{at}: {share} landed");
    }
}

#[test]
fn a_landing_is_resumed_to_the_bit() {
    let mut rng = Rng::seed_from_u64(2);
    let config = LunarLanderConfig { enable_wind: true, ..Default::default() };
    let mut env = LunarLander::from(config);
    env.reset(&mut rng);
    let mut touching = 0;
    for _ in 0..600 {
        let text = env.snapshot().unwrap().to_string();
        let mut resumed = LunarLander::from(config);
        resumed.restore(serde_json::from_str(&text).unwrap()).unwrap();
        assert!(resumed.is_possible());
        assert_eq!(resumed, env);
        let (step, again) = (fly(&mut env, &mut rng.clone()), fly(&mut resumed, &mut rng));
        assert_eq!(step, again);
        assert_eq!(resumed, env);
        touching += usize::from(env.legs_touch.contains(&true));
        if step.terminated {
            break;
        }
    }
    assert!(touching > 5, "{touching}");
}

#[test]
fn wind_blows_until_a_leg_touches() {
    assert_eq!(gust(0), 0.0);
    assert_eq!(gust(50), ((1.0_f64).sin() + (PI / 2.0).sin()).tanh());
    let config = LunarLanderConfig { enable_wind: true, ..Default::default() };
    let mut windy = LunarLander::from(config);
    windy.start([3.0; 12], [0.0; 2], [40; 2]);
    assert_eq!(windy.wind, [41; 2]);
    windy.advance(Action::Discrete(0), [0.0; 2]);
    assert_eq!(windy.wind, [42; 2]);
    assert!(windy.state()[0] > 0.0, "{:?}", windy.state());
    windy.legs_touch[1] = true;
    windy.advance(Action::Discrete(0), [0.0; 2]);
    assert_eq!(windy.wind, [42; 2]);
}

#[test]
fn impossible_snapshots_are_recognised() {
    let mut rng = Rng::seed_from_u64(3);
    let mut env = LunarLander::default();
    env.reset(&mut rng);
    (0..60).for_each(|_| _ = fly(&mut env, &mut rng));
    let saved = env.snapshot().unwrap();
    for (place, value) in [
        ("/world/bodies/0/velocity/x", 1e20.into()),
        ("/world/bodies/1/inv_mass", 2.0.into()),
        ("/world/joints/0/bodies/1", 7.into()),
        ("/world/ground/3/friction", 0.5.into()),
        ("/ground/2", 1e3.into()),
        ("/shaping", 1e300.into()),
    ] {
        let mut changed = saved.clone();
        *changed.pointer_mut(place).unwrap() = value;
        let mut other = LunarLander::default();
        other.restore(changed).unwrap();
        assert!(!other.is_possible(), "{place}");
    }
}

#[test]
fn every_option_keeps_the_promises() {
    let with = |continuous, enable_wind| {
        move || -> Box<dyn Env> {
            let config = LunarLanderConfig { continuous, enable_wind, ..Default::default() };
            Box::new(LunarLander::from(config))
        }
    };
    for (continuous, wind) in [(false, false), (true, false), (false, true)] {
        check_env(&with(continuous, wind), 300).unwrap();
    }
}

#[test]
fn frames_show_the_lander_and_its_flames() {
    let mut env = LunarLander::default();
    env.start([3.0; 12], [0.0; 2], [0; 2]);
    let still = (env.render(), env.cells().to_string());
    assert_eq!((still.0.width, still.0.height), (300, 200));
    // The hull is at the top in the middle, the flags are a tenth of the width beside it.
    let lines: Vec<&str> = still.1.lines().collect();
    assert_eq!(lines[0].find('o'), Some(30));
    assert!(lines.iter().any(|line| line.find('P') == Some(24) && line.rfind('P') == Some(36)));
    env.advance(Action::Discrete(2), [0.0; 2]);
    assert_ne!(env.render(), still.0);
    assert!(env.cells().to_string().contains('*'));
}
