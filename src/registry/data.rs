//! The data sets.
use super::{Fields, Options};
use crate::usage::Usage;
use anyhow::Result;
use generative::data::{
    BarsConfig, CoinsConfig, DOWNLOADS, Dataset, FolderConfig, GlyphsConfig, GridConfig,
    PlanarConfig, Record, Stored, bars, cifar_10, coins, fashion_mnist, folder, gaussians_8,
    gaussians_25, glyphs, mnist, parity, stripes, two_moons,
};
use params::Parameters as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use train::Memory;

/// A data set by name.
#[derive(Clone, Copy)]
pub struct DataEntry {
    /// What `--data` takes, before the colon.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its options.
    pub options: Fields,
    /// Where it comes from.
    pub source: DataSource,
}

/// Where a data set comes from.
#[derive(Clone, Copy)]
pub enum DataSource {
    /// It is drawn, from its options alone.
    Drawn(fn(&Options) -> Result<Dataset>),
    /// It is read from files, wherever they are.
    Files(fn(&Path, &Options) -> Result<Stored>),
}

/// The data sets of lab.
pub(super) const DATA: &[DataEntry] = &[
    DataEntry {
        name: "bars",
        about: "White rows and columns, each drawn by itself (Földiák 1990); entropy known",
        options: BarsConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, bars)),
    },
    DataEntry {
        name: "cifar-10",
        about: "CIFAR-10, binary version: 60,000 colour pictures 32×32 (`lab data get cifar-10`)",
        options: super::no_options,
        source: DataSource::Files(|path, _| cifar_10(path)),
    },
    DataEntry {
        name: "coins",
        about: "Pixels that know nothing of each other; entropy known",
        options: CoinsConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, coins)),
    },
    DataEntry {
        name: "fashion-mnist",
        about: "Fashion-MNIST: 70,000 grey pictures 28×28 of clothes (`lab data get fashion-mnist`)",
        options: super::no_options,
        source: DataSource::Files(|path, _| fashion_mnist(path)),
    },
    DataEntry {
        name: "folder",
        about: "Pictures of your own, of one size: --data folder:PATH",
        options: FolderConfig::fields,
        source: DataSource::Files(|path, options| folder(path, &config(options)?)),
    },
    DataEntry {
        name: "gaussians-25",
        about: "25 Gaussians on a grid in the plane (Lin et al. 2018); entropy known",
        options: PlanarConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, gaussians_25)),
    },
    DataEntry {
        name: "gaussians-8",
        about: "8 Gaussians on a circle in the plane (Metz et al. 2017); entropy known",
        options: PlanarConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, gaussians_8)),
    },
    DataEntry {
        name: "glyphs",
        about: "Handwritten digits and letters, drawn here: grey, 28×28, labelled, any number",
        options: GlyphsConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, glyphs)),
    },
    DataEntry {
        name: "mnist",
        about: "MNIST: 70,000 grey pictures 28×28 of digits (`lab data get mnist`)",
        options: super::no_options,
        source: DataSource::Files(|path, _| mnist(path)),
    },
    DataEntry {
        name: "parity",
        about: "Coins, but the last of each row makes it even; entropy known",
        options: GridConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, parity)),
    },
    DataEntry {
        name: "stripes",
        about: "White rows or columns, never both (MacKay 2003); entropy known",
        options: GridConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, stripes)),
    },
    DataEntry {
        name: "two-moons",
        about: "Two half circles in the plane (scikit-learn's make_moons)",
        options: PlanarConfig::fields,
        source: DataSource::Drawn(|options| drawn(options, two_moons)),
    },
];

fn drawn<C: DeserializeOwned>(
    options: &Options,
    make: fn(&C) -> Result<Dataset>,
) -> Result<Dataset> {
    check_room(options)?;
    make(&config(options)?)
}

fn config<C: DeserializeOwned>(options: &Options) -> Result<C> {
    Ok(serde_json::from_value(Value::Object(options.clone()))?)
}

/// Refuses pictures or points that there is no memory for.
fn check_room(options: &Options) -> Result<()> {
    let number = |key: &str| options.get(key).and_then(Value::as_u64).map(|n| n as usize);
    // A point is of two floats; a glyph, the only picture whose side is fixed, of 28×28 bytes.
    let glyph = options.contains_key("classes").then_some(28 * 28);
    let each = match number("side") {
        // Larger ones are refused whatever the number of pictures.
        Some(side) => side.min(64).pow(2),
        None => glyph.unwrap_or(2 * size_of::<f32>()),
    };
    let mut memory = Memory::default();
    // As they are, as they are trained on, and with their labels; validation is as large as the test.
    for (key, copies) in [("n_train", 3), ("n_test", 6)] {
        let n = number(key).unwrap_or(0);
        memory.part(key, n, [n, copies, each.saturating_add(size_of::<u32>())]);
    }
    Ok(memory.check()?)
}

/// A data set in memory.
pub struct Loaded {
    /// The set.
    pub dataset: Dataset,
    /// What a run remembers of it, where it was read from files.
    pub record: Option<Record>,
    /// Sentences for the user.
    pub notes: Vec<String>,
}

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
        let entry = super::data_set(name)?;
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

    /// The same in full: files by a path that holds wherever the program is run.
    ///
    /// # Errors
    /// Where there is no present directory.
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
    /// What is wrong with the options, or with the files.
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
        assert!(DATA.is_sorted_by(|a, b| a.name < b.name));
        for download in DOWNLOADS {
            let entry = crate::registry::data_set(download.name).unwrap();
            assert!(matches!(entry.source, DataSource::Files(_)));
        }
    }

    #[test]
    fn every_drawn_set_is_made_from_its_defaults() {
        for entry in DATA {
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
