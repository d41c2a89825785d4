//! A data set as `--data` names it, with the path of its files.
use super::Options;
use super::data::{DataEntry, DataSource, Loaded};
use crate::usage::Usage;
use anyhow::Result;
use generative::data::{DOWNLOADS, Dataset, Stored};
use std::path::{Path, PathBuf};

/// A data set as `--data` names it: `NAME`, or `NAME:PATH`.
pub struct DataName<'a> {
    /// The set.
    pub entry: &'static DataEntry,
    path: Option<&'a str>,
}

impl<'a> DataName<'a> {
    /// Finds the set.
    ///
    /// # Errors
    /// [`Usage`], with the nearest name there is; where a path is given and none is needed, or the
    /// other way round.
    pub fn parse(text: &'a str) -> Result<Self, Usage> {
        let (name, path) = match text.split_once(':') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        let entry = super::all::data_set(name)?;
        match (&entry.source, path) {
            (DataSource::Drawn(_), Some(_)) => Err(Usage(format!(
                "--data {text}: {name} is drawn and has no path; give --data {name}"
            ))),
            (DataSource::Files(_), Some("")) => {
                Err(Usage(format!("--data {text}: a path is expected after the colon")))
            }
            (DataSource::Files(_), None) if !downloaded(name) => Err(Usage(format!(
                "--data {name}: say where its files are, as in --data {name}:PATH"
            ))),
            _ => Ok(Self { entry, path }),
        }
    }

    /// Full name: files by an absolute path, which holds wherever the program is run.
    ///
    /// # Errors
    /// If there is no present directory.
    pub fn full(&self) -> Result<String> {
        let name = self.entry.name;
        Ok(match self.path() {
            Some(path) => format!("{name}:{}", std::path::absolute(path)?.display()),
            None => name.to_owned(),
        })
    }

    /// Draws it, or reads it.
    ///
    /// # Errors
    /// Invalid options; errors of the files.
    pub fn load(&self, options: &Options) -> Result<Loaded> {
        match self.entry.source {
            DataSource::Drawn(draw) => {
                Ok(Loaded { dataset: draw(options)?, record: None, notes: Vec::new() })
            }
            DataSource::Files(read) => {
                let Stored { parts, record, notes } =
                    read(&self.path().unwrap_or_default(), options)?;
                Ok(Loaded { dataset: Dataset::Images(parts), record: Some(record), notes })
            }
        }
    }

    fn path(&self) -> Option<PathBuf> {
        match self.entry.source {
            DataSource::Drawn(_) => None,
            // Where `lab data get` puts it.
            DataSource::Files(_) => Some(
                self.path.map_or_else(|| Path::new("data").join(self.entry.name), PathBuf::from),
            ),
        }
    }
}

fn downloaded(name: &str) -> bool {
    DOWNLOADS.iter().any(|download| download.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sorted_and_what_is_fetched_can_be_read() {
        assert!(crate::registry::data_sets().is_sorted_by(|a, b| a.name < b.name));
        for download in DOWNLOADS {
            let entry = crate::registry::data_set(download.name).unwrap();
            assert!(matches!(entry.source, DataSource::Files(_)));
        }
    }

    #[test]
    fn every_drawn_set_is_made_from_its_defaults() {
        for entry in crate::registry::data_sets() {
            let mut options = params::resolve(&(entry.options)(), &Options::new()).unwrap();
            let DataSource::Drawn(draw) = entry.source else {
                assert!(!options.contains_key("n_train"), "{}", entry.name);
                continue;
            };
            options.insert("n_train".to_owned(), 20.into());
            options.insert("n_test".to_owned(), 5.into());
            let sizes = match draw(&options).unwrap() {
                Dataset::Images(parts) => [parts.train.len(), parts.test.len()],
                Dataset::Points(parts) => [parts.train.at.len(), parts.test.at.len()],
            };
            assert_eq!(sizes, [20, 5], "{}", entry.name);
        }
    }

    #[test]
    fn a_name_takes_a_path_where_it_needs_one() {
        let told = |text| DataName::parse(text).err().unwrap().to_string();
        assert_eq!(told("glyfs"), "unknown data set `glyfs`; did you mean `glyphs`?");
        assert!(told("glyphs:here").contains("give --data glyphs"));
        assert!(told("folder").contains("as in --data folder:PATH"));
        assert!(told("mnist:").contains("a path is expected"));
        let here = std::env::current_dir().unwrap();
        let full = |text| DataName::parse(text).unwrap().full().unwrap();
        assert_eq!(full("mnist"), format!("mnist:{}", here.join("data/mnist").display()));
        assert_eq!(full("mnist:/a:b"), "mnist:/a:b");
        assert_eq!(full(&full("folder:x")), full("folder:x"));
    }
}
