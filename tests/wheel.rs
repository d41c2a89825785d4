//! The Python package: its wheel is built into a virtual environment under target/, and the tests in `python/tests` run
//! there. Skipped where there is no Python, or nowhere to install from.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program that must go well; otherwise its standard error.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let told = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", told())) }
}

/// Python with what the wheel and its making need.
fn python() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheel");
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let there = || run(Command::new(&python).args(["-c", "import gymnasium, maturin, numpy"]));
    if there().is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
        let packages = ["gymnasium", "maturin", "numpy"];
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
        there()?;
    }
    Ok(python)
}

/// Builds the wheel with the dependencies that `cargo test` has compiled, and installs it.
fn install(python: &Path) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let wheels = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = Command::new(python);
    build.args(["-m", "maturin", "build", "--profile", "dev", "--locked", "--out"]).arg(&wheels);
    build.arg("--target-dir").arg(target).arg("--interpreter").arg(python);
    // Variables of the cargo that runs this test would have dependencies compiled anew.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG")) {
        build.env_remove(name);
    }
    run(build.current_dir(root().join("python"))).unwrap();
    let wheel = std::fs::read_dir(&wheels).unwrap().next().unwrap().unwrap().path();
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]);
    run(install.arg(wheel)).unwrap();
}

#[test]
fn the_wheel_passes_its_tests() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let begun = Instant::now();
    install(&python);
    println!("the wheel was built and installed in {:.0} s", begun.elapsed().as_secs_f64());
    // Away from the sources, so that the installed package is the one that is tested.
    let mut tests = Command::new(&python);
    tests.args(["-m", "unittest", "discover", "--start-directory"]);
    run(tests.arg(root().join("python/tests")).current_dir(env!("CARGO_TARGET_TMPDIR"))).unwrap();
}

/// Versions of `python/Cargo.lock` are those of the root's, so that the same dependencies are compiled once.
#[test]
fn versions_are_those_of_the_workspace() {
    let locked = |file: &str| -> Vec<(String, String)> {
        let lock: toml::Table =
            std::fs::read_to_string(root().join(file)).unwrap().parse().unwrap();
        let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        let packages = lock["package"].as_array().unwrap().iter();
        packages.map(|package| (text(package, "name"), text(package, "version"))).collect()
    };
    let ours = locked("Cargo.lock");
    let names: Vec<_> = ours.iter().map(|(name, _)| name).collect();
    // The crate gymnasium-rs, behind a feature, has an older pyo3 than the package, and what comes with that.
    let is_pyo3 = |name: &str| name.starts_with("pyo3") || name == "target-lexicon";
    let packages = locked("python/Cargo.lock").into_iter().filter(|(name, _)| !is_pyo3(name));
    for package in packages {
        assert!(ours.contains(&package) || !names.contains(&&package.0), "{package:?}");
    }
}
