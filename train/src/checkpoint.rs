//! Saving and resuming a run.
//!
//! A checkpoint is a directory of small JSON values, tensors and raw bytes, with `manifest.json`
//! that lists the length and SHA-256 of each. It is written as `….partial` and counts once it has
//! been renamed; a file that was cut short or changed afterwards is found out before anything is
//! loaded from it.
use crate::atomic::{sync_dir, write_synced};
use crate::{ConfigChanged, LONGEST_TEXT, read_file};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The name under which a learner saves the parameters of its model: what evaluation needs and
/// [`model_hash`] is taken of.
pub const MODEL: &str = "model";

/// The name of the configuration that a checkpoint was saved under.
const CONFIG: &str = "config";

/// A tensor that was to be saved holds NaN or an infinity.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not finite")]
pub struct NotFinite(String);

/// A list of named state, open for saving, for loading or for hashing the model.
pub struct Checkpoint {
    mode: Mode,
}

enum Mode {
    Save { dir: PathBuf, manifest: Manifest },
    Load { dir: PathBuf, manifest: Manifest, scope: Scope },
    Hash { model: Sha256 },
}

/// Parts of a checkpoint to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything: to go on training.
    All,
    /// The model, saved as [`MODEL`] or `model.…`, and the configuration it was trained under.
    /// The rest stays as it is, and may be damaged.
    Model,
}

impl Scope {
    fn holds(self, file: &str) -> bool {
        self == Self::All || is_model(file) || stem(file) == CONFIG
    }
}

fn stem(file: &str) -> &str {
    file.split_once('.').map_or(file, |(stem, _)| stem)
}

fn is_model(file: &str) -> bool {
    stem(file) == MODEL
}

