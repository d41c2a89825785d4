//! Collected transitions, and the regression of values on them.
use anyhow::{Result, anyhow};
use envs::{Element, End, Env, Spec, VecEnv};
use faer::Side;
use faer::linalg::solvers::{Llt, Solve as _};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use train::{Log, Memory, Rng};

/// Features that are not 0, (place, value), row after row.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SparseRows {
    ends: Vec<usize>,
    features: Vec<(usize, f64)>,
}

impl SparseRows {
    /// Returns `true` if these are `n` rows of finite features below `features`.
    fn fit(&self, n: usize, features: usize) -> bool {
        let known = |(place, x): &(usize, f64)| *place < features && x.is_finite();
        self.ends.len() == n
            && self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) == self.features.len()
            && self.features.iter().all(known)
    }

    pub(super) fn push(&mut self, row: impl Iterator<Item = (usize, f64)>) {
        self.features.extend(row);
        self.ends.push(self.features.len());
    }

    pub(super) fn row(&self, i: usize) -> &[(usize, f64)] {
        let begin = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.features[begin..self.ends[i]]
    }
}

/// The transitions that were collected.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Samples {
    /// x(s).
    pub(super) now: SparseRows,
    pub(super) actions: Vec<usize>,
    pub(super) rewards: Vec<f64>,
    /// x(s'); empty where s' is terminal.
    pub(super) next: SparseRows,
    /// Actions that s' does not have, as (sample, action).
    pub(super) unavailable: Vec<(usize, usize)>,
}

impl Samples {
    /// q(s, a) of a sample by `weights`, `[D, A]`.
    pub(super) fn prediction(&self, sample: usize, weights: &[f64], n_actions: usize) -> f64 {
        let action = self.actions[sample];
        let row = self.now.row(sample).iter();
        row.map(|(i, x)| x * weights[i * n_actions + action]).sum()
    }

    /// Sum of the magnitudes that a prediction adds up.
    pub(super) fn magnitude(&self, sample: usize, weights: &[f64], n_actions: usize) -> f64 {
        let action = self.actions[sample];
        let row = self.now.row(sample).iter();
        row.map(|(i, x)| (x * weights[i * n_actions + action]).abs()).sum()
    }

    /// Returns `true` if these are `n` whole samples of so many features and actions; with `states`
    /// each has a state's number.
    pub(super) fn fit(&self, [n, features, actions]: [usize; 3], states: bool) -> bool {
        let one =
            |rows: &SparseRows, least| (0..n).all(|i| (least..=1).contains(&rows.row(i).len()));
        self.now.fit(n, features)
            && self.next.fit(n, features)
            && (!states || one(&self.now, 1) && one(&self.next, 0))
            && self.actions.len() == n
            && self.actions.iter().all(|action| *action < actions)
            && self.rewards.len() == n
            && self.rewards.iter().all(|reward| reward.is_finite())
            && self.unavailable.iter().all(|(sample, action)| *sample < n && *action < actions)
    }
}

/// Memory of `n` samples, and of least squares in `dims` features; of a table where these are `None`.
pub(super) fn memory(spec: &Spec, n: usize, dims: Option<usize>, n_actions: usize) -> Memory {
    let mut memory = Memory::default();
    // Most features that are numbers differ from 0, few of bits do.
    let features = match (dims, spec.element) {
        (None, _) => 1,
        (Some(dims), Element::Float) => dims,
        (Some(dims), Element::Bit | Element::Byte) => dims.min(8),
    };
    let row = 2 * (size_of::<(usize, f64)>() * features + size_of::<usize>());
    memory.part("samples", n, [n, row + 2 * size_of::<f64>()]);
    if let Some(dims) = dims {
        let squares = [dims, dims, n_actions + 1, size_of::<f64>()];
        memory.part("values", format!("linear in {dims} numbers"), squares);
    }
    memory
}

/// Collects `n` transitions of an environment of one copy by actions that `rng` draws uniformly;
/// `features(obs, env, row)` writes x(s).
pub(super) fn collect(
    mut env: VecEnv,
    mut rng: Rng,
    n: usize,
    mut features: impl FnMut(&[f32], &dyn Env, &mut Vec<(usize, f64)>) -> Result<()>,
    log: &mut Log,
) -> Result<Samples> {
    let n_actions = env.spec().n_actions();
    let mut samples = Samples::default();
    let (mut now, mut next) = (Vec::new(), Vec::new());
    for sample in 0..n {
        features(env.obs(), env.env(0), &mut now)?;
        samples.now.push(now.iter().copied());
        let action = any_action(env.env(0), n_actions, &mut rng);
        let mut result = Ok(());
        env.step(&[action], |transition| {
            samples.actions.push(action);
            samples.rewards.push(transition.reward.into());
            next.clear();
            if transition.end != End::Terminated {
                result = features(transition.next_obs, transition.env, &mut next);
                let missing = (0..n_actions).filter(|action| !transition.env.allows(*action));
                samples.unavailable.extend(missing.map(|action| (sample, action)));
            }
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        })?;
        result?;
        samples.next.push(next.iter().copied());
    }
    Ok(samples)
}

