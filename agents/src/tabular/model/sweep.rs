//! Sweeps over all states, by several threads.
//!
//! In a grid most states are like the one before: as many actions with the same rewards and
//! probabilities, and next states that lie as far off. Of such a *run* of states the rows are read
//! once, and values lie side by side, so that the compiler computes several at once. The numbers are
//! those of [`Model::backup`], to the last bit.
use super::sparse::{LANES, Model};
use rayon::prelude::*;
use std::ops::Range;

/// States in a piece of work for one thread.
pub(super) const CHUNK: usize = 1 << 12;

/// Writes `f(i)` to each `to[i]` and returns the largest change from `old[i]`, NaN where a number is
/// not finite. Which thread does
/// what shows nowhere: every number is computed from `f` alone, and a maximum has no order.
pub(in crate::tabular) fn sweep(
    old: &[f64],
    to: &mut [f64],
    f: impl Fn(usize) -> f64 + Sync,
) -> f64 {
    sweep_chunks(old, to, |first, to| {
        to.iter_mut().enumerate().for_each(|(i, to)| *to = f(first + i));
    })
}

/// [`sweep`] by pieces: `f(i, to)` fills a piece of `to` that begins at `i`.
fn sweep_chunks(old: &[f64], to: &mut [f64], f: impl Fn(usize, &mut [f64]) + Sync) -> f64 {
    let chunks = to.par_chunks_mut(CHUNK).zip(old.par_chunks(CHUNK)).enumerate();
    let largest = chunks.map(|(chunk, (to, old))| {
        f(chunk * CHUNK, to);
        largest_change(to, old)
    });
    largest.reduce(|| 0.0, larger)
}

/// The largest change from `old` to `new`; NaN where a number is not finite.
fn largest_change(new: &[f64], old: &[f64]) -> f64 {
    let ((new, new_rest), (old, old_rest)) = (new.as_chunks::<LANES>(), old.as_chunks::<LANES>());
    let (mut largest, mut broken) = ([0.0; LANES], [0.0; LANES]);
    for (new, old) in new.iter().zip(old) {
        for i in 0..LANES {
            let change = (new[i] - old[i]).abs();
            largest[i] = if change > largest[i] { change } else { largest[i] };
            // 0 as long as numbers are finite, and NaN ever after one is not.
            broken[i] += 0.0 * change;
        }
    }
    let rest = new_rest.iter().zip(old_rest).map(|(new, old)| (new - old).abs());
    let all = largest.into_iter().chain(broken).chain(rest).fold(0.0, larger);
    if all.is_finite() { all } else { f64::NAN }
}

/// The larger number; NaN comes through, which `f64::max` would not let it.
pub(in crate::tabular) fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

impl Model {
    /// `to[s]` ← max_a Q(s, a) for every state; returns the largest change, NaN where one is not finite.
    pub(in crate::tabular) fn sweep(&self, values: &[f64], to: &mut [f64], gamma: f64) -> f64 {
        sweep_chunks(values, to, |first, to| self.backups(first, values, to, gamma))
    }

    /// [`backup`](Self::backup) of the states from `first` on.
    fn backups(&self, first: usize, values: &[f64], to: &mut [f64], gamma: f64) {
        let end = first + to.len();
        let mut run = self.runs.partition_point(|run| run.end as usize <= first);
        let mut state = first;
        while state < end {
            let begins = self.runs.get(run).map_or(end, |run| run.start as usize).clamp(state, end);
            self.backups_one_by_one(state, values, &mut to[state - first..begins - first], gamma);
            let ends = self.runs.get(run).map_or(end, |run| run.end as usize).min(end);
            if begins < ends {
                self.backups_alike(begins, values, &mut to[begins - first..ends - first], gamma);
            }
            (state, run) = (ends, run + 1);
        }
    }

    /// [`backups`](Self::backups) of a run of states that are like the first.
    fn backups_alike(&self, first: usize, values: &[f64], to: &mut [f64], gamma: f64) {
        let pairs = self.pairs(first);
        let (blocks, rest) = to.as_chunks_mut::<LANES>();
        let begin = first + blocks.len() * LANES;
        for (block, to) in blocks.iter_mut().enumerate() {
            let values = &values[block * LANES..];
            *to = [if pairs.is_empty() { 0.0 } else { f64::NEG_INFINITY }; LANES];
            for pair in pairs.clone() {
                let mut expected = [-0.0; LANES];
                for (next, prob) in self.entries(pair) {
                    let values = &values[next..next + LANES];
                    expected.iter_mut().zip(values).for_each(|(sum, value)| *sum += prob * value);
                }
                let reward = self.pair_reward[pair];
                for (best, expected) in to.iter_mut().zip(expected) {
                    let q = reward + gamma * expected;
                    *best = if q > *best { q } else { *best };
                }
            }
        }
        self.backups_one_by_one(begin, values, rest, gamma);
    }

