//! Uniform experience replay (Lin 1992; Mnih et al. 2015, "Training algorithm").
use anyhow::Result;
use bytemuck::cast_slice_mut;
use candle_core::Device;
use envs::{Element, End, Spec, Transition};
use nn::HostTensor;
use rand::Rng as _;
use train::{Checkpoint, Rng};

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
    /// Room for `capacity` transitions, taken here and now.
    pub fn new(capacity: usize, spec: &Spec) -> Self {
        Self {
            capacity,
            pushed: 0,
            obs: Store::new(capacity, spec),
            next_obs: Store::new(capacity, spec),
            actions: vec![0; capacity],
            rewards: vec![0.0; capacity],
            continues: vec![0.0; capacity],
        }
    }

    /// Transitions held.
    pub fn len(&self) -> usize {
        self.capacity.min(self.pushed as usize)
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.pushed == 0
    }

    /// Adds one, over the oldest where full.
    pub fn push(&mut self, transition: &Transition<'_>) {
        let row = (self.pushed % self.capacity as u64) as usize;
        self.obs.write(row, transition.obs);
        self.next_obs.write(row, transition.next_obs);
        self.actions[row] = transition.action as u32;
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

    /// Saves or loads the transitions held.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.value(&format!("{name}-pushed"), &mut self.pushed)?;
        let len = self.len();
        let mut part =
            |part: &str, bytes: &mut [u8]| checkpoint.bytes(&format!("{name}-{part}"), bytes);
        part("obs", self.obs.bytes(len))?;
        part("next_obs", self.next_obs.bytes(len))?;
        part("actions", cast_slice_mut(&mut self.actions[..len]))?;
        part("rewards", cast_slice_mut(&mut self.rewards[..len]))?;
        part("continues", cast_slice_mut(&mut self.continues[..len]))
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
