//! Value iteration (Bellman 1957; Sutton & Barto 2018, section 4.4).
//!
//! v(s) ← max_a [ r(s, a) + γ·Σ_s' p(s' | s, a)·v(s') ], in one of four orders. One step is a sweep:
//! as many backups as there are states.
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::{DiscountedMdp, q_by_state};
use crate::tabular::model::{Model, Predecessors, Settling, larger};
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use envs::Mdp;
use nn::onnx::Export;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split, stream};

train::hyper_parameters! {
    /// Hyper-parameters of [`ValueIteration`].
    pub struct ValueIterationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// Converged once no value changes by more than this part of itself in a sweep
        tolerance: f64 = 1e-10, in 0.0..;
        /// Order of backups: synchronous, in-place, random or prioritized
        order: SweepOrder = SweepOrder::Synchronous;
    }
}

/// Order of backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepOrder {
    /// All from the values of the sweep before.
    Synchronous,
    /// One after the other, each from the newest values (Gauss–Seidel).
    InPlace,
    /// States drawn at random (asynchronous value iteration, section 4.5).
    Random,
    /// The state whose value would change most (Moore & Atkeson 1993; section 8.4).
    Prioritized,
}

/// The values of an MDP, and how they are improved.
pub struct ValueIteration {
    config: ValueIterationConfig,
    problem: DiscountedMdp,
    /// v, `[S]`.
    values: Vec<f64>,
    /// v of the sweep before, `[S]`, where the order needs it.
    before: Vec<f64>,
    queue: Queue,
    rng: Rng,
    settling: Settling,
    /// Values of rests came out too high and are lowered after each sweep.
    lowers: bool,
    converged: bool,
}

impl ValueIteration {
    /// All values 0.
    ///
    /// # Errors
    /// Those of [`DiscountedMdp::to_solve`].
    pub fn new(mdp: &dyn Mdp, config: ValueIterationConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let problem = DiscountedMdp::to_solve(mdp, config.gamma)?;
        let values = vec![0.0; problem.model.n_states()];
        let queue = match config.order {
            SweepOrder::Prioritized => Queue::new(&problem, &values),
            _ => Queue::default(),
        };
        let before =
            if config.order == SweepOrder::Synchronous { values.clone() } else { Vec::new() };
        let rng = stream(seed, "order");
        let settling = Settling::default();
        Ok(Self {
            config,
            problem,
            values,
            before,
            queue,
            rng,
            settling,
            lowers: false,
            converged: false,
        })
    }

    /// The transitions.
    pub fn model(&self) -> &Model {
        &self.problem.model
    }

    /// v, `[S]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// One sweep; returns the largest change, or a bound on that of the next one, and whether all values
    /// have settled.
    fn sweep(&mut self) -> (f64, bool) {
        let Self { problem, values, before, queue, rng, settling, config, .. } = self;
        let (model, gamma, tolerance) = (&problem.model, problem.gamma, config.tolerance);
        let (residual, moving) = match config.order {
            SweepOrder::Synchronous => {
                std::mem::swap(values, before);
                let largest = model.sweep(before, values, gamma);
                let moved = |state| {
                    model.moved(state, [values[state], before[state]], values, gamma, tolerance)
                };
                return (largest, settling.settled(values, largest, moved));
            }
            SweepOrder::InPlace => {
                let (mut largest, mut moving) = (0.0, false);
                for state in 0..values.len() {
                    let old = values[state];
                    let new = model.backup(state, values, gamma);
                    values[state] = new;
                    largest = larger(largest, (new - old).abs());
                    moving = moving || model.moved(state, [new, old], values, gamma, tolerance);
                }
                (largest, moving)
            }
            SweepOrder::Random => {
                for _ in 0..values.len() {
                    let state = rng.random_range(0..values.len());
                    values[state] = model.backup(state, values, gamma);
                }
                model.residual(values, gamma, tolerance)
            }
            SweepOrder::Prioritized => {
                for _ in 0..values.len() {
                    let Some(state) = queue.pop() else { break };
                    values[state] = model.backup(state, values, gamma);
                    queue.push_predecessors(state, problem, values);
                }
                model.residual(values, gamma, tolerance)
            }
        };
        (residual, !moving)
    }

