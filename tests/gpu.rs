//! The benchmark of a GPU, in its shortest form on the CPU.
use std::path::Path;
use std::process::Command;

#[test]
fn the_dry_run_measures_every_part() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let output =
        Command::new("benches/gpu.sh").arg("--dry-run").current_dir(root).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let table = std::fs::read_to_string(root.join("target/gpu/benchmarks-gpu.md")).unwrap();
    assert!(table.contains("the CPU (a dry run)"), "{table}");
    for (part, unit) in [
        ("ppo on breakout", "transitions"),
        ("dqn on breakout", "transitions"),
        ("vae", "images"),
        ("pixelcnn", "images"),
        ("gan", "images"),
    ] {
        let line = table.lines().find(|line| line.starts_with(&format!("| {part} |")));
        let line = line.unwrap_or_else(|| panic!("no {part} in {table}"));
        let rate = line.trim_end_matches('|').trim().strip_suffix(unit).unwrap();
        let rate = rate.rsplit('|').next().unwrap().trim().replace('k', "000");
        assert!(rate.parse::<f64>().unwrap() > 0.0, "{line}");
    }
    let row = table.lines().find(|line| line.starts_with("| `dqn-mlp`")).unwrap();
    assert!(
        row.split('|').nth(2).unwrap().trim().trim_end_matches('k').parse::<f64>().unwrap() > 0.0
    );
    let refused = Command::new("benches/gpu.sh").arg("--dry").current_dir(root).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unknown option --dry"));
}
