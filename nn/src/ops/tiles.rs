//! Work cut into tiles for several threads, and memory kept from one step to the next.
use super::spin_pool::parallel_for;
use candle_core::Result;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Multiply-adds in one tile: small enough that a mini-batch makes several, large enough that a
/// product runs at full speed.
const TILE_WORK: usize = 1 << 21;

/// Multiply-adds below which waking another thread costs more than it brings.
const PARALLEL_WORK: usize = 1 << 20;

/// Items per tile, from the work of one item alone: never from the number of threads, because the
/// tiles decide in which order numbers are summed. At least `least`.
pub(super) fn tile(work_per_item: usize, least: usize) -> usize {
    (TILE_WORK / work_per_item.max(1)).max(1).next_multiple_of(least)
}

/// Items per tile where no tile adds to what another one sums, so that their size changes no bit: at
/// least `least`, and as many tiles for each thread.
pub(super) fn even_tile(items: usize, least: usize) -> usize {
    let threads = rayon::current_num_threads();
    items.div_ceil(threads * (items / (threads * least.max(1))).max(1)).max(1)
}

/// Tiles that a sum over the batch is computed in, at most: each keeps a share of the sum.
const SHARES: usize = 16;

/// Samples per tile where tiles keep shares of a sum.
pub(super) fn shared_tile(work_per_sample: usize, batch: usize) -> usize {
    let tiles = batch.div_ceil(tile(work_per_sample, 1)).next_power_of_two();
    batch.div_ceil(tiles.min(SHARES))
}

/// Calls `f` with the index of each tile of `len` elements and the tile, on several threads where
/// the whole is worth it.
pub(super) fn for_each(
    values: &mut [f32],
    len: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<()> {
    let tiles = values.chunks_mut(len.max(1));
    match threads(tiles.len(), work) {
        1 => tiles.enumerate().try_for_each(|(tile, values)| f(tile, values)),
        _ => for_each_task(tiles.collect(), work, f),
    }
}

/// Calls `f` with the index of each task and the task, on several threads where the whole is worth
/// it. A task is what the call may change.
pub(crate) fn for_each_task<T: Send>(
    tasks: Vec<T>,
    work: usize,
    f: impl Fn(usize, T) -> Result<()> + Sync,
) -> Result<()> {
    let threads = threads(tasks.len(), work);
    if threads == 1 {
        return tasks.into_iter().enumerate().try_for_each(|(index, task)| f(index, task));
    }
    let tasks: Vec<_> = tasks.into_iter().map(|task| Mutex::new(Some(task))).collect();
    let error = Mutex::new(None);
    parallel_for(tasks.len(), threads, |index| {
        let task = tasks[index].lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(failed)) = task.map(|task| f(index, task)) {
            error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
        }
    });
    error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Threads that are to share `count` tasks of `work` multiply-adds altogether.
fn threads(count: usize, work: usize) -> usize {
    match count <= 1 || work < PARALLEL_WORK {
        true => 1,
        false => rayon::current_num_threads(),
    }
}

/// `values` in `count` pieces of `len`, the last one perhaps shorter; empty pieces of no values.
pub(crate) fn pieces(values: &mut [f32], len: usize, count: usize) -> Vec<&mut [f32]> {
    let mut pieces: Vec<&mut [f32]> = values.chunks_mut(len.max(1)).collect();
    pieces.resize_with(count, Default::default);
    pieces
}

/// The sum of `f` over `count` tiles, added in their order.
pub(crate) fn sum_tiles(count: usize, work: usize, f: impl Fn(usize) -> f64 + Sync) -> f64 {
    let threads = threads(count, work);
    if threads == 1 {
        return (0..count).map(f).sum();
    }
    let sums: Vec<_> = (0..count).map(|_| AtomicU64::new(0)).collect();
    parallel_for(count, threads, |tile| sums[tile].store(f(tile).to_bits(), Ordering::Relaxed));
    sums.into_iter().map(|sum| f64::from_bits(sum.into_inner())).sum()
}

thread_local! {
    static SCRATCH: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes in a cache line, which is also the widest vector there is.
pub(super) const LINE: usize = 64;

/// Calls `f` with `n` numbers of unspecified value, from the beginning of a cache line, in memory that
/// the thread keeps.
#[inline(always)]
pub(super) fn scratch<R>(n: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut values = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    const SPARE: usize = LINE / size_of::<f32>();
    if values.len() < n + SPARE {
        values.resize(n + SPARE, 0.0);
    }
    let first = values.as_ptr().align_offset(LINE).min(SPARE);
    let result = f(&mut values[first..first + n]);
    SCRATCH.with_borrow_mut(|retained| retained.push(values));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_summed_in_their_order() {
        // Every addition rounds, so that another order has another sum.
        let term = |tile: usize| 1.0 / (tile as f64 + 1.0);
        let in_order: f64 = (0..10_001).map(term).sum();
        for threads in 1..=4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| sum_tiles(10_001, PARALLEL_WORK, term)), in_order);
        }
    }
}
