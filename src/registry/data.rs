//! The data sets.
use super::{Fields, Options, config};
use anyhow::Result;
use generative::data::{
    BarsConfig, CoinsConfig, Dataset, FolderConfig, GlyphsConfig, GridConfig, PlanarConfig, Record,
    Stored, bars, checkerboard, cifar_10, coins, fashion_mnist, folder, gaussian, gaussian_turned,
    gaussians_8, gaussians_25, glyphs, mnist, parity, rings, stripes, swiss_roll, two_moons,
};
use params::Parameters;
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

impl DataEntry {
    /// A synthetic data set, from its options alone.
    pub const fn drawn(
        name: &'static str,
        about: &'static str,
        options: Fields,
        make: fn(&Options) -> Result<Dataset>,
    ) -> Self {
        Self { name, about, options, source: DataSource::Drawn(make) }
    }

    /// A data set read from files, by their path and its options.
    pub const fn files(
        name: &'static str,
        about: &'static str,
        options: Fields,
        read: fn(&Path, &Options) -> Result<Stored>,
    ) -> Self {
        Self { name, about, options, source: DataSource::Files(read) }
    }
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
    DataEntry::drawn(
        "bars",
        "White rows and columns, independent (Földiák 1990); entropy known",
        BarsConfig::fields,
        |options| drawn(options, bars),
    ),
    DataEntry::drawn(
        "checkerboard",
        "Eight squares of a board in the plane (Grathwohl et al. 2019); entropy known",
        PlanarConfig::fields,
        |options| drawn(options, checkerboard),
    ),
    DataEntry::files(
        "cifar-10",
        "CIFAR-10, binary version: 60,000 colour images 32×32 (`lab data get cifar-10`)",
        super::no_options,
        |path, _| cifar_10(path),
    ),
    DataEntry::drawn(
        "coins",
        "Independent pixels; entropy known",
        CoinsConfig::fields,
        |options| drawn(options, coins),
    ),
    DataEntry::files(
        "fashion-mnist",
        "Fashion-MNIST: 70,000 grey images 28×28 of clothes (`lab data get fashion-mnist`)",
        super::no_options,
        |path, _| fashion_mnist(path),
    ),
    DataEntry::files(
        "folder",
        "Images of your own, of one size: --data folder:PATH",
        FolderConfig::fields,
        |path, options| folder(path, &config(options)?),
    ),
    DataEntry::drawn(
        "gaussian",
        "A Gaussian in the plane, standard deviations 5 and 1 (CS294-158); entropy known",
        PlanarConfig::fields,
        |options| drawn(options, gaussian),
    ),
    DataEntry::drawn(
        "gaussian-turned",
        "The same turned by 45°; entropy known",
        PlanarConfig::fields,
        |options| drawn(options, gaussian_turned),
    ),
    DataEntry::drawn(
        "gaussians-25",
        "25 Gaussians on a grid in the plane (Lin et al. 2018); entropy known",
        PlanarConfig::fields,
        |options| drawn(options, gaussians_25),
    ),
    DataEntry::drawn(
        "gaussians-8",
        "8 Gaussians on a circle in the plane (Metz et al. 2017); entropy known",
        PlanarConfig::fields,
        |options| drawn(options, gaussians_8),
    ),
    DataEntry::drawn(
        "glyphs",
        "Handwritten digits and letters from pen strokes: grey, 28×28, labelled, any number",
        GlyphsConfig::fields,
        |options| drawn(options, glyphs),
    ),
    DataEntry::files(
        "mnist",
        "MNIST: 70,000 grey images 28×28 of digits (`lab data get mnist`)",
        super::no_options,
        |path, _| mnist(path),
    ),
    DataEntry::drawn(
        "parity",
        "Coins, but the last of each row makes it even; entropy known",
        GridConfig::fields,
        |options| drawn(options, parity),
    ),
    DataEntry::drawn(
        "rings",
        "Four circles in the plane, with noise (Grathwohl et al. 2019)",
        PlanarConfig::fields,
        |options| drawn(options, rings),
    ),
    DataEntry::drawn(
        "stripes",
        "White rows or columns, never both (MacKay 2003); entropy known",
        GridConfig::fields,
        |options| drawn(options, stripes),
    ),
    DataEntry::drawn(
        "swiss-roll",
        "A spiral in the plane, noise 0.5 (scikit-learn's make_swiss_roll, CS294-158)",
        PlanarConfig::fields,
        |options| drawn(options, swiss_roll),
    ),
    DataEntry::drawn(
        "two-moons",
        "Two half circles in the plane (scikit-learn's make_moons)",
        PlanarConfig::fields,
        |options| drawn(options, two_moons),
    ),
];

fn drawn<C: Parameters>(options: &Options, make: fn(&C) -> Result<Dataset>) -> Result<Dataset> {
    check_room(options)?;
    make(&config(options)?)
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
