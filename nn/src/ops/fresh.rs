//! New numbers, each zeroed by the thread that computes it, while it computes it: not all beforehand.
#![allow(unsafe_code, reason = "memory that has not been written may not be looked at")]
use super::tiles::for_each_task;
use candle_core::{Result, bail};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory for a part of the numbers.
pub(super) struct Blank<'a> {
    memory: &'a mut [MaybeUninit<f32>],
    zeroed: &'a AtomicUsize,
}

impl<'a> Blank<'a> {
    /// The numbers, which are 0.
    pub(super) fn zeroed(self) -> &'a mut [f32] {
        self.memory.fill(MaybeUninit::new(0.0));
        self.zeroed.fetch_add(self.memory.len(), Ordering::Relaxed);
        // SAFETY: each element has just been written.
        unsafe { self.memory.assume_init_mut() }
    }
}

/// `n` numbers in pieces of `len`, each of which `f` must ask for.
pub(super) fn fresh<R>(
    n: usize,
    len: usize,
    f: impl FnOnce(Vec<Blank>) -> Result<R>,
) -> Result<(Vec<f32>, R)> {
    let (mut values, zeroed) = (Vec::with_capacity(n), AtomicUsize::new(0));
    let memory = values.spare_capacity_mut()[..n].chunks_mut(len.max(1));
    let result = f(memory.map(|memory| Blank { memory, zeroed: &zeroed }).collect())?;
    if zeroed.into_inner() != n {
        bail!("some of {n} numbers were not computed")
    }
    // SAFETY: pieces do not overlap and can be zeroed once, so all n numbers have been written.
    unsafe { values.set_len(n) };
    Ok((values, result))
}

/// `n` numbers in tiles of `len`, which `f` is given with their index, on several threads where the
/// whole is worth it. At first they are 0.
pub(super) fn compute(
    n: usize,
    len: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<Vec<f32>> {
    let (values, ()) =
        fresh(n, len, |blanks| for_each_task(blanks, work, |tile, blank| f(tile, blank.zeroed())))?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_are_there_or_none() {
        let numbers = compute(7, 3, 1, |tile, values| {
            assert!(values.iter().all(|&value| value == 0.0));
            values.fill(tile as f32);
            Ok(())
        });
        assert_eq!(numbers.unwrap(), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0]);
        assert!(compute(0, 3, 1, |_, _| Ok(())).unwrap().is_empty());
        assert!(compute(7, 3, 1, |_, _| bail!("no")).is_err());
        let forgotten = fresh(7, 3, |blanks| {
            blanks.into_iter().take(2).for_each(|blank| blank.zeroed().fill(1.0));
            Ok(())
        });
        assert!(forgotten.is_err());
    }
}
