//! The pages of `docs/` say what the registry says, and their commands run.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use envs::{Actions, Layout};
use lab::registry::{EnvEntry, algorithms, envs};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The text under the heading `## name`, up to the next one.
fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let heading = format!("\n## `{name}`\n");
    assert!(page.contains(&heading), "no section {name}");
    let (_, rest) = page.split_once(&heading).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// `1,000` for 1000.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    groups.into_iter().map(|group| str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(",")
}

/// Facts that the section of an environment must state, from the code.
fn facts(entry: &EnvEntry) -> Vec<String> {
    let options = (entry.options)().into_iter().filter(|field| !field.default.is_null());
    let options = options.map(|field| (field.name.to_owned(), field.default)).collect();
    let spec = entry.make(&options).unwrap()().spec();
    let mut facts = vec![format!("`{:?}`", spec.obs_shape)];
    if let Actions::Discrete(names) = &spec.actions
        && names.len() <= 6
    {
        facts.extend(names.iter().cloned());
    }
    facts.extend(spec.time_limit.map(|limit| format!("{} steps", grouped(limit))));
    facts.extend(entry.ids.iter().map(|id| format!("`{id}`")));
    for field in (entry.options)() {
        let flag = format!("`--{}`", field.flag());
        // A number that no decimal fraction is may be written by what it stands for.
        let default = match &field.default {
            Value::Null => flag,
            Value::Number(third) if third.as_f64() == Some(1.0 / 3.0) => format!("{flag} | 1/3"),
            default => format!("{flag} | {}", params::plain(default)),
        };
        facts.push(default);
    }
    facts
}

#[test]
fn every_environment_is_documented_as_it_is() {
    let page = page("docs/environments.md");
    for entry in envs() {
        let section = section(&page, entry.name);
        for fact in facts(entry) {
            assert!(section.contains(&fact), "docs/environments.md, {}: no {fact}", entry.name);
        }
        for row in ["**Observation**", "**Actions**", "**Reward**", "**End**"] {
            assert!(section.contains(row), "docs/environments.md, {}: no {row}", entry.name);
        }
    }
    let table = page.split("\n## ").next().unwrap();
    assert!(envs().iter().all(|entry| table.contains(&format!("[`{0}`](#{0})", entry.name))));
}

#[test]
fn every_layout_is_documented() {
    let page = page("docs/environments.md");
    let section = section(&page, "gridworld");
    for layout in Layout::ALL {
        assert!(section.contains(&format!("| `{}` |", layout.name())), "{layout:?}");
    }
}

#[test]
fn the_index_has_every_page() {
    let index = page("docs/README.md");
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "README.md" {
            assert!(index.contains(&format!("]({name})")), "docs/README.md: no {name}");
        }
    }
    assert!(page("README.md").contains("](docs/README.md)"));
}

/// The lines of code blocks, console or without a language, that are commands of lab, in their order.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks = blocks.filter(|block| block.starts_with("console\n") || block.starts_with('\n'));
    let lines = blocks.flat_map(str::lines).map(|line| line.strip_prefix("$ ").unwrap_or(line));
    lines.filter(|line| line.starts_with("lab ")).map(str::to_owned).collect()
}

/// Runs `command` in `dir`; a training command for a moment only.
fn run(command: &str, dir: &Path) -> Output {
    let mut words = shlex::split(command).unwrap();
    words.remove(0);
    let trains = algorithms().iter().any(|algorithm| algorithm.name == words[0]);
    if trains && !words.iter().any(|word| word == "--steps") {
        words.extend(["--steps", "300"].map(str::to_owned));
    }
    if trains {
        words.push("--quiet".to_owned());
    }
    Command::new(env!("CARGO_BIN_EXE_lab")).args(words).current_dir(dir).output().unwrap()
}

#[test]
fn commands_in_the_docs_run() {
    for name in ["docs/environments.md", "docs/policies.md"] {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["examples/maps", "examples/policies"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            for file in fs::read_dir(root().join(folder)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), dir.path().join(folder).join(file.file_name())).unwrap();
            }
        }
        let commands = commands(&page(name));
        assert!(!commands.is_empty(), "{name} has no commands");
        for command in commands {
            let output = run(&command, dir.path());
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {command}\n{message}");
        }
    }
}

#[test]
fn maps_are_quoted_as_they_are() {
    let page = page("docs/environments.md");
    for file in fs::read_dir(root().join("examples/maps")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(page.contains(&format!("```text\n{text}```")), "{text}");
    }
}

#[test]
fn the_python_programs_are_quoted_as_they_are() {
    for program in ["read_policy.py", "run_onnx.py"] {
        let program = page(&format!("examples/python/{program}"));
        assert!(page("docs/policies.md").contains(&program));
    }
}

/// The pages that a reader finds from README.md.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    top.into_iter().chain(docs).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let text: String = text.split("```").step_by(2).collect();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let retained = |char: &char| char.is_alphanumeric() || "-_ ".contains(*char);
    let slug = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(retained).collect::<String>().replace(' ', "-")
    };
    headings.map(slug).collect()
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = page.parent().unwrap().join(file);
            let target = if file.is_empty() { page.clone() } else { target };
            assert!(target.exists(), "{}: {link}", page.display());
            let found = anchor.is_empty() || anchors(&target).iter().any(|own| own == anchor);
            assert!(found, "{}: {link}", page.display());
        }
    }
}

#[test]
fn files_that_are_named_exist() {
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = self::page(page);
        let named = text.split('`').skip(1).step_by(2).filter(|name| name.contains('/'));
        for name in named.filter(|name| name.ends_with(".rs") || name.ends_with(".txt")) {
            let crates = ["train", "nn", "envs", "agents", "generative"];
            let crates = crates.map(|name| format!("{name}/src")).into_iter();
            let mut bases = crates.chain(["", "src", "agents/src/tabular"].map(str::to_owned));
            let there = bases.any(|base| root().join(base).join(name).exists());
            assert!(there, "{page}: {name}");
        }
    }
}
