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
        let mut replay = Replay::new(10, &spec).unwrap();
        (0..25).for_each(|i| push(&mut replay, i, End::Not, obs_of));
        assert_eq!(replay.len(), 10);
        let mut batch = Batch::new(200, &spec, device()).unwrap();
        replay.sample(&mut batch, &mut stream(1, "test")).unwrap();
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
    for (end, expected) in [(End::Not, 1.0), (End::Truncated, 1.0), (End::Terminated, 0.0)] {
        let spec = spec(2, Element::Float);
        let mut replay = Replay::new(1, &spec).unwrap();
        push(&mut replay, 0, end, floats);
        let mut batch = Batch::new(1, &spec, device()).unwrap();
        replay.sample(&mut batch, &mut stream(1, "test")).unwrap();
        assert_eq!(batch.continues.tensor().to_vec1::<f32>().unwrap(), [expected]);
    }
}

#[test]
fn a_saved_replay_samples_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step-1");
    let spec = spec(70, Element::Bit);
    let mut replay = Replay::new(10, &spec).unwrap();
    (0..13).for_each(|i| push(&mut replay, i, End::Terminated, bits));
    let mut checkpoint = Checkpoint::create(&path).unwrap();
    replay.state("replay", 2, &mut checkpoint).unwrap();
    checkpoint.commit().unwrap();
    let mut other = Replay::new(10, &spec).unwrap();
    let mut checkpoint = Checkpoint::open(&path, train::Scope::All).unwrap();
    other.state("replay", 2, &mut checkpoint).unwrap();
    let sampled = |replay: &Replay| {
        let mut batch = Batch::new(50, &spec, device()).unwrap();
        replay.sample(&mut batch, &mut stream(1, "test")).unwrap();
        let all =
            [batch.obs.tensor(), batch.next_obs.tensor()].map(|t| t.to_vec2::<f32>().unwrap());
        let rest = [&batch.rewards, &batch.continues].map(|t| t.tensor().to_vec1::<f32>().unwrap());
        (all, rest, batch.actions.tensor().to_vec1::<u32>().unwrap())
    };
    assert_eq!(sampled(&replay), sampled(&other));
}
