//! `solution.json`: what is known of every state.
use super::pictures::tell;
use super::session::Session;
use super::trainee::Thought;
use crate::told;
use ::train::write_atomic;
use agents::tabular::{Solution, Table};
use anyhow::Result;
use envs::Mdp;
use std::path::Path;

/// Numbers in q up to which it is written for a reader, a number a line.
const READABLE: usize = 10_000;

/// Numbers in q up to which a run writes it without being asked.
const MOST: usize = 1_000_000;

impl Session {
    /// Writes `solution.json`; of a large problem without q, which the values imply.
    pub(super) fn write_solution(&self, (mdp, table): &Thought<'_>) -> Result<()> {
        let path = self.dir.path().join("solution.json");
        if table.q.len() <= MOST {
            return write(*mdp, table.clone(), &path);
        }
        let (n, run) = (table.q.len(), told::path(self.dir.path()));
        tell(&format!(
            "note: solution.json is without q, which would be {n} numbers; \
             `lab plot {run} --solution FILE` writes them"
        ));
        let (values, policy) = (table.values.clone(), table.policy.clone());
        write(*mdp, Table { values, q: Vec::new(), policy }, &path)
    }
}

/// Writes what is thought of an MDP as JSON.
///
/// # Errors
/// Names the file.
pub(super) fn write(mdp: &dyn Mdp, table: Table, path: &Path) -> Result<()> {
    let readable = table.q.len().max(table.values.len()) <= READABLE;
    let solution = Solution::new(mdp, table);
    let mut text = match readable {
        true => serde_json::to_vec_pretty(&solution)?,
        false => serde_json::to_vec(&solution)?,
    };
    text.push(b'\n');
    write_atomic(path, &text)
}