    /// [`backups`](Self::backups) of any states, with rows read one after the other: to look each up would
    /// cost more than to compute it.
    fn backups_one_by_one(&self, first: usize, values: &[f64], to: &mut [f64], gamma: f64) {
        let pairs = &self.state_pairs[first..=first + to.len()];
        let mut pair = pairs[0] as usize;
        let mut entry = self.pair_entries[pair] as usize;
        for (to, &end) in to.iter_mut().zip(&pairs[1..]) {
            let end = end as usize;
            let mut best = if pair == end { 0.0 } else { f64::NEG_INFINITY };
            let ends = &self.pair_entries[pair + 1..=end];
            for (&row_end, reward) in ends.iter().zip(&self.pair_reward[pair..end]) {
                let row = entry..row_end as usize;
                let (next, probs) = (&self.entry_next[row.clone()], &self.entry_prob[row]);
                let value = |next: &u32| values[*next as usize];
                let expected = match (next, probs) {
                    // Most often there are three, and without a loop they are added faster.
                    ([a, b, c], [p, q, r]) => p * value(a) + q * value(b) + r * value(c),
                    _ => next.iter().zip(probs).map(|(next, prob)| prob * value(next)).sum(),
                };
                let q = reward + gamma * expected;
                best = if q > best { q } else { best };
                entry = row_end as usize;
            }
            (*to, pair) = (best, end);
        }
    }

    /// Bytes that a sweep reads or writes, each number once: the rows of a run hardly count.
    pub fn sweep_bytes(&self) -> usize {
        let rows = |states: Range<usize>| {
            let pairs =
                self.state_pairs[states.start] as usize..self.state_pairs[states.end] as usize;
            let entries = self.pair_entries[pairs.end] - self.pair_entries[pairs.start];
            4 * states.len() + 12 * pairs.len() + 12 * entries as usize
        };
        let run = |run: &Range<u32>| rows(run.start as usize..run.end as usize);
        let values = 16 * self.n_states();
        values + rows(0..self.n_states()) - self.runs.iter().map(run).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{Garnet, GarnetConfig, GridConfig, GridWorld, Layout, Mdp, Taxi};
    use rand::Rng as _;
    use train::stream;

    fn open(width: usize, height: usize) -> Box<dyn Mdp> {
        let (width, height) = (Some(width), Some(height));
        let config = GridConfig { width, height, ..GridConfig::of(Layout::Open) };
        Box::new(GridWorld::new(&config).unwrap())
    }

    fn random(branching: usize) -> Box<dyn Mdp> {
        let config = GarnetConfig { states: 5_000, branching, ..Default::default() };
        Box::new(Garnet::new(config).unwrap())
    }

    #[test]
    fn a_sweep_is_a_backup_of_each_state() {
        // Chunks begin and end within runs of the wide grid.
        let grids = [open(3_000, 3), open(13, 400), open(7, 5)];
        let mazes = Layout::ALL.map(|layout| GridWorld::new(&GridConfig::of(layout)).unwrap());
        let mazes = mazes.into_iter().map(|maze| Box::new(maze) as Box<dyn Mdp>);
        let others: [Box<dyn Mdp>; 3] = [random(3), random(5), Box::new(Taxi::default())];
        let mut rng = stream(1, "test");
        for mdp in grids.into_iter().chain(mazes).chain(others) {
            let model = Model::new(&*mdp).unwrap();
            let values: Vec<f64> =
                (0..model.n_states()).map(|_| rng.random_range(-9.0..9.0)).collect();
            let mut swept = vec![f64::NAN; values.len()];
            let residual = model.sweep(&values, &mut swept, 0.9);
            for (state, swept) in swept.iter().enumerate() {
                let backup = model.backup(state, &values, 0.9);
                assert_eq!(swept.to_bits(), backup.to_bits(), "state {state}");
            }
            assert_eq!(residual, model.residual(&values, 0.9, 1e-9).0);
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_shows_in_the_residual() {
        let model = Model::new(&*open(20, 20)).unwrap();
        let mut values = vec![0.0; model.n_states()];
        values[25] = f64::NAN;
        assert!(model.sweep(&values, &mut vec![0.0; values.len()], 0.9).is_nan());
    }

    #[test]
    fn rows_of_a_grid_are_runs() {
        // Ten states a row, of which those at the sides differ from the eight between; the exit is at
        // one of the corners.
        let model = Model::new(&*open(10, 4)).unwrap();
        let runs: Vec<_> = model.runs.iter().map(|run| (run.start, run.end)).collect();
        assert_eq!(runs, [(1, 9), (11, 19), (21, 29), (31, 39)]);
        assert_eq!(Model::new(&*random(3)).unwrap().runs, []);
        let read = |model: &Model| model.sweep_bytes() - 16 * model.n_states();
        let random = Model::new(&*random(3)).unwrap();
        assert_eq!(read(&random), 4 * 5_000 + 12 * (20_000 + random.n_entries()));
        assert!(read(&model) < (4 + 12 * 4 * 4) * (model.n_states() - 32));
    }
}
