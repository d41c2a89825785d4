//! `metrics.jsonl`: one JSON object per row.
use crate::{Row, Sink};
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Appends rows to a file, each flushed as it comes. A resumed run drops the rows that were
/// written after the checkpoint it goes on from, so none is there twice.
pub struct JsonLines {
    path: PathBuf,
    file: File,
}

impl JsonLines {
    /// Opens `path` for appending; it is made where it isn't there.
    ///
    /// # Errors
    /// Names the file.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let special = fs::metadata(path).is_ok_and(|about| !about.is_file());
        ensure!(!special, "{}: it is not a regular file", cannot());
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(cannot)?;
        Ok(Self { path: path.to_owned(), file })
    }
}

impl Sink for JsonLines {
    fn begin(&mut self, step: u64, _: u64, rows: u64) -> Result<u64> {
        let at = || format!("cannot continue {}", self.path.display());
        let text = fs::read(&self.path).with_context(at)?;
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let whole = lines.iter().filter(|line| line.ends_with(b"\n")).count();
        // Of a file that lost some, those that come after the checkpoint can't be told by their number.
        let retained = match rows as usize {
            rows if rows <= whole => rows,
            _ => lines[..whole]
                .iter()
                .take_while(|line| step_of(line).is_none_or(|of| of <= step))
                .count(),
        };
        let length: usize = lines[..retained].iter().map(|line| line.len()).sum();
        self.file.set_len(length as u64).with_context(at)?;
        Ok(retained as u64)
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let mut object = Map::from_iter([("step".to_owned(), Value::from(row.step))]);
        object.extend(row.values.iter().map(|(name, value)| (name.clone(), Value::from(*value))));
        let mut line = serde_json::to_vec(&object)?;
        line.push(b'\n');
        // One write: a kill leaves whole rows, and a full disk a torn last one at most.
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The step that a row is of.
fn step_of(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(line).ok()?.get("step")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64) -> Row {
        Row { step, values: [("train/loss".to_owned(), 0.5)].into() }
    }

    #[test]
    fn a_resumed_run_repeats_no_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut sink = JsonLines::open(&path).unwrap();
        sink.begin(0, 9, 0).unwrap();
        (1..=3).for_each(|step| sink.row(&row(step)).unwrap());
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"st").unwrap();

        let mut sink = JsonLines::open(&path).unwrap();
        sink.begin(2, 9, 2).unwrap();
        sink.row(&row(3)).unwrap();
        let line = |step| format!("{{\"step\":{step},\"train/loss\":0.5}}\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), line(1) + &line(2) + &line(3));
        // The checkpoint counts a row that is gone, and one that is there came after it.
        let mut sink = JsonLines::open(&path).unwrap();
        assert_eq!(sink.begin(2, 9, 4).unwrap(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), line(1) + &line(2));
    }
}
