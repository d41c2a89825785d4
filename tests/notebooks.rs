//! The notebooks compile, and are stored with the outputs of an execution that went well.
//!
//! `examples/notebooks/run.sh` executes them.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a notebook with its figures.
const LARGEST: u64 = 1_000_000;

/// Beginnings of paths on a machine.
const PLACES: [&str; 7] = ["/home/", "/root/", "/Users/", "/tmp/", "/var/", "file://", "C:\\"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/notebooks")
}

struct Notebook {
    name: String,
    cells: Vec<Value>,
}

impl Notebook {
    fn all() -> Vec<Self> {
        let files = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|file| file.extension().is_some_and(|end| end == "ipynb")).collect();
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Self {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(
            fs::metadata(file).unwrap().len() <= LARGEST,
            "{name} is larger than {LARGEST} bytes"
        );
        let notebook: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(notebook["metadata"]["kernelspec"]["name"], "rust", "{name}");
        Self { name, cells: notebook["cells"].as_array().unwrap().clone() }
    }

    /// Sources of the cells of a kind.
    fn sources(&self, kind: &str) -> Vec<String> {
        let cells = self.cells.iter().filter(|cell| cell["cell_type"] == kind);
        cells.map(|cell| joined(&cell["source"])).collect()
    }

    /// All cells as the body of one function; what a cell ends with is an expression.
    fn program(&self) -> String {
        let cells = self.sources("code").into_iter().map(|cell| {
            let code: Vec<_> = cell.lines().filter(|line| !line.starts_with(':')).collect();
            let code = code.join("\n").trim_end().to_owned();
            // A cell that ends with a variable shows it, and leaves it to the next ones.
            let (rest, last) = code.rsplit_once('\n').unwrap_or(("", code.as_str()));
            let variable =
                !last.is_empty() && last.chars().all(|c| c.is_alphanumeric() || c == '_');
            let code = if variable { format!("{rest}\n&{last}") } else { code.to_string() };
            let ends = code.is_empty() || code.ends_with([';', '}']);
            if ends { code } else { format!("{code};") }
        });
        let body = cells.collect::<Vec<_>>().join("\n");
        format!(
            "#![allow(unused)]\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\nOk(())\n}}\n"
        )
    }

    /// Everything that the cells put out, without pixels.
    fn outputs(&self) -> Vec<String> {
        let outputs = self.cells.iter().filter_map(|cell| cell["outputs"].as_array()).flatten();
        let texts = outputs.flat_map(|output| {
            let data = output["data"].as_object().into_iter().flatten();
            let shown = data.filter(|(mime, _)| *mime != "image/png").map(|(_, body)| joined(body));
            [joined(&output["text"])].into_iter().chain(shown).collect::<Vec<_>>()
        });
        texts.map(|text| without_pixels(&text)).collect()
    }
}

/// Text that is stored in lines or as a whole.
fn joined(text: &Value) -> String {
    match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// Text without the base64 of images in it.
fn without_pixels(text: &str) -> String {
    let parts = text.split(";base64,").enumerate().map(|(i, part)| {
        if i == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) }
    });
    parts.collect()
}

/// The newest library of a crate beside this test, which `cargo test` has built.
fn library(name: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = fs::read_dir(&deps).unwrap().map(|entry| entry.unwrap());
    let built = files.filter(|file| {
        let file = file.file_name().into_string().unwrap();
        file.starts_with(&format!("lib{name}-")) && file.ends_with(".rlib")
    });
    let newest = built.max_by_key(|file| file.metadata().unwrap().modified().unwrap());
    newest.unwrap().path()
}

