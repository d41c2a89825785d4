//! A thread pool for tasks of a few microseconds, whose idle threads spin before they park.
//!
//! The parallel parts of a training step take tens of microseconds each, about the time in which a parked
//! thread wakes up. So idle helpers spin for a while before they park; the calling thread starts at once,
//! takes every task that no helper has taken, and finally waits only for helpers that have begun one.
//!
//! The pool serves one calling thread at a time. A second caller, or a task that calls it itself, runs its
//! tasks alone.
#![allow(unsafe_code, reason = "helpers borrow a closure that outlives their work; see `Gate`")]
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Time that an idle helper spins before it parks.
const SPIN_TIME: Duration = Duration::from_millis(1);

/// Spins between two readings of the clock, after which the core is yielded.
const SPINS: u32 = 100;

/// Calls `f` once with each of 0, …, `count` − 1, on at most `threads` threads, this one included.
///
/// # Panics
/// If `f` does.
pub(super) fn parallel_for(count: usize, threads: usize, f: impl Fn(usize) + Sync) {
    static POOL: OnceLock<SpinPool> = OnceLock::new();
    POOL.get_or_init(SpinPool::default).parallel_for(count, threads, &f);
}

#[derive(Default)]
struct SpinPool {
    gate: Arc<Gate>,
    /// A calling thread holds the pool.
    led: AtomicBool,
    helpers: Mutex<Vec<Helper>>,
}

struct Helper {
    thread: Thread,
    asleep: Arc<AtomicBool>,
}

/// A closure without its type and lifetime, which does not panic, and its number of calls.
#[derive(Clone, Copy)]
struct Job {
    f: *const (dyn Fn(usize) + Sync),
    count: usize,
}

/// Admits helpers to a job: only while it is open, which it is only while the job's closure lives; the
/// leader stays until all have left.
#[derive(Default)]
struct Gate {
    /// Number of helpers that may still enter (`ROOM`), number inside (`INSIDE`), and the number of the
    /// job.
    state: AtomicU64,
    /// Written by the leader while nobody is inside or may come in.
    job: UnsafeCell<Option<Job>>,
    /// The next task.
    next: AtomicUsize,
}

// SAFETY: `job` is written while the gate is shut and nobody inside, and read inside. Its closure may
// be called from several threads at once (`Sync`).
unsafe impl Sync for Gate {}
// SAFETY: as above.
unsafe impl Send for Gate {}

const INSIDE: u64 = 0xffff;
const ONE_ROOM: u64 = 1 << 16;
const ROOM: u64 = 0xffff << 16;
const ONE_JOB: u64 = 1 << 32;

impl Gate {
    /// Takes tasks until there are none.
    fn work(&self, job: Job) {
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= job.count {
                return;
            }
            // SAFETY: the leader of this job is in `SpinPool::parallel_for`, where `f` is borrowed.
            unsafe { (*job.f)(task) }
        }
    }

    /// Helps with the job there is, if there is room; false where there is none but the one `done`
    /// says.
    fn help(&self, done: &mut u64) -> bool {
        let state = self.state.load(Ordering::SeqCst);
        if state & ROOM == 0 || state / ONE_JOB == *done {
            return false;
        }
        let inside = state - ONE_ROOM + 1;
        let entered =
            self.state.compare_exchange(state, inside, Ordering::Acquire, Ordering::Relaxed);
        if entered.is_ok() {
            *done = state / ONE_JOB;
            // SAFETY: nobody writes it while somebody is inside.
            if let Some(job) = unsafe { *self.job.get() } {
                self.work(job);
            }
            self.state.fetch_sub(1, Ordering::Release);
        }
        true
    }

    /// The loop of a helper thread.
    fn serve(&self, asleep: &AtomicBool) {
        let mut done = 0;
        loop {
            let begin = Instant::now();
            while begin.elapsed() < SPIN_TIME {
                if (0..SPINS).any(|_| {
                    std::hint::spin_loop();
                    self.help(&mut done)
                }) {
                    break;
                }
                std::thread::yield_now();
            }
            if begin.elapsed() < SPIN_TIME {
                continue;
            }
            asleep.store(true, Ordering::SeqCst);
            // A job that came before the leader could see who sleeps.
            if self.help(&mut done) {
                asleep.store(false, Ordering::SeqCst);
                continue;
            }
            while asleep.load(Ordering::SeqCst) {
                std::thread::park();
            }
        }
    }
}

/// Shuts the gate when the leader leaves, even by a panic, and waits for the helpers inside.
struct Leader<'a>(&'a SpinPool);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let gate = &self.0.gate;
        gate.state.fetch_and(!ROOM, Ordering::AcqRel);
        let mut spins = 0;
        while gate.state.load(Ordering::Acquire) & INSIDE > 0 {
            spins += 1;
            match spins % SPINS {
                0 => std::thread::yield_now(),
                _ => std::hint::spin_loop(),
            }
        }
        self.0.led.store(false, Ordering::Release);
    }
}

