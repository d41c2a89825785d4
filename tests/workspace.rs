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
    let names: Vec<_> =
        lab::registry::PRESETS.iter().map(|preset| format!("{}.toml", preset.name)).collect();
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
