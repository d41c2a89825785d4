//! `lab export`: networks and metrics of runs for other programs.
use super::Interpreter;
use crate::run::machine::tell;
use crate::run::tensorboard::Events;
use crate::run::trained::{Elsewhere, Learned, Trained};
use crate::run::{build, table};
use crate::study::info::is_study;
use crate::study::named::{begun, named};
use crate::usage::Usage;
use crate::wording;
use ::train::{RunDir, Which, write_atomic};
use anyhow::{Context as _, Result};
use envs::Element;
use nn::onnx::{Export, Graph};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Export a trained network as an ONNX model, or the metrics of runs as CSV or for TensorBoard
///
/// `--csv` writes a line for each row of metrics, with a column for each metric; of several runs, or a study, with the run,
/// its algorithm, environment or data set, seed and the settings in which they differ before them. `--tensorboard` writes
/// metrics, figures and hyper-parameters of each run into a directory of its name.
///
/// `--onnx`: a policy or Q network takes raw observations, whose normalisation is part of the model; encoder, decoder,
/// generator and discriminator take and give images from 0 (black) to 1 (white). Opset 17, a batch of any size; inputs,
/// outputs and actions are named in the file.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directories, of `--onnx` one; of `--csv` and `--tensorboard` studies too, which stand for their runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Write an ONNX model
    #[arg(long)]
    onnx: bool,
    /// Write the metrics, to FILE or, with `-`, to standard output [default: metrics.csv in the directory of one run or
    /// study, here for several]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["onnx", "part", "out", "best"])]
    csv: Option<Option<PathBuf>>,
    /// Write event files for TensorBoard into a directory of each run's name in DIR
    #[arg(long, value_name = "DIR", conflicts_with_all = ["csv", "onnx", "part", "out", "best"])]
    tensorboard: Option<PathBuf>,
    /// Part of a model of data: decoder or encoder of an auto-encoder, generator or discriminator of a gan [default:
    /// the first of the two]
    #[arg(long, value_name = "PART")]
    part: Option<String>,
    /// File to write [default: PART.onnx in the run directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Export the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    interpreter: Interpreter,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    if let Some(file) = &args.csv {
        return write_csv(args, file.as_deref(), out);
    }
    if let Some(dir) = &args.tensorboard {
        return write_events(args, dir, out);
    }
    if !args.onnx {
        let sentence =
            "the format is missing: give --onnx for a network, --csv or --tensorboard for metrics";
        return Err(Usage(sentence.to_owned()).into());
    }
    let [run] = &args.runs[..] else {
        return Err(Usage("--onnx: it is of one run; give one".to_owned()).into());
    };
    if let Some(path) = &args.out
        && path.extension().is_some_and(|end| !end.eq_ignore_ascii_case("onnx"))
    {
        let path = path.display();
        let sentence = format!("--out {path}: an ONNX model; give a name that ends in .onnx");
        return Err(Usage(sentence).into());
    }
    let which = if args.best { Which::Best } else { Which::Latest };
    let elsewhere =
        Elsewhere { python: args.interpreter.python.as_deref(), ..Elsewhere::default() };
    let trained = Trained::load(run, which, elsewhere)?;
    let part = chosen(args, run, &trained)?;
    let mut graph = part.graph().with_context(|| format!("exporting {}", run.display()))?;
    describe(&mut graph, &trained)?;
    let signature = graph.signature();
    let path = args.out.clone().unwrap_or_else(|| run.join(format!("{}.onnx", part.name)));
    write_atomic(&path, &graph.encode(part.name)?)?;
    writeln!(out, "{} ({signature})", path.display())?;
    Ok(())
}

/// The runs that have metrics.
fn readable(args: &Args) -> Result<Vec<PathBuf>> {
    let begun = begun(named(&args.runs)?)?;
    begun.notes.iter().for_each(|note| tell(&format!("note: {note}")));
    Ok(begun.runs)
}

