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
    fn begin(&mut self, _: u64, _: u64, rows: u64) -> Result<()> {
        let at = || format!("cannot continue {}", self.path.display());
        let text = fs::read(&self.path).with_context(at)?;
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(i, _)| i + 1);
        let kept = std::iter::once(0).chain(ends).nth(rows as usize);
        ensure!(
            kept.is_some(),
            "{} has fewer rows than the {rows} of the checkpoint; put the missing ones back or \
             start the run again",
            self.path.display()
        );
        self.file.set_len(kept.unwrap_or_default() as u64).with_context(at)
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
        assert!(
            JsonLines::open(&path)
                .unwrap()
                .begin(9, 9, 4)
                .unwrap_err()
                .to_string()
                .contains("fewer")
        );
    }
}
