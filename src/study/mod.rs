//! Studies: runs that differ by their seeds and settings, made side by side and looked at together.
//!
//! A study is a directory with `study.json`, which lists its runs with their configurations (`info`), and an ordinary run directory
//! for each. `work` makes them: whoever holds the lock of a run trains it, in a process of its own, so any number of
//! workers, on any machines that share the directory, make a study together, and what one leaves half done another resumes. Nothing
//! but the run directories says how far a study is. `named` is the runs that a command line names, with their states; `summary` is what they come to, by
//! [`statistics`] and `compare`. A `sweep` lists its runs by a file: a grid, or points of a `space` that are drawn evenly or by `tpe`, in
//! `rounds`, from which the `median` rule or successive halving stops some.
pub(crate) mod compare;
pub(crate) mod findings;
pub(crate) mod groups;
pub(crate) mod importance;
pub(crate) mod info;
pub(crate) mod median;
pub(crate) mod named;
pub(crate) mod rounds;
pub(crate) mod scheduler;
pub(crate) mod seeds;
pub(crate) mod space;
pub mod statistics;
pub(crate) mod summary;
pub(crate) mod sweep;
pub(crate) mod tpe;
pub(crate) mod work;
