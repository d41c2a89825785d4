//! Damaged input to every reader: whatever the bytes, a reader answers or refuses, soon and in little memory.
//!
//! Inputs are sound ones, mutated by a stream of our own: `case i` of a reader is the same for ever. A reader that
//! panics fails the test, as one does that takes too long or too much.
mod mutate;
mod readers;

use ::train::stream;
use mutate::mutated;
use readers::{Reader, readers};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time limit of a reader for one input.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that the whole process may have taken.
const MEMORY: u64 = 1 << 30;

/// Results for one reader: inputs tried and accepted, slowest read, peak memory.
struct Row {
    name: &'static str,
    inputs: usize,
    accepted: usize,
    slowest: Duration,
    /// Bytes held at most, all readers before it included where the system can't start anew.
    peak: u64,
}

/// Shows `reader` as many mutated inputs as it is worth, divided by `by`.
fn run(reader: &mut Reader, by: usize) -> Row {
    // What was held at most until now no longer counts.
    _ = fs::write("/proc/self/clear_refs", "5");
    let inputs = (reader.inputs / by).max(20);
    let mut row = Row { name: reader.name, inputs, accepted: 0, slowest: Duration::ZERO, peak: 0 };
    for i in 0..inputs {
        let mut rng = stream(1, &format!("{}/{i}", reader.name));
        let input = mutated(&reader.sound, &mut rng);
        let begun = Instant::now();
        row.accepted += usize::from((reader.read)(&input));
        row.slowest = row.slowest.max(begun.elapsed());
        assert!(begun.elapsed() < PATIENCE, "{} case {i} took {:?}", reader.name, begun.elapsed());
    }
    row.peak = held();
    assert!(row.peak < MEMORY, "{} took {} bytes", reader.name, row.peak);
    row
}

/// Bytes that this process has held at most.
fn held() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn run_all(by: usize) -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    readers(dir.path()).iter_mut().map(|reader| run(reader, by)).collect()
}

#[test]
fn every_reader_answers_or_refuses() {
    for row in run_all(100) {
        // Neither is everything refused before it is looked at, nor is anything read at all.
        assert!(row.accepted < row.inputs, "{} accepts everything", row.name);
    }
}

#[test]
fn every_algorithm_is_among_the_readers() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<_> = readers(dir.path()).iter().map(|reader| reader.name).collect();
    for algorithm in crate::registry::algorithms() {
        assert!(names.contains(&algorithm.name), "{}", algorithm.name);
    }
}

#[test]
fn every_reader_reads_what_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    for mut reader in readers(dir.path()) {
        for sound in reader.sound.clone() {
            assert!((reader.read)(&sound), "{}", reader.name);
        }
    }
}

#[test]
#[ignore = "a hundred thousand inputs, several minutes; prints the table of docs/reliability.md"]
fn a_hundred_thousand_inputs_do_no_harm() {
    let rows = run_all(1);
    println!("| reader | inputs | accepted | refused | panics | slowest | peak memory |");
    println!("|---|---|---|---|---|---|---|");
    for Row { name, inputs, accepted, slowest, peak } in &rows {
        let (refused, slowest) = (inputs - accepted, slowest.as_secs_f64() * 1e3);
        let peak = *peak as f64 / f64::from(1 << 20);
        println!(
            "| {name} | {inputs} | {accepted} | {refused} | 0 | {slowest:.0} ms | {peak:.0} MiB |"
        );
    }
    let inputs: usize = rows.iter().map(|row| row.inputs).sum();
    println!("{inputs} inputs");
    assert!(inputs >= 100_000);
    // What is refused before it is looked at tells nothing.
    assert!(rows.iter().all(|row| row.accepted > 0));
}