type Manifest = BTreeMap<String, Entry>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Checkpoint {
    /// Starts a checkpoint at `dir`, which is there only once [`commit`](Self::commit) returns.
    ///
    /// # Errors
    /// If the directory can't be written.
    pub fn create(dir: &Path) -> Result<Self> {
        let dir = partial(dir);
        if dir.exists() {
            fs::remove_dir_all(&dir)
                .with_context(|| format!("cannot replace {}", dir.display()))?;
        }
        // No further up: the directory of a run that was moved away is not made again.
        for dir in dir.parent().into_iter().chain([&*dir]) {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| format!("cannot create {}", dir.display()));
                }
                _ => {}
            }
        }
        Ok(Self { mode: Mode::Save { dir, manifest: Manifest::new() } })
    }

    /// Opens a complete checkpoint for loading.
    ///
    /// # Errors
    /// Names the first file that is absent, cut short or changed.
    pub fn open(dir: &Path, scope: Scope) -> Result<Self> {
        let path = dir.join("manifest.json");
        let manifest: Manifest = serde_json::from_slice(&read_file(&path, LONGEST_TEXT)?)
            .with_context(|| format!("{} is damaged", path.display()))?;
        for (name, entry) in manifest.iter().filter(|(name, _)| scope.holds(name)) {
            let mut parts = Path::new(name).components();
            let own = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            let manifest = path.display();
            ensure!(own, "{manifest} is damaged: {name:?} is no file of this directory");
            let path = dir.join(name);
            let linked = path.is_symlink();
            ensure!(!linked, "{} is damaged: it is a link to another file", path.display());
            let found = Entry::of(&read_file(&path, entry.bytes)?);
            ensure!(
                found == *entry,
                "{} is damaged: {} bytes, {} were written",
                path.display(),
                found.bytes,
                entry.bytes
            );
        }
        Ok(Self { mode: Mode::Load { dir: dir.to_owned(), manifest, scope } })
    }

    /// Publishes what was saved, in one rename.
    ///
    /// # Errors
    /// Names what could not be written; the partial directory is then gone.
    pub fn commit(self) -> Result<()> {
        let Mode::Save { dir, manifest } = &self.mode else {
            bail!("only a checkpoint open for saving can be committed");
        };
        let target = dir.with_extension("");
        let publish = || -> Result<()> {
            write_synced(&dir.join("manifest.json"), &serde_json::to_vec_pretty(manifest)?)?;
            sync_dir(dir)?;
            if target.exists() {
                fs::remove_dir_all(&target)?;
            }
            fs::rename(dir, &target)?;
            sync_dir(target.parent().unwrap_or(Path::new(".")))
        };
        publish().with_context(|| format!("cannot write the checkpoint {}", target.display()))
    }

    /// Saves `value` under `name`, or replaces it by what was saved.
    ///
    /// # Errors
    /// Names the file.
    pub fn value<T>(&mut self, name: &str, value: &mut T) -> Result<()>
    where
        T: Serialize + DeserializeOwned,
    {
        let file = format!("{name}.json");
        if let Some(saved) = self.exchange_bytes(&file, || Ok(serde_json::to_vec(value)?))? {
            *value = serde_json::from_slice(&saved)
                .with_context(|| format!("{file} does not fit what this version expects"))?;
        }
        Ok(())
    }

    /// [`value`](Self::value) for state behind an interface: saves `now`, or hands what was saved
    /// to `restore`.
    ///
    /// # Errors
    /// Names the file.
    pub fn exchange<E: Into<anyhow::Error>>(
        &mut self,
        name: &str,
        now: Value,
        restore: impl FnOnce(Value) -> Result<(), E>,
    ) -> Result<()> {
        match self.exchange_bytes(&format!("{name}.json"), || Ok(serde_json::to_vec(&now)?))? {
            Some(saved) => serde_json::from_slice(&saved)
                .map_err(anyhow::Error::from)
                .and_then(|saved| restore(saved).map_err(Into::into))
                .with_context(|| format!("{name}.json does not fit what this version expects")),
            None => Ok(()),
        }
    }

    /// Saves `config`, or compares it with what was saved: whatever is loaded, it is only what goes with it.
    ///
    /// # Errors
    /// [`ConfigChanged`], naming each difference.
    pub fn guard(&mut self, config: &Value) -> Result<()> {
        let mut saved = config.clone();
        self.value(CONFIG, &mut saved)?;
        Ok(ConfigChanged::check(&saved, config)?)
    }

    /// [`value`](Self::value) of what counts up: one that would soon run over is refused.
    ///
    /// # Errors
    /// Names the file.
    pub fn count(&mut self, name: &str, count: &mut u64) -> Result<()> {
        self.value(name, count)?;
        self.check(name, "a number below 2^62 is expected", || *count < 1 << 62)
    }

    /// Checks what was loaded, where something was: that `fits`, which `expected` says in words.
    ///
    /// # Errors
    /// Names `name`, which does not fit.
    pub fn check(&self, name: &str, expected: &str, fits: impl FnOnce() -> bool) -> Result<()> {
        let Mode::Load { dir, scope, .. } = &self.mode else { return Ok(()) };
        ensure!(
            !scope.holds(name) || fits(),
            "{} is damaged: {name} does not fit, {expected}",
            dir.display()
        );
        Ok(())
    }

    /// Checks that bytes saved under `name`, where they are about to be loaded, are `n` elements of
    /// `size` bytes: before room is made for so many.
    ///
    /// # Errors
    /// Both lengths.
    pub fn check_len(&self, name: &str, n: usize, size: usize) -> Result<()> {
        let Mode::Load { dir, manifest, scope } = &self.mode else { return Ok(()) };
        let file = format!("{name}.bin");
        if let Some(entry) = manifest.get(&file).filter(|_| scope.holds(&file)) {
            ensure!(
                n.checked_mul(size).is_some_and(|bytes| bytes as u64 == entry.bytes),
                "{} is damaged: {file} holds {} bytes, {n} times {size} are expected",
                dir.display(),
                entry.bytes
            );
        }
        Ok(())
    }

    /// Saves `bytes` under `name`, or overwrites them by what was saved.
    ///
    /// # Errors
    /// Names the file; both lengths where they differ.
    pub fn bytes(&mut self, name: &str, bytes: &mut [u8]) -> Result<()> {
        let file = format!("{name}.bin");
        if let Some(saved) = self.exchange_bytes(&file, || Ok(bytes.to_vec()))? {
            ensure!(
                saved.len() == bytes.len(),
                "{file} holds {} bytes, {} are expected",
                saved.len(),
                bytes.len()
            );
            bytes.copy_from_slice(&saved);
        }
        Ok(())
    }

    /// Saves `bytes` under `name`, or replaces them by what was saved, of whatever length.
    ///
    /// # Errors
    /// Names the file.
    pub fn blob(&mut self, name: &str, bytes: &mut Vec<u8>) -> Result<()> {
        if let Some(saved) = self.exchange_bytes(&format!("{name}.bin"), || Ok(bytes.clone()))? {
            *bytes = saved;
        }
        Ok(())
    }

    /// Saves tensors under `name`, or overwrites each by what was saved of it.
    ///
    /// # Errors
    /// If one is not finite (a model that diverged must not replace a good one); names the
    /// tensor that is absent, not known or of another shape, before any is changed.
    pub fn tensors(&mut self, name: &str, vars: &[(String, Var)]) -> Result<()> {
        let file = format!("{name}.safetensors");
        let saved = self.exchange_bytes(&file, || {
            for (tensor, var) in vars {
                if !is_finite(var)? {
                    return Err(NotFinite(format!("{name}: {tensor}")).into());
                }
            }
            let named = vars.iter().map(|(name, var)| (name, var.as_tensor()));
            Ok(safetensors::serialize(named, None)?)
        })?;
        let Some(saved) = saved else { return Ok(()) };
        let mut loaded = Vec::with_capacity(vars.len());
        let all = safetensors::SafeTensors::deserialize(&saved)
            .with_context(|| format!("{file} is damaged"))?;
        ensure!(
            all.len() == vars.len(),
            "{file} holds {} tensors, {} are expected",
            all.len(),
            vars.len()
        );
        for (tensor, var) in vars {
            let view = all.tensor(tensor).with_context(|| format!("{tensor} is not in {file}"))?;
            ensure!(
                view.shape() == var.dims(),
                "{tensor} in {file} has shape {:?}, {:?} is expected",
                view.shape(),
                var.dims()
            );
            let dtype = candle_core::DType::try_from(view.dtype())?;
            ensure!(
                dtype == var.dtype(),
                "{tensor} in {file} is of type {dtype:?}, {:?} is expected",
                var.dtype()
            );
            let value = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), var.device())?;
            ensure!(is_finite(&value)?, "{tensor} in {file} is not finite");
            loaded.push(value);
        }
        for ((_, var), tensor) in vars.iter().zip(&loaded) {
            var.set(tensor)?;
        }
        Ok(())
    }

    /// Saves what `now` gives as `file`, or returns what was saved.
    fn exchange_bytes(
        &mut self,
        file: &str,
        now: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        match &mut self.mode {
            Mode::Load { scope, .. } if !scope.holds(file) => return Ok(None),
            Mode::Load { dir, manifest, .. } => {
                let entry = manifest.get(file);
                let Some(entry) = entry else { bail!("{} has no {file}", dir.display()) };
                return Ok(Some(read_file(&dir.join(file), entry.bytes)?));
            }
            Mode::Save { dir, manifest } => {
                let (bytes, path) = (now()?, dir.join(file));
                write_synced(&path, &bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                manifest.insert(file.to_owned(), Entry::of(&bytes));
            }
            Mode::Hash { model } if is_model(file) => model.update(now()?),
            Mode::Hash { .. } => {}
        }
        Ok(None)
    }
}

