//! Files that are there whole or not at all.
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::Builder;

/// Links followed from one to the next, as many as Linux follows.
const LINKS: usize = 40;

/// Age at which leftovers of a killed writer are removed by the next one.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Replaces `path` by `bytes`: written beside, by a name that no other writer has, synced, renamed, the
/// directory synced. A link stays, and what it points to is replaced. A device is written to.
///
/// # Errors
/// Names the file; what was there before is then still there. A directory, a pipe, a disk.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let told = || format!("cannot write {}", path.display());
    let target = target(path).with_context(told)?;
    let kind = match fs::symlink_metadata(&target) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found.with_context(told)?.file_type()),
    };
    match kind {
        None => replace(&target, bytes).with_context(told),
        Some(kind) if kind.is_file() => replace(&target, bytes).with_context(told),
        Some(kind) if kind.is_dir() => {
            bail!("{}: it is a directory; give the name of a file", told())
        }
        Some(kind) if is_stream_device(kind) => {
            let write = || File::options().write(true).open(&target)?.write_all(bytes);
            write().with_context(told)
        }
        Some(_) => bail!("{}: it is no file, and is left as it is; give another name", told()),
    }
}

/// Returns `true` for a device that takes bytes one after the other at once and with nobody waiting, as
/// `/dev/null` does.
#[cfg(unix)]
fn is_stream_device(kind: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_char_device()
}

#[cfg(not(unix))]
fn is_stream_device(_: fs::FileType) -> bool {
    false
}

/// Final target of a chain of links, whether it exists or not.
fn target(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_symlink()) {
            return Ok(path);
        }
        let next = fs::read_link(&path)?;
        // What /proc/self/fd shows of a pipe is no path.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) && !next.exists() {
            bail!("it is a link to what is no file; give another name");
        }
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    bail!("it is a link to a link, and so on without end")
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::metadata(dir)?;
    let name = path.file_name().context("it has no name")?;
    let mut prefix = name.to_owned();
    prefix.push(".");
    let mut partial = Builder::new();
    partial.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As files are usually made, less what the user's mask takes away.
        partial.permissions(fs::Permissions::from_mode(0o666));
    }
    // Dropped unless it is renamed: then it removes itself.
    // An error that names it would name a file that nobody has asked for.
    let mut partial =
        partial.tempfile_in(dir).map_err(|error| std::io::Error::from(error.kind()))?;
    partial.as_file_mut().write_all(bytes)?;
    partial.as_file().sync_all()?;
    partial.persist(path).map_err(|error| error.error)?;
    tidy(dir, &prefix.to_string_lossy());
    sync_dir(dir)
}

/// Removes leftovers of killed writers of a file. Failing to do so is no error.
fn tidy(dir: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if name.starts_with(prefix) && name.ends_with(".partial") && age() > Some(ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes renames in `dir` survive a power failure. Directories can't be synced on Windows.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    #[cfg(unix)]
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot sync {}", dir.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path, why: &str| {
            let error = format!("{:#}", write_atomic(path, b"new").unwrap_err());
            let told = format!("cannot write {}: ", path.display());
            assert!(error.starts_with(&told) && error.contains(why), "{error}");
            assert!(!error.contains(".partial"), "{error}");
        };
        let inner = dir.path().join("result.json");
        fs::create_dir(&inner).unwrap();
        refused(&inner, "it is a directory; give the name of a file");
        refused(&dir.path().join("none/x"), "No such file or directory");
        assert_eq!(names(dir.path()), ["result.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_devices_stay_what_they_are() {
        use std::os::unix::fs::{FileTypeExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("far")).unwrap();
        fs::write(at("far/file"), "old").unwrap();
        symlink("far/file", at("link")).unwrap();
        symlink("link", at("twice")).unwrap();
        write_atomic(&at("twice"), b"new").unwrap();
        assert_eq!(fs::read(at("far/file")).unwrap(), b"new");
        symlink("far/later", at("early")).unwrap();
        write_atomic(&at("early"), b"new").unwrap();
        assert_eq!(names(&at("far")), ["file", "later"]);
        for name in ["link", "twice", "early"] {
            assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
        }
        symlink("round", at("round")).unwrap();
        let refused = |path: &Path, why: &str| {
            let error = format!("{:#}", write_atomic(path, b"new").unwrap_err());
            assert!(error.contains(why) && error.contains("cannot write"), "{error}");
        };
        refused(&at("round"), "a link to a link");
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        refused(&at("pipe"), "it is no file, and is left as it is; give another name");
        symlink("pipe", at("to-pipe")).unwrap();
        refused(&at("to-pipe"), "give another name");
        assert!(fs::symlink_metadata(at("pipe")).unwrap().file_type().is_fifo());
        write_atomic(Path::new("/dev/null"), b"new").unwrap();
        assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
        #[cfg(target_os = "linux")]
        refused(Path::new("/dev/full"), "No space left on device");
        assert!(names(dir.path()).iter().all(|name| !name.ends_with(".partial")));
    }

    #[test]
    fn many_writers_at_once_all_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("curves.svg");
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let path = &path;
                scope.spawn(move || {
                    (0..20).for_each(|_| write_atomic(path, &[writer; 5000]).unwrap());
                });
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 5000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(names(dir.path()), ["curves.svg"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_when_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * ABANDONED;
        for (name, age) in [
            ("a.svg.x1.partial", old),
            ("a.svg.x2.partial", SystemTime::now()),
            ("b.svg.x3.partial", old),
        ] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(age).unwrap();
        }
        write_atomic(&dir.path().join("a.svg"), b"").unwrap();
        assert_eq!(names(dir.path()), ["a.svg", "a.svg.x2.partial", "b.svg.x3.partial"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_is_written_as_the_mask_says() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        fs::write(dir.path().join("usual"), "").unwrap();
        write_atomic(&dir.path().join("atomic"), b"").unwrap();
        assert_eq!(mode("atomic"), mode("usual"));
    }
}
