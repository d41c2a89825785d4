//! Replay buffer (Lin 1992; Mnih et al. 2015, "Training algorithm"), sampled uniformly or by priority, for returns over
//! one step or several.
mod n_step;
mod priorities;
mod store;
mod sum_tree;

use crate::masks;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use candle_core::Device;
use envs::{Element, End, Spec, Transition};
use n_step::{n_step_return, rows_from};
use nn::HostTensor;
use priorities::Priorities;
use rand::Rng as _;
use store::Store;
use sum_tree::SumTree;
use train::{BadValue, Checkpoint, FirstUpdate, Memory, Rng};

/// Returns that a [`Replay`] gives out, and the order in which it does.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Discount γ.
    pub gamma: f64,
    /// Steps of a return, at most.
    pub n_step: usize,
    /// Copies of the environment: each of their steps pushes a transition of every one, in turn.
    pub copies: usize,
    /// α of prioritized sampling; `None` samples uniformly.
    pub alpha: Option<f64>,
    /// Some actions are not allowed in some states, and the replay remembers which.
    pub masked: bool,
}

impl Sampling {
    /// Single transitions of one copy, drawn uniformly.
    pub fn uniform(gamma: f64) -> Self {
        Self { gamma, n_step: 1, copies: 1, alpha: None, masked: false }
    }

    /// Bytes of so many transitions, beside [`Replay::bytes_of_one`] for each.
    fn bytes(&self, capacity: usize, spec: &Spec) -> usize {
        let cut = if self.n_step > 1 { 1 } else { 0 };
        let masks = if self.masked { spec.n_actions().div_ceil(64) * size_of::<u64>() } else { 0 };
        let tree = self.alpha.map_or(0, |_| SumTree::bytes(capacity));
        capacity.saturating_mul(cut + masks).saturating_add(tree)
    }
}

/// Replay buffer of the newest `capacity` transitions. Observations are stored in their own element type, so that
/// one of bits takes a 32nd of the memory it would as `f32`.
pub struct Replay {
    capacity: usize,
    sampling: Sampling,
    pushed: u64,
    obs: Store,
    next_obs: Store,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    continues: Vec<f32>,
    /// 1 where an episode ended, in whichever way; empty for returns over one step.
    cut: Vec<u8>,
    /// Actions allowed after the transition, one bit each, with a row of them to write.
    allowed: Option<(Store, Vec<f32>)>,
    priorities: Option<Priorities>,
}

/// `B` transitions, or returns over several, refilled in place by [`Replay::sample`].
pub struct Batch {
    /// `[B, …]`
    pub obs: HostTensor<f32>,
    /// `[B]`
    pub actions: HostTensor<u32>,
    /// The return of the next k steps, R = Σᵢ γⁱ·rᵢ: with k = 1 the reward. `[B]`
    pub rewards: HostTensor<f32>,
    /// Observation after those k steps, `[B, …]`.
    pub next_obs: HostTensor<f32>,
    /// γᵏ, or 0 where `next_obs` is terminal. A time limit leaves it γᵏ. `[B]`
    pub discounts: HostTensor<f32>,
    /// 0 for each action that is allowed at `next_obs`, a large negative number for the others, `[B, A]`; `None` where
    /// all always are.
    pub next_masks: Option<HostTensor<f32>>,
    /// Weights of the transitions in the loss, `[B]`; `None` for uniform sampling.
    pub weights: Option<HostTensor<f32>>,
    rows: Vec<usize>,
    /// The row of the last step of each return, where they have several.
    last: Vec<usize>,
    /// R and k of each.
    returns: Vec<(f32, usize)>,
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
    pub fn new(capacity: usize, spec: &Spec, sampling: Sampling) -> Result<Self, BadValue> {
        let mut memory = Memory::default();
        memory.part("replay", capacity, [capacity, Self::bytes_of_one(spec)]);
        memory.part("replay", capacity, [sampling.bytes(capacity, spec)]);
        memory.check()?;
        let store = || Store::new(capacity, spec.obs_len(), spec.element);
        let masks =
            || (Store::new(capacity, spec.n_actions(), Element::Bit), vec![0.0; spec.n_actions()]);
        Ok(Self {
            capacity,
            sampling,
            pushed: 0,
            obs: store(),
            next_obs: store(),
            actions: vec![0; capacity],
            rewards: vec![0.0; capacity],
            continues: vec![0.0; capacity],
            cut: vec![0; if sampling.n_step > 1 { capacity } else { 0 }],
            allowed: sampling.masked.then(masks),
            priorities: sampling.alpha.map(|alpha| Priorities::new(capacity, alpha)),
        })
    }

