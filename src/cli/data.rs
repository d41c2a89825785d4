//! `lab data`: fetch data sets, and look at them.
use crate::registry::{DataName, find};
use crate::render::sheet;
use crate::run::data as run_data;
use crate::told;
use crate::usage::Usage;
use anyhow::Result;
use generative::data::{DOWNLOADS, Got};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Download or show a data set
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Fetch a public set: what broke off is gone on with, every file is checked by SHA-256
    Get {
        /// Set to fetch: cifar-10, fashion-mnist or mnist
        name: String,
        /// Directory to put it into [default: data/NAME]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Address to fetch from, to which the names of the files are appended
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Write the first training images of a set as one image grid
    Show {
        /// Set to show (`lab list data`); with the path of its files, as in mnist:PATH
        #[arg(value_name = "NAME[:PATH]")]
        name: String,
        /// Number of images
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        n: u32,
        /// Image file to write [default: NAME.png]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match &args.what {
        What::Get { name, dir, mirror } => get(name, dir.as_deref(), mirror.as_deref(), out),
        What::Show { name, n, out: path } => show(name, *n as usize, path.as_deref(), out),
    }
}

fn get(name: &str, dir: Option<&Path>, mirror: Option<&str>, out: &mut dyn Write) -> Result<()> {
    let download = find("data set to fetch", name, DOWNLOADS, |download| download.name)?;
    if let Some(mirror) = mirror {
        check_mirror(mirror)?;
    }
    let dir = dir.map_or_else(|| Path::new("data").join(name), Path::to_owned);
    let mut said = Ok(());
    download.get(&dir, mirror, |file, got| {
        let got = match got {
            Got::Fetched => "fetched and checked",
            Got::There => "was there, checked",
        };
        said = writeln!(out, "{}: {} bytes, {got}", dir.join(file.name).display(), file.bytes)
            .and_then(|()| out.flush());
    })?;
    said?;
    writeln!(out, "Try next:\n  lab vae --data {name}:{}", told::path(&dir))?;
    Ok(())
}

/// Refuses what is no address.
fn check_mirror(mirror: &str) -> Result<(), Usage> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| mirror.strip_prefix(scheme));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host.filter(|host| !host.is_empty() && !mirror.contains(char::is_whitespace)) {
        Some(_) => Ok(()),
        None => Err(Usage(format!(
            "--mirror {mirror}: an address is expected, as in https://example.org/files"
        ))),
    }
}

fn show(name: &str, n: usize, path: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let data = DataName::parse(name)?;
    let loaded = data.load(&params::resolve(&(data.entry.options)(), &Default::default())?)?;
    run_data::tell(&loaded.notes);
    let images = loaded.dataset.images()?.train;
    let n = n.min(images.len());
    let path =
        path.map_or_else(|| PathBuf::from(format!("{}.png", data.entry.name)), Path::to_owned);
    sheet::write(&path, &images.take(0..n), (1..).find(|side| side * side >= n).unwrap_or(n))?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}