impl SpinPool {
    fn parallel_for(&self, count: usize, threads: usize, f: &(dyn Fn(usize) + Sync)) {
        let helpers = threads.min(count).saturating_sub(1).min(INSIDE as usize);
        if helpers == 0 || self.led.swap(true, Ordering::Acquire) {
            return (0..count).for_each(f);
        }
        // It belongs to this job alone: the next one may have begun, led by another thread, before this
        // thread looks whether there was a panic.
        let panic = Mutex::new(None);
        let caught = |task| {
            if let Err(caught) = catch_unwind(AssertUnwindSafe(|| f(task))) {
                panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(caught);
            }
        };
        let leader = Leader(self);
        let gate = &*self.gate;
        let f: &(dyn Fn(usize) + Sync) = &caught;
        // SAFETY: the lifetime of `f` is erased. It is called by those inside only, and before this
        // function returns or unwinds, `leader` is dropped, which waits until nobody is.
        let f: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(f) };
        let job = Job { f, count };
        gate.next.store(0, Ordering::Relaxed);
        // SAFETY: this is the only leader, and nobody is inside or may come in.
        unsafe { *gate.job.get() = Some(job) };
        let number = gate.state.load(Ordering::Relaxed) / ONE_JOB;
        let next = (number + 1) % (1 << 32);
        gate.state.store(next * ONE_JOB + helpers as u64 * ONE_ROOM, Ordering::SeqCst);
        self.wake(helpers);
        gate.work(job);
        drop(leader);
        if let Some(panic) = panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }

    /// Starts and wakes helpers, so that `n` of them spin.
    fn wake(&self, n: usize) {
        let mut helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        while helpers.len() < n {
            let (gate, asleep) = (self.gate.clone(), Arc::new(AtomicBool::new(false)));
            let flag = asleep.clone();
            let name = format!("helper {}", helpers.len() + 1);
            let thread = std::thread::Builder::new().name(name).spawn(move || gate.serve(&flag));
            // Without it there is less help.
            let Ok(thread) = thread else { break };
            helpers.push(Helper { thread: thread.thread().clone(), asleep });
        }
        for helper in helpers.iter().take(n) {
            if helper.asleep.swap(false, Ordering::SeqCst) {
                helper.thread.unpark();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fewer under an interpreter, which is some thousand times slower.
    const ROUNDS: usize = if cfg!(miri) { 40 } else { 3_000 };

    #[test]
    fn every_task_is_done_once_however_many_threads_help() {
        let pool = SpinPool::default();
        for round in 0..ROUNDS {
            let count = round % 7;
            let done: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            pool.parallel_for(count, 1 + round % 4, &|task| {
                done[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(done.into_iter().all(|times| times.into_inner() == 1), "round {round}");
        }
        let helpers = pool.helpers.lock().unwrap();
        assert_eq!(helpers.len(), 3);
        // Helpers that have gone to sleep are woken up.
        drop(helpers);
        let begin = Instant::now();
        let asleep = |helper: &Helper| helper.asleep.load(Ordering::SeqCst);
        while !pool.helpers.lock().unwrap().iter().all(asleep) {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::sleep(SPIN_TIME);
        }
        both(&pool, |_| ());
    }

    #[test]
    fn nested_and_concurrent_calls_get_through() {
        let (pool, total, rounds) = (SpinPool::default(), AtomicUsize::new(0), ROUNDS / 15);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        pool.parallel_for(3, 3, &|_| {
                            pool.parallel_for(5, 3, &|_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * rounds * 3 * 5);
    }

    #[test]
    fn a_panic_comes_back_and_the_pool_goes_on() {
        let pool = SpinPool::default();
        for wrong in 0..8 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.parallel_for(8, 2, &|task| {
                    std::thread::sleep(Duration::from_micros(50));
                    assert!(task != wrong, "as expected");
                });
            }));
            assert!(result.is_err());
        }
        let total = AtomicUsize::new(0);
        pool.parallel_for(8, 2, &|task| {
            total.fetch_add(task, Ordering::Relaxed);
        });
        assert_eq!(total.into_inner(), 28);
    }

    /// Calls `f` while two threads are at work.
    fn both(pool: &SpinPool, f: impl Fn(usize) + Sync) {
        let (begun, begin) = (AtomicUsize::new(0), Instant::now());
        pool.parallel_for(2, 2, &|task| {
            begun.fetch_add(1, Ordering::SeqCst);
            while begun.load(Ordering::SeqCst) < 2 {
                assert!(begin.elapsed() < Duration::from_secs(60));
                std::thread::yield_now();
            }
            f(task);
        });
    }

    #[test]
    fn a_panic_of_all_threads_does_not_come_back_in_the_next_job() {
        let pool = SpinPool::default();
        for _ in 0..3 {
            let result = catch_unwind(AssertUnwindSafe(|| both(&pool, |_| panic!("as expected"))));
            assert!(result.is_err());
            both(&pool, |_| ());
        }
    }

    /// Whoever leads next, a panic comes back to the thread whose job it was.
    #[test]
    fn a_panic_comes_back_to_its_own_thread() {
        let pool = SpinPool::default();
        std::thread::scope(|scope| {
            for own in 0..3 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..ROUNDS / 5 {
                        let wrong = own > 0 && round % 2 == 0;
                        let result = catch_unwind(AssertUnwindSafe(|| {
                            pool.parallel_for(3, 2, &|task| {
                                if wrong && task == 1 {
                                    resume_unwind(Box::new(own));
                                }
                            });
                        }));
                        let back = result.err().map(|panic| panic.downcast_ref::<i32>().copied());
                        assert_eq!(back, wrong.then_some(Some(own)));
                    }
                });
            }
        });
    }
}