/// Errors of the compiler for a program on lab and lab-notebook, empty where it compiles.
fn compiled(name: &str, program: &str, dir: &Path) -> String {
    let file = dir.join(format!("{}.rs", name.replace('-', "_")));
    fs::write(&file, program).unwrap();
    let [lab, notebook] = ["lab", "lab_notebook"].map(|name| (name, library(name)));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--edition", "2024", "--emit", "metadata", "--out-dir"]).arg(dir).arg(&file);
    command.arg("-L").arg(format!("dependency={}", lab.1.parent().unwrap().display()));
    for (name, path) in [lab, notebook] {
        command.arg("--extern").arg(format!("{name}={}", path.display()));
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    if output.status.success() { String::new() } else { told }
}

#[test]
fn the_code_of_every_notebook_compiles() {
    let dir = tempfile::tempdir().unwrap();
    let notebooks = Notebook::all();
    assert!(notebooks.len() > 2);
    for notebook in &notebooks {
        let told = compiled(&notebook.name, &notebook.program(), dir.path());
        assert!(told.is_empty(), "{}: {told}", notebook.name);
    }
    // What is compiled is the notebook: a wrong name in it is found.
    let wrong = notebooks[0].program().replace("Ok(())", "lab_notebook::no_such_name();\nOk(())");
    assert!(compiled("wrong", &wrong, dir.path()).contains("no_such_name"));
}

#[test]
fn dependencies_are_crates_of_this_workspace() {
    for notebook in Notebook::all() {
        let cells = notebook.sources("code");
        let lines = cells.iter().flat_map(|cell| cell.lines());
        let commands: Vec<_> = lines.filter(|line| line.starts_with(':')).collect();
        assert!(!commands.is_empty(), "{}: no :dep", notebook.name);
        for command in commands {
            let Some(dependency) = command.strip_prefix(":dep ") else { continue };
            let table: toml::Table = dependency.parse().unwrap();
            for (name, dependency) in table {
                let manifest =
                    directory().join(dependency["path"].as_str().unwrap()).join("Cargo.toml");
                let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
                assert_eq!(manifest["package"]["name"].as_str(), Some(&*name), "{}", notebook.name);
            }
        }
    }
}

#[test]
fn every_notebook_was_executed_in_order_and_without_an_error() {
    for Notebook { name, cells } in Notebook::all() {
        let code: Vec<_> = cells.iter().filter(|cell| cell["cell_type"] == "code").collect();
        let counts: Vec<_> = code.iter().map(|cell| cell["execution_count"].as_u64()).collect();
        // evcxr begins with 2.
        let in_order: Vec<_> = (2..).map(Some).take(code.len()).collect();
        assert_eq!(counts, in_order, "{name}: run examples/notebooks/run.sh");
        let outputs: Vec<_> =
            code.iter().flat_map(|cell| cell["outputs"].as_array().unwrap()).collect();
        let failed =
            |output: &&&Value| output["output_type"] == "error" || output["name"] == "stderr";
        assert_eq!(outputs.iter().find(failed), None, "{name}");
        let figures = outputs.iter().filter(|output| {
            let html = joined(&output["data"]["text/html"]);
            html.contains("data:image/gif")
                || ["image/svg+xml", "image/png"]
                    .iter()
                    .any(|mime| output["data"][mime] != Value::Null)
        });
        assert!(figures.count() > 2, "{name} has few figures");
    }
}

#[test]
fn every_notebook_has_prose_an_exercise_and_its_answer() {
    for notebook in Notebook::all() {
        let name = &notebook.name;
        let prose = notebook.sources("markdown");
        assert!(prose[0].starts_with("# "), "{name} has no title");
        let position = |heading: &str| prose.iter().position(|cell| cell.starts_with(heading));
        let (exercise, answer) = (position("## Exercise"), position("## Answer"));
        assert!(exercise.is_some() && exercise < answer, "{name}: no exercise before its answer");
        assert!(prose.len() * 3 >= notebook.sources("code").len() * 2, "{name}: little prose");
        let last = notebook.cells.last().unwrap();
        assert_eq!(last["cell_type"], "code", "{name}: the answer has no code");
    }
}

#[test]
fn no_output_names_a_place_on_the_machine() {
    let here = env!("CARGO_MANIFEST_DIR");
    for notebook in Notebook::all() {
        for output in notebook.outputs() {
            let place = PLACES.iter().chain([&here]).find(|place| output.contains(**place));
            assert_eq!(place, None, "{}: {}", notebook.name, &output[..output.len().min(500)]);
        }
    }
    let image = "<img src=\"data:image/gif;base64,/tmp/\" alt=\"/x\"/>";
    assert_eq!(without_pixels(image), "<img src=\"data:image/gif alt=\"/x\"/>");
}

/// A session with the program, as cells have it; run by the test below, with `LAB` and a directory of its own.
#[test]
#[ignore = "needs LAB, which the next test sets"]
fn session() {
    use lab_notebook::{Run, check, command, compare, lab};
    let run = lab("value-iteration --env gridworld --layout aima").unwrap();
    run.evcxr_display();
    run.figure("values.svg").unwrap().evcxr_display();
    run.play().unwrap().evcxr_display();
    run.curve("train/residual").unwrap().evcxr_display();
    assert_eq!(format!("{:.4}", run.mean("value_start").unwrap()), "0.7053");
    assert_eq!(run.eval("--episodes 10").unwrap().rows()[0][0], "return");
    assert!(run.values().unwrap().to_string().contains("[1.00]"));
    let other = lab("policy-iteration --env gridworld --layout aima --out 'other run'").unwrap();
    compare(&[&run, &other], "oracle/value_error").unwrap();
    Run::open("other run").unwrap().curves().unwrap();
    let checked = check("aima-utilities").unwrap();
    assert!(checked.rows().iter().all(|row| row[5] == "pass"), "{checked}");
    assert!(command("list envs catch").unwrap().to_string().contains("paddle"));

    let refused = lab("dqn --env cach").err().unwrap().to_string();
    assert!(refused.starts_with("unknown environment `cach`"), "{refused}");
    let refused = lab("dqn --foo").err().unwrap().to_string();
    assert!(refused.starts_with("unexpected argument '--foo'"), "{refused}");
    let refused = lab("list envs").err().unwrap().to_string();
    assert!(!refused.is_empty());
}

#[test]
fn cells_show_runs_of_the_program_and_its_own_sentences() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "session", "--ignored", "--nocapture"])
        .env("LAB", env!("CARGO_BIN_EXE_lab"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    for mime in ["image/svg+xml", "text/html", "text/plain"] {
        assert!(shown.contains(&format!("\nEVCXR_BEGIN_CONTENT {mime}\n")), "{mime}");
    }
    assert!(
        shown.contains("<td>runs/value-iteration-gridworld-s1</td><td>converged</td>"),
        "{shown}"
    );
    assert!(shown.contains("src=\"data:image/gif;base64,R0lGOD"));
    assert!(!shown.contains("Try next"));
}
