//! Words that are to be avoided, each with a better one (CONTRIBUTING.md has the glossary).
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Words or phrases in any case, the better ones, and files, or folders with a slash, where they may stand.
const AVOIDED: &[(&str, &str, &[&str])] = &[
    (
        "picture",
        "image (data), frame (environment) or figure (run)",
        // The former name of a parameter, and what changed.
        &["params/src/aliases.rs", "train/src/config.rs", "CHANGELOG.md"],
    ),
    (
        "step size",
        "learning rate, but for α of a table",
        &["agents/src/tabular/learning/", "docs/tabular.md", "CONTRIBUTING.md"],
    ),
    ("replay memory", "replay buffer", &[]),
    ("what came of", "result", &[]),
    ("all of it is in", "saved to", &[]),
    ("so manieth", "every n-th", &[]),
    ("told the label", "conditioned on the label", &[]),
    ("answer key", "checks", &[]),
];

/// First words of a doc line that make a riddle of a noun.
const RIDDLES: [&str; 10] =
    ["What", "Who", "Whose", "The same", "That", "Where", "Whether", "How", "Which", "When"];

/// Headers of table columns that name nothing.
const EMPTY_HEADERS: [&str; 3] = ["what", "where", "what it is"];

/// Types that have had several meanings under one name.
const ONE_MEANING: [&str; 10] = [
    "Outcome",
    "Policy",
    "Transition",
    "Batch",
    "Network",
    "Rows",
    "Steps",
    "Step",
    "Told",
    "Sheet",
];

/// Complaints about the line `line` of `file`, whose path is relative to the workspace.
fn complaints(file: &str, line: &str) -> Vec<String> {
    let lower = line.to_lowercase();
    let mut found = Vec::new();
    for (word, better, except) in AVOIDED {
        let excepted = |place: &&str| match place.strip_suffix('/') {
            Some(folder) => Path::new(file).starts_with(folder),
            None => file == *place,
        };
        if lower.contains(word) && !except.iter().any(excepted) {
            found.push(format!("`{word}`: {better}"));
        }
    }
    let doc = line.trim_start();
    let doc = doc.strip_prefix("/// ").or_else(|| doc.strip_prefix("//! "));
    if let Some(text) = doc.filter(|text| file.ends_with(".rs") && !text.ends_with('?')) {
        let begins = |word: &&str| {
            text.strip_prefix(*word).is_some_and(|rest| rest.starts_with([' ', ',', '\'']))
        };
        if let Some(word) = RIDDLES.iter().find(|word| begins(word)) {
            found.push(format!("a doc line begins with `{word}`: a noun phrase or a verb"));
        }
    }
    if file.ends_with(".md") && line.starts_with('|') {
        let header = line.split('|').map(str::trim).find(|cell| EMPTY_HEADERS.contains(cell));
        found.extend(header.map(|cell| format!("`| {cell} |`: description, contents, source, …")));
    }
    found
}

/// Files of the workspace with words, by path relative to it.
fn files() -> Vec<PathBuf> {
    fn walk(root: &Path, dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "runs"].contains(&name.as_str()) {
                    walk(root, &path, found);
                }
            } else if ["rs", "md", "toml", "py", "txt"].contains(&ending) {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.retain(|file| !file.ends_with("tests/words.rs"));
    found.sort();
    found
}

fn text(file: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn words_are_those_of_the_glossary() {
    let mut found = Vec::new();
    for file in files() {
        let name = file.to_str().unwrap();
        for (line, text) in (1..).zip(text(&file).lines()) {
            let all = complaints(name, text);
            found.extend(all.into_iter().map(|complaint| format!("{name}:{line}: {complaint}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_type_has_one_meaning() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files().iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
    {
        for (line, text) in (1..).zip(text(file).lines()) {
            let mut words = text.split([' ', '<', '(', '{', ';']).filter(|word| !word.is_empty());
            let defines = |word: &str| ["struct", "enum", "trait", "type"].contains(&word);
            // An associated type belongs to its trait.
            let inside = text.starts_with(' ') && text.trim_start().starts_with("type ");
            if !inside && !text.trim_start().starts_with("//") && words.any(defines) {
                let name = words.next().unwrap_or_default();
                let place = format!("{}:{line}", file.display());
                places.entry(name.to_owned()).or_default().push(place);
            }
        }
    }
    for name in ONE_MEANING {
        let found = places.get(name).map_or(&[][..], |places| places);
        assert!(
            found.len() < 2,
            "{name} is defined in {}: name one of them after its meaning",
            found.join(" and ")
        );
    }
}

#[test]
fn complaints_name_the_better_word() {
    for (file, line, expected) in [
        ("docs/vae.md", "Pictures of digits", "`picture`: image"),
        ("src/run/line.rs", "    /// What a run came to.", "a doc line begins with `What`"),
        ("src/run/line.rs", "//! The same again", "a doc line begins with `The same`"),
        ("nn/src/optim.rs", "/// The step size", "`step size`: learning rate"),
        ("README.md", "| command | what |", "`| what |`: description"),
    ] {
        let found = complaints(file, line);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{line}: {found:?}");
    }
    for (file, line) in [
        ("agents/src/tabular/learning/td.rs", "/// Step size α"),
        ("src/run/line.rs", "/// Whatever follows"),
        ("src/run/line.rs", "/// What does a run need?"),
        ("src/run/line.rs", "// What a comment says may be said."),
        ("README.md", "| somewhat | whereabouts |"),
    ] {
        assert_eq!(complaints(file, line), [""; 0], "{line}");
    }
}
