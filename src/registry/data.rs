//! The data sets.
use super::{Fields, Options};
use anyhow::Result;
use generative::data::{
    BarsConfig, CoinsConfig, Dataset, FolderConfig, GlyphsConfig, GridConfig, PlanarConfig, Record,
    Stored, bars, cifar_10, coins, fashion_mnist, folder, gaussians_8, gaussians_25, glyphs, mnist,
    parity, stripes, two_moons,
};
use params::Parameters as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use train::Memory;

/// A data set by name.
#[derive(Clone, Copy)]
pub struct DataEntry {
    /// Name for `--data`, before the colon.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its options.
    pub options: Fields,
    /// Source of its images or points.
    pub source: DataSource,
}

/// Source of a data set: computed, or read from files.
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
        about: "CIFAR-10, binary version: 60,000 colour images 32×32 (`lab data get cifar-10`)",
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
        about: "Fashion-MNIST: 70,000 grey images 28×28 of clothes (`lab data get fashion-mnist`)",
        options: super::no_options,
        source: DataSource::Files(|path, _| fashion_mnist(path)),
    },
    DataEntry {
        name: "folder",
        about: "Images of your own, of one size: --data folder:PATH",
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
        about: "MNIST: 70,000 grey images 28×28 of digits (`lab data get mnist`)",
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

/// Refuses images or points that there is no memory for.
fn check_room(options: &Options) -> Result<()> {
    let number = |key: &str| options.get(key).and_then(Value::as_u64).map(|n| n as usize);
    // A point is of two floats; a glyph, the only image whose side is fixed, of 28×28 bytes.
    let glyph = options.contains_key("classes").then_some(28 * 28);
    let each = match number("side") {
        // Larger ones are refused whatever the number of images.
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
    /// Record for `run.json`, where it was read from files.
    pub record: Option<Record>,
    /// Sentences for the user.
    pub notes: Vec<String>,
}
