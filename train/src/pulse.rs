//! Long work that can be cut short, and says how far it is.
//!
//! An evaluation, the exact values of a policy, a classifier that is trained to measure samples: all of them take
//! seconds or minutes, many calls below the one that knows of Ctrl-C and of the bar. [`hearing`] and [`telling`]
//! give both to whatever is called within them on this thread; long work asks [`check`], or says how far it is by
//! [`progress`], several times a second, and hands [`Interrupted`] on like any other error.
//!
//! A function that returns [`Interrupted`] leaves everything that a checkpoint holds as it was before:
//! an interrupted evaluation is made again, and so is a step.
use crate::Sink;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// The user wants to stop. What was under way has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

type Stop = Arc<dyn Fn() -> bool + Send + Sync>;
type Tell = Rc<RefCell<dyn FnMut(&str, u64, u64)>>;

/// Hooks of the enclosing calls.
#[derive(Default)]
struct Around {
    stops: Vec<Stop>,
    tells: Vec<Tell>,
}

thread_local! {
    static AROUND: RefCell<Around> = RefCell::default();
}

/// Does `work`, all of which is interrupted once `stop` says so.
pub fn hearing<T>(stop: impl Fn() -> bool + Send + Sync + 'static, work: impl FnOnce() -> T) -> T {
    AROUND.with_borrow_mut(|around| around.stops.push(Arc::new(stop)));
    let _end = End(|around| _ = around.stops.pop());
    work()
}

/// Does `work`, and tells `sinks` how far each part of it is.
pub fn telling<T>(sinks: &mut Vec<Box<dyn Sink>>, work: impl FnOnce() -> T) -> T {
    let lent = Rc::new(RefCell::new(std::mem::take(sinks)));
    let each = Rc::clone(&lent);
    let tell = move |what: &str, done, of| {
        each.borrow_mut().iter_mut().for_each(|sink| sink.progress(what, done, of));
    };
    AROUND.with_borrow_mut(|around| around.tells.push(Rc::new(RefCell::new(tell))));
    let end = End(|around| _ = around.tells.pop());
    let done = work();
    drop(end);
    *sinks = lent.take();
    done
}

/// Takes back what was given, also where the work panics.
struct End(fn(&mut Around));

impl Drop for End {
    fn drop(&mut self) {
        AROUND.with_borrow_mut(self.0);
    }
}

/// Returns `true` if the user wants to stop.
pub fn stopped() -> bool {
    AROUND.with_borrow(|around| around.stops.iter().any(|stop| stop()))
}

/// Goes on, or not.
///
/// # Errors
/// [`Interrupted`] where the user wants to stop.
pub fn check() -> Result<(), Interrupted> {
    if stopped() { Err(Interrupted) } else { Ok(()) }
}

/// Tells that `done` of `of` parts of `what`, as in `evaluating`, are done.
pub fn tell(what: &str, done: usize, of: usize) {
    let tell = AROUND.with_borrow(|around| around.tells.last().map(Rc::clone));
    // Who is being told has nothing to tell.
    if let Some(tell) = tell
        && let Ok(mut tell) = tell.try_borrow_mut()
    {
        tell(what, done as u64, of as u64);
    }
}

/// [`tell`] and [`check`].
///
/// # Errors
/// [`Interrupted`] where the user wants to stop.
pub fn progress(what: &str, done: usize, of: usize) -> Result<(), Interrupted> {
    tell(what, done, of);
    check()
}

/// [`check`] for other threads that work for this one.
#[derive(Clone)]
pub struct Listener(Vec<Stop>);

/// Does `work` that can't ask, on a thread of its own. Where the user wants to stop before it is over, it is left to
/// itself and what it comes to is lost.
///
/// # Errors
/// [`Interrupted`] where the user wants to stop.
pub fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Interrupted> {
    if AROUND.with_borrow(|around| around.stops.is_empty()) {
        return Ok(work());
    }
    let (over, heard) = channel();
    let worker = std::thread::spawn(move || {
        let done = work();
        // It may be that nobody waits any more.
        let _ = over.send(());
        done
    });
    while heard.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
        check()?;
    }
    Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Listener of this thread.
pub fn listener() -> Listener {
    Listener(AROUND.with_borrow(|around| around.stops.clone()))
}

impl Listener {
    /// Goes on, or not.
    ///
    /// # Errors
    /// [`Interrupted`] where the user wants to stop.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.iter().any(|stop| stop()) { Err(Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Default, Clone)]
    struct Told(Rc<RefCell<Vec<String>>>);

    impl Sink for Told {
        fn row(&mut self, _: &crate::Row) -> anyhow::Result<()> {
            Ok(())
        }

        fn progress(&mut self, what: &str, done: u64, of: u64) {
            self.0.borrow_mut().push(format!("{what} {done}/{of}"));
        }
    }

    #[test]
    fn work_that_cannot_ask_is_left_alone() {
        assert_eq!(apart(|| 7), Ok(7));
        assert_eq!(hearing(|| false, || apart(|| 7)), Ok(7));
        let endless = || loop {
            std::thread::park();
        };
        assert_eq!(hearing(|| true, || apart::<()>(endless)), Err(Interrupted));
        let panics = || hearing(|| false, || apart::<()>(|| panic!("of its own")));
        assert!(std::panic::catch_unwind(panics).is_err());
    }

    #[test]
    fn whoever_is_called_within_hears_and_tells() {
        let (outer, inner) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let flag = |flag: &Arc<AtomicBool>| {
            let flag = Arc::clone(flag);
            move || flag.load(Ordering::Relaxed)
        };
        let told = Told::default();
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(told.clone())];
        assert_eq!(progress("nobody", 1, 2), Ok(()));
        hearing(flag(&outer), || {
            telling(&mut sinks, || {
                assert_eq!(progress("evaluating", 1, 2), Ok(()));
                hearing(flag(&inner), || {
                    let listener = listener();
                    inner.store(true, Ordering::Relaxed);
                    assert_eq!(progress("evaluating", 2, 2), Err(Interrupted));
                    let elsewhere = std::thread::spawn(move || (listener.check(), check()));
                    assert_eq!(elsewhere.join().unwrap(), (Err(Interrupted), Ok(())));
                });
                assert_eq!(check(), Ok(()));
                telling(&mut Vec::new(), || progress("within", 1, 1)).unwrap();
                outer.store(true, Ordering::Relaxed);
                assert!(stopped());
            });
        });
        assert!(!stopped());
        assert_eq!(*told.0.borrow(), ["evaluating 1/2", "evaluating 2/2"]);
        assert_eq!(sinks.len(), 1);
    }
}
