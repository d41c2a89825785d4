//! Comparison of a graph with the networks it was made of, by another program: ONNX Runtime in Python.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "for tests, which fail or say that they are skipped"
)]
use super::Graph;
use crate::Params;
use anyhow::{Context as _, Result, ensure};
use candle_core::{DType, Tensor};
use rand_distr::{Distribution as _, StandardNormal};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use train::stream;
use train::testing::device;

/// Inputs and the outputs that are expected for them, by name.
pub struct Case<'a> {
    /// Inputs `[B, …]`, of `f32` or `i64`.
    pub inputs: Vec<(&'a str, Tensor)>,
    /// Outputs `[B, …]`, of `f32` or `i64`.
    pub outputs: Vec<(&'a str, Tensor)>,
}

/// Difference that is allowed, as a part of a number above 1.
const TOLERANCE: f64 = 1e-5;

/// Numbers from N(0, 1), the same for each purpose and shape.
///
/// # Errors
/// Errors of the device.
pub fn random(purpose: &str, shape: &[usize]) -> candle_core::Result<Tensor> {
    let mut rng = stream(1, &format!("{purpose}/{shape:?}"));
    let numbers = (0..shape.iter().product()).map(|_| StandardNormal.sample(&mut rng));
    Tensor::from_vec(numbers.collect::<Vec<f32>>(), shape, device())
}

/// Sets every parameter to random numbers: weights so small that numbers keep their size from layer to layer, as
/// sums that cancel would lose more than [`same_outputs`] allows; all others so large that they show.
///
/// # Errors
/// Errors of the device.
pub fn randomise(params: &Params) -> candle_core::Result<()> {
    for (name, var) in params.named() {
        let fan_in = var.elem_count() / var.dim(0)?;
        let deviation = if var.rank() > 1 { (fan_in as f64).sqrt().recip() } else { 0.5 };
        var.set(&(random(&name, var.dims())? * deviation)?)?;
    }
    Ok(())
}

/// Fails unless ONNX's own checker takes the graph for sound, with every shape it can infer, and ONNX Runtime
/// computes the outputs of every case. Skipped, in a sentence, where there is no Python with both.
///
/// # Panics
/// If anything is different.
pub fn same_outputs(graph: Graph, cases: &[Case<'_>]) {
    let Some(python) = python() else { return };
    let compared = (|| -> Result<()> {
        let input = message(&graph.encode("test")?, cases)?;
        let mut child = Command::new(python)
            .args(["-c", PROGRAM])
            .arg(TOLERANCE.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // What is not read to its end has its cause in what Python says.
        let _ = child.stdin.take().context("no standard input")?.write_all(&input);
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })();
    if let Err(error) = compared {
        panic!("{error:#}");
    }
}

/// A Python with `numpy`, `onnx` and `onnxruntime`: `$PYTHON`, `python3`, or one of our own under `target/`, which
/// pip fills where there is a network. None is found without a sentence about it.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let given = std::env::var_os("PYTHON").map(PathBuf::from);
        let mut others = given.into_iter().chain([PathBuf::from("python3")]);
        others.find(|python| is_ready(python)).or_else(own)
    });
    if found.is_none() {
        println!(
            "skipped: no Python with numpy, onnx and onnxruntime, and pip could not install them"
        );
    }
    found.as_deref()
}

fn is_ready(python: &Path) -> bool {
    runs(Command::new(python).args(["-c", "import numpy, onnx, onnxruntime"]))
}

fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The Python under `target/`, made there at first.
fn own() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target");
    let (dir, lock) = (target.join("onnx-python"), target.join("onnx-python.lock"));
    // Tests of another crate may be making it.
    let lock = File::create(lock).ok()?;
    lock.lock().ok()?;
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let ready = is_ready(&python)
        || runs(Command::new("python3").args(["-m", "venv"]).arg(&dir))
            && runs(Command::new(&python).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--retries=0",
                "numpy",
                "onnx",
                "onnxruntime",
            ]))
            && is_ready(&python);
    ready.then_some(python)
}

/// The file and all tensors, each with its length before it.
fn message(file: &[u8], cases: &[Case<'_>]) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    blob(&mut message, file);
    number(&mut message, cases.len());
    for Case { inputs, outputs } in cases {
        for tensors in [inputs, outputs] {
            number(&mut message, tensors.len());
            for (name, tensor) in tensors {
                blob(&mut message, name.as_bytes());
                number(&mut message, tensor.rank());
                tensor.dims().iter().for_each(|&dim| number(&mut message, dim));
                let flat = tensor.flatten_all()?;
                let (kind, bytes): (_, Vec<u8>) = match tensor.dtype() {
                    DType::F32 => (
                        "<f4",
                        flat.to_vec1::<f32>()?.iter().flat_map(|x| x.to_le_bytes()).collect(),
                    ),
                    _ => (
                        "<i8",
                        flat.to_dtype(DType::I64)?
                            .to_vec1::<i64>()?
                            .iter()
                            .flat_map(|x| x.to_le_bytes())
                            .collect(),
                    ),
                };
                blob(&mut message, kind.as_bytes());
                blob(&mut message, &bytes);
            }
        }
    }
    Ok(message)
}

fn number(message: &mut Vec<u8>, number: usize) {
    message.extend((number as u64).to_le_bytes());
}

fn blob(message: &mut Vec<u8>, bytes: &[u8]) {
    number(message, bytes.len());
    message.extend_from_slice(bytes);
}

const PROGRAM: &str = r#"
import io, struct, sys
import numpy as np, onnx, onnxruntime

data = io.BytesIO(sys.stdin.buffer.read())
number = lambda: struct.unpack("<Q", data.read(8))[0]
blob = lambda: data.read(number())

def tensor():
    name, shape = blob().decode(), [number() for _ in range(number())]
    kind = np.dtype(blob().decode())
    return name, np.frombuffer(blob(), kind).reshape(shape)

file = blob()
onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
for case in range(number()):
    inputs, expected = (dict(tensor() for _ in range(number())) for _ in range(2))
    assert [i.name for i in session.get_inputs()] == list(inputs), [i.name for i in session.get_inputs()]
    assert [o.name for o in session.get_outputs()] == list(expected), [o.name for o in session.get_outputs()]
    for (name, ours), theirs in zip(expected.items(), session.run(None, inputs)):
        assert ours.shape == theirs.shape, f"{name}: {ours.shape} here, {theirs.shape} there"
        assert ours.dtype == theirs.dtype, f"{name}: {ours.dtype} here, {theirs.dtype} there"
        apart = np.abs(ours - theirs) / np.maximum(1, np.abs(ours))
        assert np.all(apart <= float(sys.argv[1])), f"{name}: {np.max(apart)} apart, {ours} here, {theirs} there"
    numbers = np.concatenate([ours.ravel() for ours in expected.values()])
    assert len(numbers) == 1 or np.std(numbers) > 0, f"nothing but {numbers[0]}, which compares nothing"
"#;