impl Drop for Checkpoint {
    /// A checkpoint that was not committed leaves nothing behind.
    fn drop(&mut self) {
        if let Mode::Save { dir, .. } = &self.mode {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

impl Entry {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }
}

/// SHA-256 over the bits of what `state` saves as [`MODEL`], in hexadecimal.
///
/// # Errors
/// Errors of `state`.
pub fn model_hash(state: impl FnOnce(&mut Checkpoint) -> Result<()>) -> Result<String> {
    let mut checkpoint = Checkpoint { mode: Mode::Hash { model: Sha256::new() } };
    state(&mut checkpoint)?;
    match &checkpoint.mode {
        Mode::Hash { model } => Ok(hex(&model.clone().finalize())),
        _ => bail!("a checkpoint does not change its mode"),
    }
}

fn partial(dir: &Path) -> PathBuf {
    dir.with_extension("partial")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    // 0·x is 0 for every finite x and NaN for the others: one reduction on any device.
    let zero = (tensor * 0.0)?.sum_all()?.to_dtype(candle_core::DType::F64)?;
    Ok(zero.to_scalar::<f64>()? == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn var(values: &[f32]) -> (String, Var) {
        let var = Var::new(values, &Device::Cpu).unwrap();
        ("w".to_owned(), var)
    }

    fn state(
        checkpoint: &mut Checkpoint,
        w: &[(String, Var)],
        n: &mut u64,
        raw: &mut [u8],
    ) -> Result<()> {
        checkpoint.tensors(MODEL, w)?;
        checkpoint.value("n", n)?;
        checkpoint.bytes("raw", raw)
    }

    #[test]
    fn comes_back_to_the_bit_and_only_when_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        state(&mut checkpoint, &[var(&[1.5, -2.0])], &mut 7, &mut [1, 2, 3]).unwrap();
        assert!(!path.exists());
        checkpoint.commit().unwrap();

        let (w, mut n, mut raw) = ([var(&[0.0, 0.0])], 0, [0; 3]);
        state(&mut Checkpoint::open(&path, Scope::All).unwrap(), &w, &mut n, &mut raw).unwrap();
        assert_eq!(w[0].1.to_vec1::<f32>().unwrap(), [1.5, -2.0]);
        assert_eq!((n, raw), (7, [1, 2, 3]));
        let load = |w: &[(String, Var)], raw: &mut [u8]| {
            let error = state(&mut Checkpoint::open(&path, Scope::All).unwrap(), w, &mut 0, raw)
                .unwrap_err();
            format!("{error:#}")
        };
        assert!(load(&[var(&[0.0])], &mut [0; 3]).contains("shape [2], [1] is expected"));
        assert!(load(&[var(&[0.0; 2]), var(&[0.0; 2])], &mut [0; 3]).contains("holds 1 tensors"));
        assert!(load(&[var(&[0.0; 2])], &mut [0; 9]).contains("3 bytes, 9 are expected"));
    }

    #[test]
    fn blobs_come_back_with_their_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        checkpoint.blob("film", &mut vec![1, 2, 3]).unwrap();
        checkpoint.commit().unwrap();
        for mut bytes in [Vec::new(), vec![9; 7]] {
            Checkpoint::open(&path, Scope::All).unwrap().blob("film", &mut bytes).unwrap();
            assert_eq!(bytes, [1, 2, 3]);
        }
    }

    #[test]
    fn damage_is_found_before_anything_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        state(&mut checkpoint, &[var(&[1.5])], &mut 7, &mut [1, 2, 3]).unwrap();
        checkpoint.commit().unwrap();
        for (file, bytes) in [("raw.bin", b"\x01\x02".as_slice()), ("raw.bin", b"\x01\x02\x04")] {
            fs::write(path.join(file), bytes).unwrap();
            let error = Checkpoint::open(&path, Scope::All).err().unwrap().to_string();
            assert!(error.contains("raw.bin is damaged"), "{error}");
        }
        fs::remove_file(path.join("raw.bin")).unwrap();
        assert!(Checkpoint::open(&path, Scope::All).is_err());
    }

