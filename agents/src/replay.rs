//! Replay buffer with uniform sampling (Lin 1992; Mnih et al. 2015, "Training algorithm").
mod store;

use anyhow::Result;
use bytemuck::cast_slice_mut;
use candle_core::Device;
use envs::{Element, End, Spec, Transition};
use nn::HostTensor;
use rand::Rng as _;
use store::Store;
use train::{BadValue, Checkpoint, FirstUpdate, Memory, Rng};

/// Replay buffer of the newest `capacity` transitions. Observations are stored in their own element type, so that
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
    /// If the device has no memory for it.
    pub fn new(size: usize, spec: &Spec, device: &Device) -> Result<Self> {
        Ok(Self {
            obs: HostTensor::new(spec.batch_shape(size), device)?,
            actions: HostTensor::new(size, device)?,
            rewards: HostTensor::new(size, device)?,
            next_obs: HostTensor::new(spec.batch_shape(size), device)?,
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

    /// Returns `true` if nothing was pushed yet.
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
    /// Errors of the device.
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

/// The first update of a learner that steps `stride` environments at once, waits for `warmup` transitions and updates
/// with every `train_every`th one.
pub(crate) fn first_update(warmup: u64, train_every: u64, stride: u64) -> FirstUpdate {
    let warm = warmup.next_multiple_of(stride);
    // The step that comes to `warm` updates if it passes a multiple of `train_every`.
    let unit = match warm / train_every > (warm - stride) / train_every {
        true => warm,
        false => (warm / train_every + 1)
            .saturating_mul(train_every)
            .div_ceil(stride)
            .saturating_mul(stride),
    };
    let waits_for = format!(
        "the first one comes after {unit} transitions (--warmup {warmup}, --train-every {train_every})"
    );
    FirstUpdate::at(unit, stride, waits_for)
}

#[cfg(test)]
mod tests;
