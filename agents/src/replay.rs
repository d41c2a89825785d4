//! Uniform experience replay (Lin 1992; Mnih et al. 2015, "Training algorithm").
use anyhow::Result;
use bytemuck::cast_slice_mut;
use candle_core::Device;
use envs::{Element, End, Spec, Transition};
use nn::HostTensor;
use rand::Rng as _;
use train::{BadValue, Checkpoint, Memory, Rng};

/// The newest `capacity` transitions. Observations are stored in their own element type, so that
/// one of bits takes a 32nd of the memory it would as `f32`.
pub struct Replay {
    capacity: usize,
    pushed: u64,
    obs: Store,
    next_obs: Store,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    continues: Vec<f32>,
}

/// `B` transitions, refilled in place by [`Replay::sample`].
pub struct Batch {
    /// `[B, …]`
    pub obs: HostTensor<f32>,
    /// `[B]`
    pub actions: HostTensor<u32>,
    /// `[B]`
    pub rewards: HostTensor<f32>,
    /// `[B, …]`
    pub next_obs: HostTensor<f32>,
    /// `[B]`: 0 where `next_obs` is terminal, else 1. A time limit leaves it 1.
    pub continues: HostTensor<f32>,
    rows: Vec<usize>,
}

impl Batch {
    /// Room for `size` transitions.
    ///
    /// # Errors
    /// Where the device has no memory for it.
    pub fn new(size: usize, spec: &Spec, device: &Device) -> Result<Self> {
        let obs_shape: Vec<_> = [size].iter().chain(&spec.obs_shape).copied().collect();
        Ok(Self {
            obs: HostTensor::new(obs_shape.as_slice(), device)?,
            actions: HostTensor::new(size, device)?,
            rewards: HostTensor::new(size, device)?,
            next_obs: HostTensor::new(obs_shape, device)?,
            continues: HostTensor::new(size, device)?,
            rows: vec![0; size],
        })
    }
}

impl Replay {
    /// Bytes of a transition.
    pub fn bytes_of_one(spec: &Spec) -> usize {
        let obs = match spec.element {
            Element::Bit => spec.obs_len().div_ceil(64) * size_of::<u64>(),
            Element::Byte => spec.obs_len(),
            Element::Float => spec.obs_len() * size_of::<f32>(),
        };
        2 * obs + 3 * size_of::<f32>()
    }

    /// Room for `capacity` transitions, taken here and now.
    ///
    /// # Errors
    /// [`BadValue`] where there is not so much memory.
    pub fn new(capacity: usize, spec: &Spec) -> Result<Self, BadValue> {
        let mut memory = Memory::default();
        memory.part("replay", capacity, [capacity, Self::bytes_of_one(spec)]);
        memory.check()?;
        Ok(Self {
            capacity,
            pushed: 0,
            obs: Store::new(capacity, spec),
            next_obs: Store::new(capacity, spec),
            actions: vec![0; capacity],
            rewards: vec![0.0; capacity],
            continues: vec![0.0; capacity],
        })
    }

    /// Transitions held.
    pub fn len(&self) -> usize {
        self.capacity.min(self.pushed as usize)
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.pushed == 0
    }

    /// Adds one with a numbered action, over the oldest where full.
    pub fn push(&mut self, transition: &Transition<'_>) {
        let row = (self.pushed % self.capacity as u64) as usize;
        self.obs.write(row, transition.obs);
        self.next_obs.write(row, transition.next_obs);
        self.actions[row] = transition.action.discrete() as u32;
        self.rewards[row] = transition.reward;
        self.continues[row] = match transition.end {
            End::Terminated => 0.0,
            End::Not | End::Truncated => 1.0,
        };
        self.pushed += 1;
    }