    #[test]
    fn the_model_alone_can_be_loaded_where_the_rest_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        state(&mut checkpoint, &[var(&[1.5])], &mut 7, &mut [1, 2, 3]).unwrap();
        checkpoint.commit().unwrap();
        fs::write(path.join("raw.bin"), b"").unwrap();
        let (w, mut n) = ([var(&[0.0])], 3);
        let mut checkpoint = Checkpoint::open(&path, Scope::Model).unwrap();
        state(&mut checkpoint, &w, &mut n, &mut [9; 3]).unwrap();
        assert_eq!((w[0].1.to_vec1::<f32>().unwrap(), n), (vec![1.5], 3));
        fs::write(path.join("manifest.json"), b"{}").unwrap();
        let mut emptied = Checkpoint::open(&path, Scope::All).unwrap();
        assert!(state(&mut emptied, &w, &mut n, &mut [9; 3]).is_err());
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpoint = Checkpoint::create(&dir.path().join("step-1")).unwrap();
        let error = checkpoint.tensors(MODEL, &[var(&[f32::NAN])]).unwrap_err();
        assert!(error.is::<NotFinite>());
        drop(checkpoint);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_hash_is_of_the_model_alone() {
        let hash = |w: f32, n: u64| {
            model_hash(|checkpoint| state(checkpoint, &[var(&[w])], &mut { n }, &mut [])).unwrap()
        };
        assert_eq!(hash(1.0, 1), hash(1.0, 2));
        assert_ne!(hash(1.0, 1), hash(1.5, 1));
        assert_eq!(hash(1.0, 1).len(), 64);
    }
}