    /// Room for `size` of its transitions.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn batch(&self, size: usize, spec: &Spec, device: &Device) -> Result<Batch> {
        let masks = || HostTensor::new((size, spec.n_actions()), device);
        Ok(Batch {
            obs: HostTensor::new(spec.batch_shape(size), device)?,
            actions: HostTensor::new(size, device)?,
            rewards: HostTensor::new(size, device)?,
            next_obs: HostTensor::new(spec.batch_shape(size), device)?,
            discounts: HostTensor::new(size, device)?,
            next_masks: self.sampling.masked.then(masks).transpose()?,
            weights: self
                .priorities
                .is_some()
                .then(|| HostTensor::new(size, device))
                .transpose()?,
            rows: vec![0; size],
            last: Vec::new(),
            returns: Vec::new(),
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
        if self.sampling.n_step > 1 {
            self.cut[row] = u8::from(transition.end != End::Not);
        }
        if let Some((store, allowed)) = &mut self.allowed {
            let bits = masks::allowed(transition.env, allowed.len());
            allowed.iter_mut().zip(bits).for_each(|(to, bit)| *to = f32::from(u8::from(bit)));
            store.write(row, allowed);
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.push(row);
        }
        self.pushed += 1;
    }

    /// Marks the newest transition of the copy `index` as the last of its episode, whose next step is lost.
    pub(crate) fn cut(&mut self, index: usize) {
        let before = (self.sampling.copies - index) as u64;
        if self.sampling.n_step > 1 && self.pushed >= before {
            self.cut[((self.pushed - before) % self.capacity as u64) as usize] = 1;
        }
    }

    /// Fills `batch` with transitions drawn with replacement, uniformly or by priority, for which `beta` is the
    /// exponent of their weights. There must be one.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn sample(&self, batch: &mut Batch, beta: f64, rng: &mut Rng) -> Result<()> {
        let Batch { rows, .. } = batch;
        match &self.priorities {
            None => rows.fill_with(|| rng.random_range(0..self.len())),
            Some(priorities) => priorities.sample(rows, rng),
        }
        if let (Some(priorities), Some(weights)) = (&self.priorities, &mut batch.weights) {
            weights.fill(|to| priorities.weights(rows, self.len(), beta, to))?;
        }
        batch.obs.fill(|to| self.obs.gather(rows, to))?;
        batch.actions.fill(|to| pick(&self.actions, rows, to))?;
        match self.sampling.n_step {
            1 => {
                batch.rewards.fill(|to| pick(&self.rewards, rows, to))?;
                let gamma = self.sampling.gamma as f32;
                batch.discounts.fill(|to| {
                    pick(&self.continues, rows, to);
                    to.iter_mut().for_each(|continues| *continues *= gamma);
                })?;
            }
            _ => self.sample_returns(batch)?,
        }
        let last = if self.sampling.n_step == 1 { &batch.rows } else { &batch.last };
        batch.next_obs.fill(|to| self.next_obs.gather(last, to))?;
        if let (Some((store, _)), Some(next_masks)) = (&self.allowed, &mut batch.next_masks) {
            next_masks.fill(|to| {
                store.gather(last, to);
                to.iter_mut().for_each(|bit| *bit = masks::added(*bit != 0.0));
            })?;
        }
        Ok(())
    }

    /// Returns over several steps of the rows of `batch`, with the row that each comes to.
    fn sample_returns(&self, batch: &mut Batch) -> Result<()> {
        let Sampling { gamma, n_step, copies, .. } = self.sampling;
        let Batch { rows, last, returns, .. } = batch;
        last.clear();
        returns.clear();
        for &row in &*rows {
            let following = || rows_from(row, n_step, (self.pushed, self.capacity, copies));
            let steps = following().map(|row| (self.rewards[row], self.cut[row] == 1));
            let (ret, k) = n_step_return(steps, gamma);
            last.push(following().nth(k - 1).unwrap_or(row));
            returns.push((ret, k));
        }
        batch.rewards.fill(|to| {
            to.iter_mut().zip(&*returns).for_each(|(to, (ret, _))| *to = *ret);
        })?;
        batch.discounts.fill(|to| {
            for ((to, (_, k)), &row) in to.iter_mut().zip(&*returns).zip(&*last) {
                *to = gamma.powi(*k as i32) as f32 * self.continues[row];
            }
        })?;
        Ok(())
    }

    /// Sets the priorities of the transitions in `batch` by their errors `[B]`, if it samples by priority.
    pub(crate) fn learned(&mut self, batch: &Batch, errors: &[f32]) {
        if let Some(priorities) = &mut self.priorities {
            priorities.update(&batch.rows, errors);
        }
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
        if self.sampling.n_step > 1 {
            part("cut", &mut self.cut[..len])?;
        }
        if let Some((store, _)) = &mut self.allowed {
            part("allowed", store.bytes(len))?;
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.state(&format!("{name}-priorities"), len, checkpoint)?;
        }
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
        })?;
        if self.sampling.n_step > 1 {
            let cut = &self.cut[..len];
            checkpoint.check(&format!("{name}-cut"), "0 and 1 are expected", || {
                cut.iter().all(|cut| *cut < 2)
            })?;
        }
        if let Some((store, allowed)) = &mut self.allowed {
            let mut any = |row: usize| {
                store.gather(&[row], allowed);
                allowed.contains(&1.0)
            };
            let continues = &self.continues[..len];
            let mut going = (0..len).filter(|&row| continues[row] == 1.0);
            let expected = "an action in every state that is not terminal is expected";
            checkpoint.check(&format!("{name}-allowed"), expected, || going.all(&mut any))?;
        }
        Ok(())
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