    /// Fills `batch` with transitions drawn uniformly, with replacement. There must be one.
    ///
    /// # Errors
    /// What the device reports.
    pub fn sample(&self, batch: &mut Batch, rng: &mut Rng) -> Result<()> {
        let Batch { obs, actions, rewards, next_obs, continues, rows } = batch;
        rows.fill_with(|| rng.random_range(0..self.len()));
        obs.fill(|to| self.obs.gather(rows, to))?;
        next_obs.fill(|to| self.next_obs.gather(rows, to))?;
        actions.fill(|to| pick(&self.actions, rows, to))?;
        rewards.fill(|to| pick(&self.rewards, rows, to))?;
        continues.fill(|to| pick(&self.continues, rows, to))?;
        Ok(())
    }

    /// Saves or loads the transitions held, with `n_actions` actions.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(
        &mut self,
        name: &str,
        n_actions: usize,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        checkpoint.count(&format!("{name}-pushed"), &mut self.pushed)?;
        let len = self.len();
        let mut part =
            |part: &str, bytes: &mut [u8]| checkpoint.bytes(&format!("{name}-{part}"), bytes);
        part("obs", self.obs.bytes(len))?;
        part("next_obs", self.next_obs.bytes(len))?;
        part("actions", cast_slice_mut(&mut self.actions[..len]))?;
        part("rewards", cast_slice_mut(&mut self.rewards[..len]))?;
        part("continues", cast_slice_mut(&mut self.continues[..len]))?;
        let known = |action: &u32| (*action as usize) < n_actions;
        let expected = format!("actions below {n_actions} are expected");
        checkpoint.check(&format!("{name}-actions"), &expected, || {
            self.actions[..len].iter().all(known)
        })?;
        let numbers = self.rewards[..len].iter().chain(self.obs.floats(len));
        let mut numbers = numbers.chain(self.next_obs.floats(len));
        checkpoint.check(name, "finite rewards and observations are expected", || {
            numbers.all(|number| number.is_finite())
        })?;
        checkpoint.check(&format!("{name}-continues"), "0 and 1 are expected", || {
            self.continues[..len].iter().all(|continues| [0.0, 1.0].contains(continues))
        })
    }
}

fn pick<T: Copy>(from: &[T], rows: &[usize], to: &mut [T]) {
    for (to, &row) in to.iter_mut().zip(rows) {
        *to = from[row];
    }
}

/// Observations, one row each, in their own element type.
struct Store {
    /// Floats in an observation.
    obs_len: usize,
    rows: Rows,
}

