use super::*;
use envs::{Action, Catch, Env};
use train::stream;
use train::testing::device;

fn spec(obs_len: usize, element: Element) -> Spec {
    Spec {
        obs_shape: vec![obs_len],
        element,
        actions: Spec::names(&["a", "b"]),
        time_limit: None,
        two_returns: None,
    }
}

/// Transition `i`: all its numbers follow from `i`.
fn push(replay: &mut Replay, i: usize, end: End, obs_of: fn(usize) -> Vec<f32>) {
    let (obs, next_obs) = (obs_of(i), obs_of(i + 1));
    let env: &dyn Env = &Catch::default();
    let transition = Transition {
        index: 0,
        obs: &obs,
        action: Action::Discrete(i % 2),
        reward: i as f32,
        next_obs: &next_obs,
        end,
        episode: None,
        env,
    };
    replay.push(&transition);
}

/// The binary digits of `i`, over 70 places: more than a word.
fn bits(i: usize) -> Vec<f32> {
    (0..70).map(|place| (i >> (place % 7) & 1) as f32).collect()
}

fn bytes(i: usize) -> Vec<f32> {
    vec![i as f32 / 255.0, (255.0 - i as f32) / 255.0]
}

fn floats(i: usize) -> Vec<f32> {
    vec![i as f32 / 3.0, -1e9]
}

#[test]
fn every_element_type_comes_back_exactly_from_the_newest() {
    let makers: [fn(usize) -> Vec<f32>; 3] = [bits, bytes, floats];
    for (element, obs_of) in [Element::Bit, Element::Byte, Element::Float].into_iter().zip(makers) {
        let spec = spec(obs_of(0).len(), element);
        let mut replay = Replay::new(10, &spec, Sampling::uniform(0.5)).unwrap();
        (0..25).for_each(|i| push(&mut replay, i, End::Not, obs_of));
        assert_eq!(replay.len(), 10);
        let mut batch = replay.batch(200, &spec, device()).unwrap();
        replay.sample(&mut batch, 0.5, &mut stream(1, "test")).unwrap();
        let rewards = batch.rewards.tensor().to_vec1::<f32>().unwrap();
        let obs = batch.obs.tensor().to_vec2::<f32>().unwrap();
        let next_obs = batch.next_obs.tensor().to_vec2::<f32>().unwrap();
        let actions = batch.actions.tensor().to_vec1::<u32>().unwrap();
        let mut sampled: Vec<_> = rewards.iter().map(|reward| *reward as usize).collect();
        for (row, &i) in sampled.iter().enumerate() {
            assert_eq!(obs[row], obs_of(i));
            assert_eq!(next_obs[row], obs_of(i + 1));
            assert_eq!(actions[row] as usize, i % 2);
        }
        sampled.sort_unstable();
        sampled.dedup();
        assert_eq!(sampled, (15..25).collect::<Vec<_>>());
    }
}

#[test]
fn only_termination_stops_the_bootstrap() {
    for (end, expected) in [(End::Not, 0.5), (End::Truncated, 0.5), (End::Terminated, 0.0)] {
        let spec = spec(2, Element::Float);
        let mut replay = Replay::new(1, &spec, Sampling::uniform(0.5)).unwrap();
        push(&mut replay, 0, end, floats);
        let mut batch = replay.batch(1, &spec, device()).unwrap();
        replay.sample(&mut batch, 0.5, &mut stream(1, "test")).unwrap();
        assert_eq!(batch.discounts.tensor().to_vec1::<f32>().unwrap(), [expected]);
    }
}

#[test]
fn a_saved_replay_samples_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step-1");
    let spec = spec(70, Element::Bit);
    let mut replay = Replay::new(10, &spec, Sampling::uniform(0.5)).unwrap();
    (0..13).for_each(|i| push(&mut replay, i, End::Terminated, bits));
    let mut checkpoint = Checkpoint::create(&path).unwrap();
    replay.state("replay", 2, &mut checkpoint).unwrap();
    checkpoint.commit().unwrap();
    let mut other = Replay::new(10, &spec, Sampling::uniform(0.5)).unwrap();
    let mut checkpoint = Checkpoint::open(&path, train::Scope::All).unwrap();
    other.state("replay", 2, &mut checkpoint).unwrap();
    let sampled = |replay: &Replay| {
        let mut batch = replay.batch(50, &spec, device()).unwrap();
        replay.sample(&mut batch, 0.5, &mut stream(1, "test")).unwrap();
        let all =
            [batch.obs.tensor(), batch.next_obs.tensor()].map(|t| t.to_vec2::<f32>().unwrap());
        let rest = [&batch.rewards, &batch.discounts].map(|t| t.tensor().to_vec1::<f32>().unwrap());
        (all, rest, batch.actions.tensor().to_vec1::<u32>().unwrap())
    };
    assert_eq!(sampled(&replay), sampled(&other));
}

