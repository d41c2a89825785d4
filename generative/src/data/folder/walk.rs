//! Walk through a folder and its subfolders: image files, and everything passed over.
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Endings of the names of images.
pub(super) const ENDINGS: [&str; 9] =
    ["bmp", "gif", "jpeg", "jpg", "pbm", "pgm", "png", "ppm", "webp"];

/// Entries that are looked at before it is taken for the wrong folder.
const MOST: usize = 5_000_000;

/// An image that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) file: PathBuf,
    /// Its path within the folder, as names.
    pub(super) within: Vec<String>,
}

impl Found {
    /// Its path within the folder.
    pub(super) fn name(&self) -> String {
        self.within.join("/")
    }
}

/// Files found in a folder, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// By path.
    pub(super) images: Vec<Found>,
    /// Hidden files and folders, which programs leave behind.
    pub(super) hidden: Vec<String>,
    /// Files that are not readable images, by name or by kind.
    pub(super) others: Vec<String>,
    /// Folders that hold no image.
    pub(super) empty: Vec<String>,
}

/// Everything in `root`, however deep. Links are followed, but not back to a folder that they lie in.
///
/// # Errors
/// Names the folder that can't be listed, the image that is a link to nothing, or a folder whose name is no
/// text.
pub(super) fn walk(root: &Path) -> Result<Walk> {
    let mut found = Walk::default();
    visit(root, root, &mut Vec::new(), &mut found)?;
    found.images.sort_by(|a, b| a.file.cmp(&b.file));
    let holding: BTreeSet<&Path> =
        found.images.iter().flat_map(|image| image.file.ancestors().skip(1)).collect();
    found.empty.retain(|folder| !holding.contains(&*root.join(folder)));
    Ok(found)
}

/// Adds what lies in `dir`; `above` are the folders that it lies in, by their real paths.
fn visit(root: &Path, dir: &Path, above: &mut Vec<PathBuf>, found: &mut Walk) -> Result<()> {
    let cannot = || format!("cannot list {}", dir.display());
    above.push(dir.canonicalize().with_context(cannot)?);
    for path in listed(dir).with_context(cannot)? {
        let within = path.strip_prefix(root).unwrap_or(&path);
        let name = within.to_string_lossy().into_owned();
        ensure!(
            found.hidden.len() + found.others.len() + found.images.len() < MOST,
            "{} holds more than {MOST} files; give the folder of the images alone",
            root.display()
        );
        if is_hidden(&path) {
            found.hidden.push(name);
            continue;
        }
        let kind = match path.metadata() {
            Ok(facts) => facts.file_type(),
            Err(error) if is_image(&path) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
            // A link to nothing, or in a circle.
            Err(_) => {
                found.others.push(name);
                continue;
            }
        };
        if kind.is_dir() {
            ensure!(
                path.file_name().is_none_or(|name| name.to_str().is_some()),
                "the name of the folder {} is not UTF-8, and a class can't be called by it; rename it",
                path.display()
            );
            let real =
                path.canonicalize().with_context(|| format!("cannot list {}", path.display()))?;
            if above.contains(&real) {
                found.others.push(format!("{name}, a link to a folder that it lies in"));
                continue;
            }
            found.empty.push(name);
            visit(root, &path, above, found)?;
        } else if !is_image(&path) {
            found.others.push(name);
        } else if kind.is_file() {
            let parts = within.components().map(Component::as_os_str);
            let within = parts.map(|part| part.to_string_lossy().into_owned()).collect();
            found.images.push(Found { file: path, within });
        } else {
            bail!(
                "{} is called like an image, but is not a regular file; move it away",
                path.display()
            )
        }
    }
    above.pop();
    Ok(())
}

/// Entries of a directory, sorted by name.
fn listed(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let all = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let mut all = all.collect::<std::io::Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// Returns `true` for files that programs leave beside images: names that begin with a dot, and those
/// that Windows and archives from a Mac add.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    name.starts_with('.') || ["thumbs.db", "desktop.ini", "__macosx"].contains(&&*name)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}