enum Rows {
    /// The 64 observations' elements of a word, lowest bit first.
    Bits(Vec<u64>),
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Store {
    fn new(capacity: usize, spec: &Spec) -> Self {
        let obs_len = spec.obs_len();
        let rows = match spec.element {
            Element::Bit => Rows::Bits(vec![0; capacity * obs_len.div_ceil(64)]),
            Element::Byte => Rows::Bytes(vec![0; capacity * obs_len]),
            Element::Float => Rows::Floats(vec![0.0; capacity * obs_len]),
        };
        Self { obs_len, rows }
    }

    fn write(&mut self, row: usize, obs: &[f32]) {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        match &mut self.rows {
            Rows::Bits(rows) => {
                for (word, bits) in rows[row * words..][..words].iter_mut().zip(obs.chunks(64)) {
                    *word =
                        bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit != 0.0));
                }
            }
            Rows::Bytes(rows) => {
                for (to, &value) in rows[row * n..][..n].iter_mut().zip(obs) {
                    *to = value as u8;
                }
            }
            Rows::Floats(rows) => rows[row * n..][..n].copy_from_slice(obs),
        }
    }

    /// Writes the observations in `rows` one after the other, `[rows, obs_len]`.
    fn gather(&self, rows: &[usize], to: &mut [f32]) {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        for (to, &row) in to.chunks_exact_mut(n).zip(rows) {
            match &self.rows {
                Rows::Bits(from) => {
                    for (to, &word) in to.chunks_mut(64).zip(&from[row * words..][..words]) {
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = (word >> i & 1) as f32;
                        }
                    }
                }
                Rows::Bytes(from) => {
                    for (to, &value) in to.iter_mut().zip(&from[row * n..][..n]) {
                        *to = f32::from(value);
                    }
                }
                Rows::Floats(from) => to.copy_from_slice(&from[row * n..][..n]),
            }
        }
    }

    /// The numbers of the first `len` rows, where they are such as may be none.
    fn floats(&self, len: usize) -> &[f32] {
        match &self.rows {
            Rows::Floats(rows) => &rows[..len * self.obs_len],
            Rows::Bits(_) | Rows::Bytes(_) => &[],
        }
    }

    /// The bytes of the first `len` rows.
    fn bytes(&mut self, len: usize) -> &mut [u8] {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        match &mut self.rows {
            Rows::Bits(rows) => cast_slice_mut(&mut rows[..len * words]),
            Rows::Bytes(rows) => &mut rows[..len * n],
            Rows::Floats(rows) => cast_slice_mut(&mut rows[..len * n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{Action, Catch, Env};
    use train::stream;

    fn spec(obs_len: usize, element: Element) -> Spec {
        Spec {
            obs_shape: vec![obs_len],
            element,
            actions: Spec::names(&["a", "b"]),
            time_limit: None,
            two_returns: None,
        }
    }

    /// Transition `i`: everything in it can be told from `i`.
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
        vec![i as f32, 255.0 - i as f32]
    }

    fn floats(i: usize) -> Vec<f32> {
        vec![i as f32 / 3.0, -1e9]
    }

    #[test]
    fn every_element_type_comes_back_exactly_from_the_newest() {
        let makers: [fn(usize) -> Vec<f32>; 3] = [bits, bytes, floats];
        for (element, obs_of) in
            [Element::Bit, Element::Byte, Element::Float].into_iter().zip(makers)
        {
            let spec = spec(obs_of(0).len(), element);
            let mut replay = Replay::new(10, &spec).unwrap();
            (0..25).for_each(|i| push(&mut replay, i, End::Not, obs_of));
            assert_eq!(replay.len(), 10);
            let mut batch = Batch::new(200, &spec, &Device::Cpu).unwrap();
            replay.sample(&mut batch, &mut stream(1, "test")).unwrap();
            let rewards = batch.rewards.tensor().to_vec1::<f32>().unwrap();
            let obs = batch.obs.tensor().to_vec2::<f32>().unwrap();
            let next_obs = batch.next_obs.tensor().to_vec2::<f32>().unwrap();
            let actions = batch.actions.tensor().to_vec1::<u32>().unwrap();
            let mut drawn: Vec<_> = rewards.iter().map(|reward| *reward as usize).collect();
            for (row, &i) in drawn.iter().enumerate() {
                assert_eq!(obs[row], obs_of(i));
                assert_eq!(next_obs[row], obs_of(i + 1));
                assert_eq!(actions[row] as usize, i % 2);
            }
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn, (15..25).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_termination_stops_the_bootstrap() {
        for (end, expected) in [(End::Not, 1.0), (End::Truncated, 1.0), (End::Terminated, 0.0)] {
            let spec = spec(2, Element::Float);
            let mut replay = Replay::new(1, &spec).unwrap();
            push(&mut replay, 0, end, floats);
            let mut batch = Batch::new(1, &spec, &Device::Cpu).unwrap();
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
        let drawn = |replay: &Replay| {
            let mut batch = Batch::new(50, &spec, &Device::Cpu).unwrap();
            replay.sample(&mut batch, &mut stream(1, "test")).unwrap();
            let all =
                [batch.obs.tensor(), batch.next_obs.tensor()].map(|t| t.to_vec2::<f32>().unwrap());
            let rest =
                [&batch.rewards, &batch.continues].map(|t| t.tensor().to_vec1::<f32>().unwrap());
            (all, rest, batch.actions.tensor().to_vec1::<u32>().unwrap())
        };
        assert_eq!(drawn(&replay), drawn(&other));
    }
}
