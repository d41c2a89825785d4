//! The least value of a smooth convex function.
use anyhow::Result;
use std::collections::VecDeque;
use train::pulse;

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 10;

/// Steps at most.
const STEPS: usize = 500;

/// The largest element of a gradient that counts as none.
const FLAT: f64 = 1e-5;

/// The minimum of `f`, which returns its value and gradient: L-BFGS (Nocedal & Wright 2006, "Numerical
/// optimization", algorithm 7.5) with steps halved until they bring a ten-thousandth of what the slope
/// promises. It ends where no element of the gradient is larger than 1e-5, where rounding hides what a
/// further step brings, or after 500 steps.
pub(super) fn minimise(
    begin: Vec<f64>,
    mut f: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>)>,
) -> Result<Vec<f64>> {
    let mut at = begin;
    let (mut value, mut gradient) = f(&at)?;
    let mut memory: VecDeque<Change> = VecDeque::with_capacity(MEMORY + 1);
    for _ in 0..STEPS {
        pulse::check()?;
        if gradient.iter().all(|g| g.abs() <= FLAT) {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&gradient, &direction);
        let Some((next, found)) = descend(&mut f, &at, &direction, [value, slope])? else { break };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let turned: Vec<f64> = found.1.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = dot(&moved, &turned);
        if curvature > 0.0 {
            memory.push_back(Change { moved, turned, curvature });
        }
        if memory.len() > MEMORY {
            memory.pop_front();
        }
        (at, (value, gradient)) = (next, found);
    }
    Ok(at)
}

/// One step's change of θ and of the gradient: s = Δθ, y = Δg and sᵀy.
struct Change {
    moved: Vec<f64>,
    turned: Vec<f64>,
    curvature: f64,
}

/// −H·g, by the two loops over what is remembered; at first the gradient itself, of length 1.
fn direction(gradient: &[f64], memory: &VecDeque<Change>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let Some(last) = memory.back() else {
        let length = dot(&q, &q).sqrt();
        q.iter_mut().for_each(|q| *q /= length);
        return q;
    };
    let mut shares = Vec::with_capacity(memory.len());
    for change in memory.iter().rev() {
        let share = dot(&change.moved, &q) / change.curvature;
        q.iter_mut().zip(&change.turned).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    let scale = last.curvature / dot(&last.turned, &last.turned);
    q.iter_mut().for_each(|q| *q *= scale);
    for (change, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(&change.turned, &q) / change.curvature;
        q.iter_mut().zip(&change.moved).for_each(|(q, s)| *q += (share - back) * s);
    }
    q
}

/// A point with value and gradient of `f`.
type Found = (Vec<f64>, (f64, Vec<f64>));

/// A point in a direction that is low enough; `None` where even a short way brings nothing.
fn descend(
    f: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>)>,
    at: &[f64],
    direction: &[f64],
    [value, slope]: [f64; 2],
) -> Result<Option<Found>> {
    let mut way = 1.0;
    while way > 1e-6 {
        let next: Vec<f64> = at.iter().zip(direction).map(|(at, d)| at + way * d).collect();
        let found = f(&next)?;
        if found.0 <= value + 1e-4 * way * slope {
            return Ok(Some((next, found)));
        }
        way /= 2.0;
    }
    Ok(None)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_valley() {
        // ½·(x − 3)² + 500·(y + x)²: at (3, −3).
        let mut calls = 0;
        let least = minimise(vec![0.0, 0.0], |at| {
            calls += 1;
            let (x, y) = (at[0] - 3.0, at[1] + at[0]);
            Ok((0.5 * x * x + 500.0 * y * y, vec![x + 1000.0 * y, 1000.0 * y]))
        });
        let least = least.unwrap();
        assert!((least[0] - 3.0).abs() < 1e-4 && (least[1] + 3.0).abs() < 1e-4, "{least:?}");
        assert!(calls < 60, "{calls}");
    }

    #[test]
    fn many_numbers_of_unlike_curvature() {
        let curvature = |i: usize| 1.5f64.powi(i as i32 % 12);
        let least = minimise(vec![0.0; 100], |at| {
            let each = at.iter().enumerate().map(|(i, x)| (curvature(i), x - i as f64));
            let value = each.clone().map(|(c, d)| 0.5 * c * d * d).sum();
            Ok((value, each.map(|(c, d)| c * d).collect()))
        });
        let apart = least.unwrap().into_iter().enumerate().map(|(i, x)| (x - i as f64).abs());
        assert!(apart.fold(0.0, f64::max) < 2e-5);
    }

    #[test]
    fn what_fails_is_told() {
        assert!(minimise(vec![0.0], |_| anyhow::bail!("no")).is_err());
    }
}
