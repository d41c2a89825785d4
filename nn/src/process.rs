//! Settings of the whole process that training needs to be fast.
//!
//! The settings are made through functions of the C library that may not be called while other threads
//! run, which is checked.
#![allow(unsafe_code, reason = "see the module's documentation")]

/// Makes memory and threads behave as training likes it; to be called first thing in `main`. Does
/// nothing, and returns false, where other threads run already, or outside Linux with glibc.
///
/// - Memory that tensors leave is kept for the next step, instead of being given back to the system
///   and cleared by it page by page. The process does not shrink any more.
/// - Candle's own element-wise operations stay on the calling thread, unless the environment says
///   otherwise (`CANDLE_NUM_THREADS`). Its threads wait by spinning, on the cores that the kernels of
///   this crate run on.
pub fn prepare_process() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Ok(mut threads) = std::fs::read_dir("/proc/self/task")
        && threads.next().is_some()
        && threads.next().is_none()
    {
        const KEEP: libc::c_int = 1 << 30;
        // SAFETY: this is the only thread, so nobody allocates memory or reads the environment at
        // the same time, and nobody can start another thread before this function returns.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, KEEP);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP);
            libc::mallopt(libc::M_TOP_PAD, 1 << 26);
            if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
                std::env::set_var("CANDLE_NUM_THREADS", "1");
            }
        }
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed_beside_other_threads() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || receiver.recv());
        assert!(!prepare_process());
        drop(sender);
        other.join().unwrap().unwrap_err();
    }
}