/// Two copies in turn, in a ring that went round: returns over three steps stop at both kinds of end, and at the newest.
#[test]
fn returns_over_several_steps_by_hand() {
    let spec = spec(2, Element::Float);
    let sampling = Sampling { n_step: 3, copies: 2, ..Sampling::uniform(0.5) };
    let mut replay = Replay::new(10, &spec, sampling).unwrap();
    for i in 0..14 {
        let end = match i {
            6 => End::Terminated,
            9 => End::Truncated,
            _ => End::Not,
        };
        push(&mut replay, i, end, floats);
    }
    let mut batch = replay.batch(500, &spec, device()).unwrap();
    replay.sample(&mut batch, 1.0, &mut stream(1, "test")).unwrap();
    let obs = batch.obs.tensor().to_vec2::<f32>().unwrap();
    let next = batch.next_obs.tensor().to_vec2::<f32>().unwrap();
    let returns = batch.rewards.tensor().to_vec1::<f32>().unwrap();
    let discounts = batch.discounts.tensor().to_vec1::<f32>().unwrap();
    let actions = batch.actions.tensor().to_vec1::<u32>().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for row in 0..500 {
        let i = (4..14).find(|i| floats(*i) == obs[row]).unwrap();
        // Each with its steps: 4 terminates with 6, 7 is cut off at 9, and nothing follows 12 and 13.
        let (steps, discount): (&[usize], f32) = match i {
            4 => (&[4, 6], 0.0),
            5 => (&[5, 7, 9], 0.125),
            6 => (&[6], 0.0),
            7 => (&[7, 9], 0.25),
            8 => (&[8, 10, 12], 0.125),
            9 => (&[9], 0.5),
            10 => (&[10, 12], 0.25),
            11 => (&[11, 13], 0.25),
            i => (&[i][..], 0.5),
        };
        let ret = steps.iter().rev().fold(0.0, |later, step| *step as f32 + 0.5 * later);
        assert_eq!((returns[row], discounts[row]), (ret, discount), "from {i}");
        assert_eq!(next[row], floats(steps[steps.len() - 1] + 1), "from {i}");
        assert_eq!(actions[row] as usize, i % 2);
        seen.insert(i);
    }
    assert_eq!(seen.len(), 10);
    // A copy whose next episode begins without the end of this one.
    replay.cut(0);
    push(&mut replay, 14, End::Not, floats);
    push(&mut replay, 15, End::Not, floats);
    replay.sample(&mut batch, 1.0, &mut stream(1, "test")).unwrap();
    let obs = batch.obs.tensor().to_vec2::<f32>().unwrap();
    let returns = batch.rewards.tensor().to_vec1::<f32>().unwrap();
    let of = |i: usize| returns[(0..500).find(|row| obs[*row] == floats(i)).unwrap()];
    assert_eq!((of(12), of(13)), (12.0, 13.0 + 0.5 * 15.0));
}

#[test]
fn what_was_a_surprise_is_drawn_more_often_and_weighs_less() {
    let spec = spec(2, Element::Float);
    let sampling = Sampling { alpha: Some(1.0), ..Sampling::uniform(0.5) };
    let mut replay = Replay::new(4, &spec, sampling).unwrap();
    (0..4).for_each(|i| push(&mut replay, i, End::Not, floats));
    let mut batch = replay.batch(4, &spec, device()).unwrap();
    // Equal at first: one of each in every batch.
    replay.sample(&mut batch, 1.0, &mut stream(1, "test")).unwrap();
    assert_eq!(batch.rewards.tensor().to_vec1::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0]);
    replay.learned(&batch, &[1.0, 1.0, 1.0, 5.0]);
    let mut batch = replay.batch(800, &spec, device()).unwrap();
    replay.sample(&mut batch, 1.0, &mut stream(1, "test")).unwrap();
    let rewards = batch.rewards.tensor().to_vec1::<f32>().unwrap();
    let weights = batch.weights.as_ref().unwrap().tensor().to_vec1::<f32>().unwrap();
    let count = rewards.iter().filter(|reward| **reward == 3.0).count();
    assert!((499..=501).contains(&count), "{count}");
    for (reward, weight) in rewards.iter().zip(&weights) {
        let expected = if *reward == 3.0 { 0.2 } else { 1.0 };
        assert!((weight - expected).abs() < 1e-4, "{reward}: {weight}");
    }
}
