//! Rules for the workspace as a whole.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MEMBERS: [&str; 7] =
    ["params", "train", "nn", "envs", "agents", "generative", "lab-notebook"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names under `[dependencies]` in the manifest of `member`.
fn dependencies(member: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn dependencies_point_one_way() {
    let members = |member: &str| {
        let all = dependencies(member);
        MEMBERS.into_iter().filter(|name| all.contains(*name)).collect::<Vec<_>>()
    };
    assert!(members("params").is_empty());
    assert_eq!(members("envs"), ["params"]);
    assert!(!dependencies("envs").contains("candle-core"), "environments know no tensors");
    assert_eq!(members("train"), ["params"], "the loop knows no algorithm and no environment");
    assert!(members("notebook").is_empty());
    let light = BTreeSet::from(["base64", "serde_json", "shlex"].map(str::to_owned));
    assert_eq!(dependencies("notebook"), light, "the first cell of a notebook builds them");
    assert_eq!(members("nn"), ["train"]);
    assert_eq!(members("agents"), ["train", "nn", "envs"]);
    assert_eq!(members("generative"), ["params", "train", "nn"]);
}

#[test]
fn presets_are_all_registered() {
    let files = fs::read_dir(root().join("src/registry/presets")).unwrap();
    let mut files: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut names: Vec<_> =
        lab::registry::PRESETS.iter().map(|preset| format!("{}.toml", preset.name)).collect();
    names.sort();
    assert_eq!(files, names);
}

/// Names of the functions in the item of a source file that begins with `header`.
fn functions(file: &str, header: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    assert!(text.contains(header), "{file}: no `{header}`");
    let begin = text.find(header).unwrap();
    let item = text[begin..].split("\n}\n").next().unwrap();
    let names = item.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
    names.map(|line| line.split(['(', '<']).next().unwrap().to_owned()).collect()
}

/// A method with a body of its own that a wrapper does not hand on is lost without a word.
#[test]
fn wrappers_hand_on_all_that_a_trait_has() {
    let mdp = functions("envs/src/mdp.rs", "pub trait Mdp");
    assert!(mdp.len() > 8 && mdp.contains("grid"), "{mdp:?}");
    assert_eq!(functions("envs/src/mdp.rs", "impl<M: Mdp + ?Sized> Mdp for Arc<M>"), mdp);
    let learner = functions("train/src/learner.rs", "pub trait Learner");
    assert!(learner.len() > 3 && learner.contains("first_update"), "{learner:?}");
    let observed = "impl<O: Observe> Learner for Observed<O>";
    assert_eq!(functions("train/src/observed.rs", observed), learner);
    // An observed agent or model is a learner, and shows what it wraps.
    for file in ["agents/src/oracle.rs", "generative/src/snapshots.rs"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for kind in ["Agent", "Generative", "Learner"] {
            assert!(!text.contains(&format!("impl {kind} for")), "{file} wraps by itself");
        }
    }
}

/// Sources of a crate: path, the code itself, and its tests.
fn sources(of: &Path, found: &mut Vec<(String, String, String)>) {
    for entry in fs::read_dir(of).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let file = name.rsplit('/').next().unwrap();
        let (code, tests) = match text.split_once("#[cfg(test)]\nmod tests {") {
            _ if ["tests.rs", "testing.rs", "paths.rs"].contains(&file)
                || name.contains("/tests/") =>
            {
                ("", &text[..])
            }
            Some((code, tests)) => (code, tests),
            None => (&text[..], ""),
        };
        found.push((name.clone(), code.to_owned(), tests.to_owned()));
    }
}

/// Tests that are on the CPU whatever `LAB_TEST_DEVICE` says.
const ON_THE_CPU: [(&str, &str); 6] = [
    ("nn/src/ops/tests.rs", "kernels"),
    ("nn/src/ops/paths.rs", "what a device is compared with"),
    ("nn/src/ops/logistics.rs", "a kernel"),
    ("nn/src/host.rs", "storage that is written in place"),
    ("generative/src/autoregressive/testing.rs", "sampling, which is on the CPU"),
    ("generative/src/latents/probe.rs", "a classifier on the CPU"),
];

/// Layers, losses and algorithms are tested on `train::testing::device`.
#[test]
fn tests_take_their_device_from_one_place() {
    let mut all = Vec::new();
    for name in ["nn", "agents", "generative"] {
        sources(&root().join(name).join("src"), &mut all);
    }
    let named = all.iter().filter(|(_, _, tests)| tests.contains("Device::Cpu"));
    let named: BTreeSet<&str> = named.map(|(name, ..)| &name[..]).collect();
    assert_eq!(named, BTreeSet::from(ON_THE_CPU.map(|(name, _)| name)));
    let used = all.iter().filter(|(_, _, tests)| tests.contains("device()")).count();
    assert!(used > 40, "{used}");
}

/// Reading of a tensor that no step of training does.
const READ_AT_LEISURE: [(&str, &str); 6] = [
    ("agents/src/dqn/acting.rs", "tables of values"),
    ("agents/src/on_policy/trainer.rs", "a table of values"),
    ("agents/src/pqn.rs", "tables of values"),
    ("generative/src/autoregressive/output.rs", "log-likelihoods of an evaluation"),
    ("generative/src/latents/probe.rs", "a classifier on the CPU"),
    ("generative/src/measures/neighbours.rs", "a measure on the CPU"),
];

/// Training reads by `Download`, which tests/downloads.rs counts.
#[test]
fn tensors_are_read_in_one_way() {
    let mut all = Vec::new();
    for name in ["agents", "generative"] {
        sources(&root().join(name).join("src"), &mut all);
    }
    let reads = |code: &str| {
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.into_iter().any(|line| {
            line.contains(".to_vec1") || line.contains(".to_vec2") || line.contains(".to_scalar")
        })
    };
    let found = all.iter().filter(|(name, code, _)| reads(code) && !name.ends_with("export.rs"));
    let found: BTreeSet<&str> = found.map(|(name, ..)| &name[..]).collect();
    assert_eq!(found, BTreeSet::from(READ_AT_LEISURE.map(|(name, _)| name)));
}