/// Writes the metrics as CSV.
fn write_csv(args: &Args, file: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let runs = readable(args)?;
    let described = runs.len() > 1 || args.runs.iter().any(|path| is_study(path));
    let table = table::csv(&runs, described)?;
    let path = match (file, &args.runs[..]) {
        (Some(file), _) if file == Path::new("-") => return Ok(out.write_all(&table)?),
        (Some(file), _) => file.to_owned(),
        (None, [only]) => only.join("metrics.csv"),
        (None, _) => PathBuf::from("metrics.csv"),
    };
    write_atomic(&path, &table)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// Writes event files for TensorBoard.
fn write_events(args: &Args, dir: &Path, out: &mut dyn Write) -> Result<()> {
    let runs = readable(args)?;
    let name = |run: &PathBuf| {
        let whole = std::fs::canonicalize(run).unwrap_or_else(|_| run.clone());
        whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let names: Vec<_> = runs.iter().map(name).collect();
    if let Some((place, twice)) =
        names.iter().enumerate().find(|(place, name)| names[..*place].contains(name))
    {
        let run = runs[place].display();
        let sentence =
            format!("{run}: another run is called {twice} too; export it into another DIR");
        return Err(Usage(sentence).into());
    }
    for (run, name) in runs.iter().zip(&names) {
        let events = Events::of(&RunDir::info(run)?);
        let path = dir.join(name).join(events.file_name());
        let bytes = events.all(run)?;
        std::fs::create_dir_all(dir.join(name))
            .with_context(|| format!("cannot create {}", dir.join(name).display()))?;
        write_atomic(&path, &bytes)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// The part that is asked for, or the first one.
fn chosen<'a>(args: &Args, run: &Path, trained: &'a Trained) -> Result<Export<'a>> {
    let mut parts = match &trained.learned {
        Learned::Agent(agent, _) => agent.exports(),
        Learned::Model(model) => model.exports(),
    };
    let name = trained.algorithm.name;
    if parts.is_empty() {
        return Err(without_network(run, trained)?.into());
    }
    let Some(asked) = &args.part else { return Ok(parts.remove(0)) };
    let place = parts.iter().position(|part| part.name == asked);
    let names = || parts.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
    let known = place.ok_or_else(|| Usage(format!("--part {asked}: {name} has {}", names())))?;
    Ok(parts.remove(known))
}

/// Why a learner has nothing to export.
fn without_network(path: &Path, trained: &Trained) -> Result<Usage> {
    let (run, name) = (path.display(), trained.algorithm.name);
    Ok(Usage(match &trained.learned {
        Learned::Model(model) if model.autoregressive().is_some() => format!(
            "{run}: {name} samples an image value by value, a pass through the network for each, which is no \
             single ONNX graph; `lab sample` draws from it"
        ),
        Learned::Model(_) => format!("{run}: {name} has no network that can be exported"),
        Learned::Agent(..) if build::problem(&trained.config)?.is_some() => format!(
            "{run}: {name} has no network to export; `lab plot {} --solution FILE` writes its values and policy",
            wording::path(path)
        ),
        Learned::Agent(..) => format!("{run}: {name} has no network to export"),
    }))
}

/// Adds where the model comes from, and what its observations are.
fn describe(graph: &mut Graph, trained: &Trained) -> Result<()> {
    let Trained { algorithm, config, learned, .. } = trained;
    graph.note("lab", env!("CARGO_PKG_VERSION"));
    graph.note("algorithm", algorithm.name);
    graph.note("seed", config.seed().to_string());
    let kind = algorithm.subject();
    graph.note(kind.key(), config.subject());
    let mut args = config.args(kind);
    args.retain(|_, value| !value.is_null());
    graph.note(kind.args_key(), serde_json::to_string(&args)?);
    if let Learned::Agent(_, make) = learned {
        let env = make();
        if env.masks_actions() {
            let outputs = "some states lack some of the actions, which the outputs do not show: leave these out of \
                           the maximum, or of the softmax";
            graph.note("masks", outputs);
        }
        let observation = match (build::problem(config)?, env.spec().element) {
            (Some(_), _) => {
                "one-hot, 1 at the number of the state, in the order of solution.json".to_owned()
            }
            (None, Element::Bit) => format!("0 or 1, as {} shows them", config.subject()),
            (None, Element::Byte) => format!("0 to 255, as {} shows them", config.subject()),
            (None, Element::Float) => format!("raw numbers, as {} shows them", config.subject()),
        };
        graph.note("observation", observation);
    }
    Ok(())
}
