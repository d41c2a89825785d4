//! `solution.json`: values, policy and q of every state.
use agents::tabular::{Solution, Table};
use anyhow::Result;
use envs::Mdp;
use std::path::Path;
use train::write_atomic;

/// Numbers in q up to which it is written for a reader, a number a line.
const READABLE: usize = 10_000;

/// Writes what is thought of an MDP as JSON.
///
/// # Errors
/// Names the file.
pub(crate) fn write(mdp: &dyn Mdp, table: Table, path: &Path) -> Result<()> {
    let readable = table.q.len().max(table.values.len()) <= READABLE;
    let solution = Solution::new(mdp, table);
    let mut text = match readable {
        true => serde_json::to_vec_pretty(&solution)?,
        false => serde_json::to_vec(&solution)?,
    };
    text.push(b'\n');
    write_atomic(path, &text)
}
