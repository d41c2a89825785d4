//! Imports point down: no circle of files in any crate, and in `src/` a module knows only those below it.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 9] =
    ["params", "train", "nn", "envs", "agents", "generative", "notebook", "python", "."];

/// The modules of `src/`, from the lowest to the highest.
const LEVELS: [&str; 13] = [
    "usage",
    "wording",
    "claim",
    "render",
    "registry",
    "run",
    "study",
    "loaded",
    "notebook",
    "checks",
    "reproduce",
    "cli",
    "app",
];

/// The files of a crate by module path, `a::b`; the root is empty.
fn modules(root: &Path) -> BTreeMap<Vec<String>, PathBuf> {
    fn walk(dir: &Path, path: &[String], found: &mut BTreeMap<Vec<String>, PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner = || path.iter().cloned().chain([name.clone()]).collect::<Vec<_>>();
            if file.is_dir() {
                walk(&file, &inner(), found);
            } else if ["mod", "lib"].contains(&name.as_str()) {
                found.insert(path.to_vec(), file);
            } else if !["main", "tests"].contains(&name.as_str()) {
                found.insert(inner(), file);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, &[], &mut found);
    // Modules that only tests have.
    let tests = found.iter().flat_map(|(path, file)| {
        let text = fs::read_to_string(file).unwrap();
        let names = text.split("#[cfg(test)]\nmod ").skip(1);
        let names = names.filter_map(|rest| Some(rest.split_once(';')?.0.to_owned()));
        names.map(|name| path.iter().cloned().chain([name]).collect()).collect::<Vec<Vec<_>>>()
    });
    let tests: Vec<_> = tests.collect();
    found.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
    found
}

/// The code of a file without its comments and its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path of a `use` tree: `a::{b, c::{d, e}}` gives `a::b`, `a::c::d` and `a::c::e`.
fn expanded(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    // In a text, `use` is a word.
    let Some((inner, _)) = rest.rsplit_once('}') else { return Vec::new() };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for char in inner.chars() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(char);
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expanded(&format!("{}{}", before.trim(), part.trim()))).collect()
}

/// Every path that the code imports, or shows under its own name where `shown`.
fn used(code: &str, shown: bool) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = &code[..at];
        let starts = before.chars().next_back().is_none_or(char::is_whitespace);
        let line = before.rsplit('\n').next().unwrap();
        if starts
            && line.trim().starts_with("pub") == shown
            && let Some((tree, _)) = code[at + 4..].split_once(';')
        {
            paths.extend(expanded(tree));
        }
    }
    paths
}

/// Every path that the code imports, or names by `crate::` or `super::`; re-exports are none.
fn paths(code: &str) -> Vec<String> {
    let mut paths = used(code, false);
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let statement = code[..at].rsplit([';', '}', '{']).next().unwrap();
            if statement.contains("use ") {
                continue;
            }
            let before = code[..at].chars().next_back();
            let whole = before.is_none_or(|char| !char.is_alphanumeric() && !"_:$".contains(char));
            let path =
                code[at..].split(|char: char| !char.is_alphanumeric() && !"_:".contains(char));
            if whole {
                paths.push(path.into_iter().next().unwrap().trim_end_matches(':').to_owned());
            }
        }
    }
    paths
}

/// The file that `path`, as the module `here` names it, lies in; none for another crate.
fn target(
    path: &str,
    here: &[String],
    modules: &BTreeMap<Vec<String>, PathBuf>,
) -> Option<Vec<String>> {
    let mut words: Vec<_> = path.split("::").map(str::to_owned).collect();
    let mut base = match words[0].as_str() {
        "crate" => vec![],
        "super" => here[..here.len().checked_sub(1)?].to_vec(),
        "self" => here.to_vec(),
        child => {
            let inner: Vec<_> = here.iter().cloned().chain([child.to_owned()]).collect();
            modules.contains_key(&inner).then_some(inner)?
        }
    };
    words.remove(0);
    for word in words {
        if word == "super" {
            base.pop();
            continue;
        }
        let inner: Vec<_> = base.iter().cloned().chain([word.clone()]).collect();
        if modules.contains_key(&inner) {
            base = inner;
            continue;
        }
        // A name that this module only shows on lies elsewhere.
        let shown = used(&code(&modules[&base]), true);
        let shown = shown.iter().find(|path| path.rsplit("::").next() == Some(&word));
        if let Some(further) = shown.and_then(|path| target(path, &base, modules)) {
            base = further;
        }
        break;
    }
    (base != here).then_some(base)
}

/// The modules that each module of a crate imports from.
fn imports(root: &Path) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let modules = modules(root);
    let of = |(here, file): (&Vec<String>, &PathBuf)| {
        let paths = paths(&code(file));
        let targets = paths.iter().filter_map(|path| target(path, here, &modules)).collect();
        (here.clone(), targets)
    };
    modules.iter().map(of).collect()
}

/// Circles: each module with those that import it and that it imports, however indirectly.
fn circles(imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<String> {
    let reached = |from: &Vec<String>| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for target in imports.get(module).into_iter().flatten() {
                if reached.insert(target) {
                    next.push(target);
                }
            }
        }
        reached
    };
    let all: BTreeMap<_, _> = imports.keys().map(|module| (module, reached(module))).collect();
    let round = all.iter().filter(|(module, reached)| reached.contains(*module));
    round.map(|(module, _)| module.join("::")).collect()
}

fn sources(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of).join("src")
}

#[test]
fn no_files_import_each_other() {
    for name in CRATES {
        let found = circles(&imports(&sources(name)));
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn every_module_of_the_program_knows_only_those_below_it() {
    let level = |module: &Vec<String>| {
        let top = module.first()?;
        let level = LEVELS.iter().position(|name| name == top);
        Some(level.unwrap_or_else(|| panic!("{top} has no level")))
    };
    for (module, targets) in imports(&sources(".")) {
        // The root of the library re-exports.
        let Some(here) = level(&module) else { continue };
        for target in targets {
            let there = level(&target);
            let down = there.is_some_and(|there| there <= here);
            assert!(down, "{} imports {}", module.join("::"), target.join("::"));
        }
    }
}

#[test]
fn a_circle_is_found() {
    let paths = |code| paths(code).into_iter().filter(|path| !path.is_empty()).collect::<Vec<_>>();
    assert_eq!(paths("use a::{b, c::{d as x, e}};"), ["a::b", "a::c::d", "a::c::e"]);
    assert_eq!(paths("let x = crate::a::f(super::y::Z);"), ["crate::a::f", "super::y::Z"]);
    let module = |name: &str| vec![name.to_owned()];
    let edge = |from: &str, to: &str| (module(from), BTreeSet::from([module(to)]));
    assert!(circles(&BTreeMap::from([edge("a", "b"), edge("b", "c")])).is_empty());
    let round = BTreeMap::from([edge("a", "b"), edge("b", "c"), edge("c", "b")]);
    assert_eq!(circles(&round), ["b", "c"]);
}
