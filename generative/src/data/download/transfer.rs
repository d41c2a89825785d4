//! Bringing one file here.
use super::answer::{Answer, ask};
use super::patience::Patience;
use super::{Got, Remote};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

impl Remote {
    pub(super) fn get(&self, dir: &Path, mirrors: &[&str], patience: &Patience) -> Result<Got> {
        let path = dir.join(self.name);
        if path.exists() {
            ensure!(
                self.is(&path)?,
                "{} is there, but is not the file that is published (its SHA-256 differs); move it \
                 away, or use it as it is",
                path.display()
            );
            return Ok(Got::There);
        }
        let mut why = Vec::new();
        for mirror in mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), self.name);
            match self.fetch(&path, &url, patience) {
                Ok(()) => return Ok(Got::Fetched),
                Err(error) => why.push(format!("{url}: {error:#}")),
            }
        }
        bail!("cannot download {}: {}", path.display(), why.join("; "))
    }

    /// Fetches the file, for this process alone.
    fn fetch(&self, path: &Path, url: &str, patience: &Patience) -> Result<()> {
        let partial = path.with_file_name(format!("{}.partial", self.name));
        let mut file = held(&partial)?;
        // Another process may have finished it between the first look and the lock.
        if path.exists() && self.is(path)? {
            return Ok(());
        }
        let fetched = self.complete(&mut file, &partial, url, patience);
        if file.metadata().is_ok_and(|file| file.len() == 0) {
            // It holds nothing, and does no harm where it stays.
            let _ = fs::remove_file(&partial);
        }
        let right = fetched?;
        fs::rename(right, path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Adds to `file`, which lies at `partial`, what is missing; where the right file is now.
    fn complete(
        &self,
        file: &mut File,
        partial: &Path,
        url: &str,
        patience: &Patience,
    ) -> Result<PathBuf> {
        let there = file.metadata()?.len();
        let mut from = if there <= self.bytes { there } else { 0 };
        loop {
            if from < self.bytes {
                let answer = ask(url, from, self.bytes, patience)?;
                if !answer.sized {
                    return self.of_any_length(answer, partial, patience);
                }
                from = answer.from;
                let place = file.set_len(from).and_then(|()| file.seek(SeekFrom::Start(from)));
                place.with_context(|| cannot_write(partial))?;
                if let Err(why) = self.copy(answer, file, partial, patience)? {
                    let (there, all) = (file.metadata()?.len(), self.bytes);
                    bail!(
                        "it broke off after {there} of {all} bytes ({why}); the same command goes on from there"
                    )
                }
            }
            if self.is(partial)? {
                return Ok(partial.to_owned());
            }
            file.set_len(0).with_context(|| cannot_write(partial))?;
            ensure!(
                from > 0,
                "it is not the file that is expected: its SHA-256 is not {}",
                self.sha256
            );
            // What was here before may have been wrong: once more, from the beginning.
            from = 0;
        }
    }

    /// Receives what a server sends without saying how much it is, beside what is already here: nothing tells
    /// a page of a network that asks for a password from the beginning of the file.
    fn of_any_length(
        &self,
        answer: Answer,
        partial: &Path,
        patience: &Patience,
    ) -> Result<PathBuf> {
        let path = partial.with_extension("unchecked");
        let mut file = File::create(&path).with_context(|| cannot_write(&path))?;
        let received = self.copy(answer, &mut file, &path, patience).and_then(|ended| {
            if let Err(why) = ended {
                let there = file.metadata()?.len();
                bail!(
                    "it is not the file that is expected, or broke off: {there} bytes, not {} ({why})",
                    self.bytes
                )
            }
            ensure!(
                self.is(&path)?,
                "it is not the file that is expected: its SHA-256 is not {}",
                self.sha256
            );
            Ok(())
        });
        if let Err(error) = received {
            fs::remove_file(&path)?;
            return Err(error);
        }
        fs::remove_file(partial)?;
        Ok(path)
    }

    /// Copies an answer to the end of the file; the inner error is that of the server, which ended early.
    fn copy(
        &self,
        answer: Answer,
        file: &mut File,
        path: &Path,
        patience: &Patience,
    ) -> Result<Result<(), String>> {
        let (begun, most) = (Instant::now(), patience.overall(self.bytes));
        let mut body = answer.body.into_with_config().limit(u64::MAX).reader();
        let (mut left, mut piece) = (self.bytes - answer.from, vec![0; 1 << 16]);
        while left > 0 {
            if begun.elapsed() > most {
                return Ok(Err(format!("it took longer than {most:?}")));
            }
            let room = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = match body.read(&mut piece[..room]) {
                Ok(0) => return Ok(Err("it ended".to_owned())),
                Ok(read) => read,
                Err(error) => return Ok(Err(error.to_string())),
            };
            file.write_all(&piece[..read]).with_context(|| cannot_write(path))?;
            left -= read as u64;
        }
        // A byte more shows that it is another file.
        if let Ok(1) = body.read(&mut piece[..1]) {
            file.set_len(0).with_context(|| cannot_write(path))?;
            bail!("it is not the file that is expected: more than {} bytes", self.bytes)
        }
        file.sync_all().with_context(|| cannot_write(path))?;
        Ok(Ok(()))
    }

    /// Returns `true` if the file at `path` has the right bits.
    fn is(&self, path: &Path) -> Result<bool> {
        let mut hash = Sha256::new();
        File::open(path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hash))
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(format!("{:x}", hash.finalize()) == self.sha256)
    }
}

/// Opens what is half-way here, for this process alone.
fn held(partial: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(partial);
    let file = file.with_context(|| cannot_write(partial))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            bail!("another process is fetching it; wait for that, or stop it")
        }
        // Some file systems have no locks.
        _ => Ok(file),
    }
}

fn cannot_write(partial: &Path) -> String {
    format!("cannot write {}", partial.display())
}