/// An action that is available, all equally probable.
fn any_action(env: &dyn Env, n_actions: usize, rng: &mut Rng) -> usize {
    let n = (0..n_actions).filter(|action| env.allows(*action)).count();
    let sampled = rng.random_range(0..n.max(1));
    (0..n_actions).filter(|action| env.allows(*action)).nth(sampled).unwrap_or(0)
}

/// q(s, a) = the mean of y over the samples of (s, a); as it was in `before`, `[S, A]`, where there is
/// none.
pub(super) fn means(
    samples: &Samples,
    targets: &[f64],
    before: &[f64],
    n_actions: usize,
) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; before.len()], vec![0u32; before.len()]);
    for (sample, (y, action)) in targets.iter().zip(&samples.actions).enumerate() {
        let (state, _) = samples.now.row(sample)[0];
        sums[state * n_actions + action] += y;
        counts[state * n_actions + action] += 1;
    }
    let observed = sums.iter().zip(&counts).zip(before);
    observed.map(|((sum, n), old)| if *n > 0 { sum / f64::from(*n) } else { *old }).collect()
}

/// The Cholesky factor of X'X + ridge·I over the samples of an action.
pub(super) fn factor(
    samples: &Samples,
    action: usize,
    dims: usize,
    ridge: f64,
) -> Result<Llt<f64>> {
    let mut squares = faer::Mat::<f64>::zeros(dims, dims);
    (0..dims).for_each(|i| squares[(i, i)] = ridge);
    for sample in (0..samples.actions.len()).filter(|i| samples.actions[*i] == action) {
        let row = samples.now.row(sample);
        for (i, x) in row {
            row.iter().for_each(|(j, y)| squares[(*i, *j)] += x * y);
        }
    }
    let why = |error| anyhow!("least squares can't be solved ({error:?}); give a larger --ridge");
    squares.llt(Side::Lower).map_err(why)
}

/// w_a = (X'X + ridge·I)⁻¹·X'y over the samples of each action, `[D, A]`.
pub(super) fn least_squares(
    samples: &Samples,
    targets: &[f64],
    factors: &[Llt<f64>],
    dims: usize,
) -> Vec<f64> {
    let n_actions = factors.len();
    let mut weights = vec![0.0; dims * n_actions];
    for (sample, (y, action)) in targets.iter().zip(&samples.actions).enumerate() {
        for (i, x) in samples.now.row(sample) {
            weights[i * n_actions + action] += x * y;
        }
    }
    for (action, factor) in factors.iter().enumerate() {
        let right = faer::Mat::from_fn(dims, 1, |i, _| weights[i * n_actions + action]);
        let solved = factor.solve(&right);
        (0..dims).for_each(|i| weights[i * n_actions + action] = solved[(i, 0)]);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rows: &[(&[(usize, f64)], usize)]) -> Samples {
        let mut samples = Samples::default();
        for (row, action) in rows {
            samples.now.push(row.iter().copied());
            samples.actions.push(*action);
        }
        samples
    }

    #[test]
    fn means_by_hand() {
        let samples = samples(&[(&[(0, 1.0)], 1), (&[(1, 1.0)], 0), (&[(0, 1.0)], 1)]);
        let before = [7.0, 7.0, 7.0, f64::NEG_INFINITY];
        let q = means(&samples, &[2.0, 5.0, 3.0], &before, 2);
        assert_eq!(q, [7.0, 2.5, 5.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn least_squares_by_hand() {
        // Action 0: y = 1, 3, 5 at x = 0, 1, 2, which is 1 + 2·x; action 1: 4 and 6 at x = 1.
        let rows: [(&[(usize, f64)], usize); 5] = [
            (&[(1, 1.0)], 0),
            (&[(0, 1.0), (1, 1.0)], 0),
            (&[(0, 2.0), (1, 1.0)], 0),
            (&[(0, 1.0), (1, 1.0)], 1),
            (&[(0, 1.0), (1, 1.0)], 1),
        ];
        let samples = samples(&rows);
        let factors: Vec<_> = (0..2).map(|a| factor(&samples, a, 2, 1e-9).unwrap()).collect();
        let w = least_squares(&samples, &[1.0, 3.0, 5.0, 4.0, 6.0], &factors, 2);
        // With nothing to tell slope from bias, the ridge takes the smallest: half each.
        for (w, expected) in w.iter().zip([2.0, 2.5, 1.0, 2.5]) {
            assert!((w - expected).abs() < 1e-6, "{w} and {expected}");
        }
        // Nothing is known of a third feature.
        let error = factor(&samples, 0, 3, 0.0).unwrap_err().to_string();
        assert!(error.contains("--ridge"), "{error}");
    }
}