    /// Lowers the values of rests, where they are too high; whether that moved any of them.
    fn lower(&mut self) -> bool {
        let Self { problem, values, queue, config, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        let Some(rests) = &problem.rests else { return false };
        let worth = |pair, values: &[f64]| model.worth(pair, values, gamma);
        let moved = rests.lower(model, values, config.tolerance, worth);
        if moved && config.order == SweepOrder::Prioritized {
            queue.refill(problem, values);
        }
        moved
    }
}

impl Learner for ValueIteration {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        self.problem.forget_policy();
        let (residual, settled) = self.sweep();
        self.problem.check_finite(residual)?;
        log.scalar("train/residual", residual);
        log.updated();
        let lowered = (settled || self.lowers || self.settling.is_due()) && self.lower();
        self.lowers |= lowered;
        self.converged = settled && !lowered;
        Ok(Progress::towards_convergence(self.converged))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.problem.evaluation(&self.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.problem.forget_policy();
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.values))?;
        checkpoint.check(MODEL, "finite numbers are expected", || {
            self.values.iter().all(|value| value.is_finite())
        })?;
        checkpoint.bytes("before", cast_slice_mut(&mut self.before))?;
        checkpoint.check("before", "finite numbers are expected", || {
            self.before.iter().all(|value| value.is_finite())
        })?;
        self.queue.state(checkpoint)?;
        checkpoint.value("order", &mut self.rng)?;
        self.settling.state(checkpoint, self.values.len())?;
        checkpoint.value("lowers", &mut self.lowers)?;
        checkpoint.value("converged", &mut self.converged)
    }
}

/// States by how much their value would change: the largest first, of equals the first state.
#[derive(Default)]
struct Queue {
    /// Change of each state, `[S]`; 0 where it isn't waiting.
    changes: Vec<f64>,
    /// Changes as bits, which order numbers that are not negative, with their states. An entry
    /// counts only where it is the state's newest.
    heap: BinaryHeap<(u64, Reverse<usize>)>,
    predecessors: Predecessors,
}

impl Queue {
    fn new(problem: &DiscountedMdp, values: &[f64]) -> Self {
        let n = values.len();
        let predecessors = problem.model.predecessors();
        let mut queue = Self { changes: vec![0.0; n], heap: BinaryHeap::new(), predecessors };
        queue.refill(problem, values);
        queue
    }

    /// Queues every state whose value would change.
    fn refill(&mut self, problem: &DiscountedMdp, values: &[f64]) {
        (0..values.len()).for_each(|state| self.push(state, problem, values));
    }

    fn push(&mut self, state: usize, problem: &DiscountedMdp, values: &[f64]) {
        let new = problem.model.backup(state, values, problem.gamma);
        let change = (new - values[state]).abs();
        self.changes[state] = change;
        if change > 0.0 {
            self.heap.push((change.to_bits(), Reverse(state)));
        }
    }

    fn pop(&mut self) -> Option<usize> {
        loop {
            let (bits, Reverse(state)) = self.heap.pop()?;
            if self.changes[state].to_bits() == bits {
                self.changes[state] = 0.0;
                return Some(state);
            }
        }
    }

    fn push_predecessors(&mut self, state: usize, problem: &DiscountedMdp, values: &[f64]) {
        for i in self.predecessors.of(state) {
            self.push(self.predecessors.state(i), problem, values);
        }
    }

    /// The changes say it all: the heap is made again from them.
    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let n = self.changes.len();
        checkpoint.value("changes", &mut self.changes)?;
        let fits = self.changes.len() == n && self.changes.iter().all(|change| *change >= 0.0);
        if !fits {
            // So many the checkpoint before is to have, too.
            self.changes = vec![0.0; n];
        }
        let expected = format!("{n} changes, none negative, are expected");
        checkpoint.check("changes", &expected, || fits)?;
        let waiting = self.changes.iter().enumerate().filter(|(_, change)| **change > 0.0);
        self.heap = waiting.map(|(state, change)| (change.to_bits(), Reverse(state))).collect();
        Ok(())
    }
}

impl Agent for ValueIteration {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        self.problem.act(obs, actions, self.problem.worth(&self.values))
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.problem.table(&self.values, self.problem.worth(&self.values))))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        self.table(&self.problem.model)?.map(|table| q_by_state(&table, obs)).transpose()
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}
