//! The readers, and what they read where it is sound.
use super::*;
use crate::registry::{self, DataName, Options};
use crate::render::plot;
use crate::run::config::Config;
use crate::run::layer::Layer;
use crate::run::trainee::Trainee;
use crate::run::{build, data as run_data};
use ::train::{Checkpoint, Log, RunDir, Scope};
use candle_core::Device;
use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::{Cursor, Write as _};
use std::path::PathBuf;

type Read = Box<dyn FnMut(&[u8]) -> bool>;

/// Something that reads a user's bytes.
pub(super) struct Reader {
    pub(super) name: &'static str,
    /// Sound inputs that others are made of.
    pub(super) sound: Vec<Vec<u8>>,
    /// Inputs that it is worth in the long test.
    pub(super) inputs: usize,
    /// Reads bytes; says whether they were accepted.
    pub(super) read: Read,
}

/// All of them, which write what they read into `dir`.
pub(super) fn readers(dir: &Path) -> Vec<Reader> {
    let mut all = texts(dir);
    all.extend(run(dir));
    all.extend(checkpoints(dir));
    all.extend(maps());
    all.extend(data(dir));
    all
}

/// A reader of the file `name`, which is written anew each time.
fn file(
    (name, inputs): (&'static str, usize),
    path: PathBuf,
    sound: Vec<Vec<u8>>,
    read: impl Fn(&Path) -> bool + 'static,
) -> Reader {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).unwrap();
    }
    let read = move |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read(&path)
    };
    Reader { name, sound, inputs, read: Box::new(read) }
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The configuration of a command.
fn configured(algorithm: &str, options: Value) -> Config {
    let algorithm = registry::algorithm(algorithm).unwrap();
    let options: Options = serde_json::from_value(options).unwrap();
    Config::saved(options, algorithm).unwrap()
}

/// `--config`, and `--policy`.
fn texts(dir: &Path) -> Vec<Reader> {
    let config = |path: &Path| {
        let dqn = registry::algorithm("dqn").unwrap();
        Config::resolve(dqn, Layer::default(), None, Some(path)).is_ok()
    };
    let toml = "env = \"catch\"\nlr = 0.01\nbatch = 32\nseed = 3\ntarget = 1.0\n";
    let more = "env = \"breakout\"\nsteps = 100\n[env_args]\nsticky = 0.1\nactions = \"full\"\n";
    let json = r#"{"config": {"env": "catch", "lr": 0.5, "replay": 1000}, "seed": 1}"#;
    let policy = r#"{"policy": [null, 0, [1.0], 0, [1.0], 0, null], "values": [0, 1.5, 2]}"#;
    let policy_of = |path: &Path| {
        let algorithm = registry::algorithm("policy-evaluation").unwrap();
        let options = json!({ "env": "random-walk", "policy": path.to_str().unwrap() });
        let options = serde_json::from_value(options).unwrap();
        let config = Config::saved(options, algorithm);
        config.and_then(|config| build::agent(algorithm, &config, &Device::Cpu)).is_ok()
    };
    vec![
        file(("TOML of --config", 15_000), dir.join("c.toml"), bytes(&[toml, more]), config),
        file(("JSON of --config", 15_000), dir.join("c.json"), bytes(&[json]), config),
        file(("JSON of --policy", 10_000), dir.join("p.json"), bytes(&[policy]), policy_of),
    ]
}

/// `run.json` and `metrics.jsonl`.
fn run(dir: &Path) -> Vec<Reader> {
    let config = configured("q-learning", json!({ "env": "frozen-lake" })).all;
    let info = json!({
        "algorithm": "q-learning", "subject": "frozen-lake", "seed": 1, "config": config,
        "lab_version": "0", "lab_commit": "", "device": "cpu", "threads": 1, "started": "",
    });
    let info_of = |path: &Path| {
        let info = RunDir::info(path.parent().unwrap());
        let config =
            info.and_then(|info| Config::saved(info.config, registry::algorithm(&info.algorithm)?));
        config.is_ok()
    };
    let rows =
        "{\"step\":10,\"eval/return\":0.5,\"train/loss\":1e-3}\n{\"step\":20,\"train/loss\":2}\n";
    let curves = |path: &Path| plot::panels(&[path.parent().unwrap().to_owned()], &[]).is_ok();
    let (info_path, rows_path) = (dir.join("run/run.json"), dir.join("rows/metrics.jsonl"));
    vec![
        file(("run.json", 12_000), info_path, vec![info.to_string().into_bytes()], info_of),
        file(("metrics.jsonl", 12_000), rows_path, bytes(&[rows]), curves),
    ]
}

/// Learners that learn something soon, one of each algorithm.
const LEARNERS: &[(&str, &str)] = &[
    ("actor-critic", r#"{"env": "catch", "n_envs": 2, "hidden": 4}"#),
    (
        "diffusion",
        r#"{"data": "gaussians-8", "data_args": {"n_train": 60, "n_test": 60}, "hidden": 4,
        "layers": 1, "diffusion_steps": 9, "sample_steps": 3, "batch": 16}"#,
    ),
    ("double-q-learning", r#"{"env": "frozen-lake"}"#),
    ("dqn", r#"{"env": "catch", "replay": 40, "warmup": 8, "batch": 4, "hidden": 4}"#),
    ("dyna-q", r#"{"env": "frozen-lake", "kappa": 0.1}"#),
    ("expected-sarsa", r#"{"env": "catch", "n": 9}"#),
    ("fitted-q", r#"{"env": "frozen-lake", "samples": 60}"#),
    (
        "flow",
        r#"{"data": "gaussians-8", "data_args": {"n_train": 60, "n_test": 60}, "hidden": 4,
        "layers": 1, "blocks": 2, "batch": 16}"#,
    ),
    (
        "flow-matching",
        r#"{"data": "gaussians-8", "data_args": {"n_train": 60, "n_test": 60}, "hidden": 4,
        "layers": 1, "sample_steps": 3, "batch": 16}"#,
    ),
    ("gan", r#"{"data": "gaussians-8", "data_args": {"n_train": 60, "n_test": 60}, "hidden": 4}"#),
    (
        "image-transformer",
        r#"{"data": "stripes", "features": 4, "blocks": 1, "batch": 2,
        "data_args": {"side": 4, "n_train": 60, "n_test": 60}}"#,
    ),
    ("linear-q", r#"{"env": "cartpole"}"#),
    (
        "made",
        r#"{"data": "stripes", "hidden": 4, "data_args": {"side": 4, "n_train": 60, "n_test": 60}}"#,
    ),
    ("mc-prediction", r#"{"env": "random-walk", "policy": "uniform"}"#),
    ("model-based", r#"{"env": "catch", "plan_every": 5}"#),
    ("monte-carlo", r#"{"env": "frozen-lake"}"#),
    (
        "pixelcnn",
        r#"{"data": "stripes", "features": 4, "blocks": 1, "batch": 2, "hidden": 4,
        "data_args": {"side": 4, "n_train": 60, "n_test": 60}}"#,
    ),
    ("policy-evaluation", r#"{"env": "gridworld", "policy": "uniform"}"#),
    ("policy-iteration", r#"{"env": "gridworld", "evaluation": "modified"}"#),
    (
        "ppo",
        r#"{"env": "pendulum", "rollout": 5, "n_envs": 2, "batch": 5, "hidden": 4, "normalize_obs": true,
        "normalize_reward": true}"#,
    ),
    ("pqn", r#"{"env": "catch", "rollout": 5, "n_envs": 2, "batch": 5, "hidden": 4}"#),
    ("q-iteration", r#"{"env": "gridworld"}"#),
    ("q-learning", r#"{"env": "breakout", "lambda": 0.5}"#),
    (
        "reinforce",
        r#"{"env": "catch", "n_envs": 2, "episodes": 2, "hidden": 4, "baseline": "value"}"#,
    ),
    ("sarsa", r#"{"env": "bandit", "lambda": 0.5}"#),
    ("td", r#"{"env": "random-walk", "policy": "uniform", "n": 9}"#),
    (
        "vae",
        r#"{"data": "stripes", "hidden": 4, "latents": 2, "batch": 8,
        "data_args": {"side": 4, "n_train": 60, "n_test": 60}}"#,
    ),
    ("value-iteration", r#"{"env": "gridworld", "order": "prioritized"}"#),
    (
        "vq-vae",
        r#"{"data": "stripes", "channels": 4, "dims": 2, "codes": 4, "batch": 8,
        "data_args": {"side": 4, "n_train": 60, "n_test": 60}}"#,
    ),
];

/// Manifests, and all that is in a checkpoint, whose manifest agrees with it. What is accepted is gone on with.
fn checkpoints(dir: &Path) -> Vec<Reader> {
    let (path, _) = saved(dir, LEARNERS[0]);
    let manifest = path.join("manifest.json");
    let sound = fs::read(&manifest).unwrap();
    let open = |path: &Path| Checkpoint::open(path.parent().unwrap(), Scope::All).is_ok();
    let manifests = file(("manifest of a checkpoint", 6_000), manifest, vec![sound], open);
    let all = LEARNERS.iter().map(|learner| checkpoint(&dir.join(learner.0), *learner));
    std::iter::once(manifests).chain(all).collect()
}

/// Inputs begin with a byte that says which file of the checkpoint the rest of them is.
fn checkpoint(dir: &Path, learner: (&'static str, &str)) -> Reader {
    let (path, mut trainee) = saved(dir, learner);
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| !path.ends_with("manifest.json"));
    names.sort();
    let retained: Vec<_> = names.iter().map(|path| fs::read(path).unwrap()).collect();
    let whole = fs::read(path.join("manifest.json")).unwrap();
    let sound = retained.iter().zip(0..).map(|(bytes, i)| [&[i], &bytes[..]].concat()).collect();
    let read = move |input: &[u8]| {
        let Some((i, bytes)) = input.split_first() else { return false };
        let place = usize::from(*i) % names.len();
        put(&path, &names[place], bytes, &whole);
        let mut load = || {
            Checkpoint::open(&path, Scope::All).and_then(|mut c| trainee.learner().state(&mut c))
        };
        let loaded = load().is_ok();
        fs::write(&names[place], &retained[place]).unwrap();
        fs::write(path.join("manifest.json"), &whole).unwrap();
        if loaded {
            // An error is an answer.
            (0..9).for_each(|_| _ = trainee.learner().step(&mut Log::default()));
        }
        // The one before is loaded after one that failed, whatever that one left.
        Checkpoint::open(&path, Scope::All)
            .and_then(|mut c| trainee.learner().state(&mut c))
            .unwrap();
        loaded
    };
    Reader { name: learner.0, sound, inputs: 1_500, read: Box::new(read) }
}

/// A checkpoint of a learner that has learned a little, and the learner.
fn saved(dir: &Path, (algorithm, options): (&str, &str)) -> (PathBuf, Trainee) {
    let config = configured(algorithm, serde_json::from_str(options).unwrap());
    let algorithm = registry::algorithm(algorithm).unwrap();
    let load = || Ok(run_data::first(&config)?.dataset);
    let mut trainee = build::trainee(algorithm, &config, &Device::Cpu, load).unwrap();
    for _ in 0..13 {
        trainee.learner().step(&mut Log::default()).unwrap();
    }
    let path = dir.join("step-1");
    let mut checkpoint = Checkpoint::create(&path).unwrap();
    trainee.learner().state(&mut checkpoint).unwrap();
    checkpoint.commit().unwrap();
    (path, trainee)
}

/// Writes `bytes` as a file of a checkpoint, and a manifest like `whole` that agrees.
fn put(checkpoint: &Path, file: &Path, bytes: &[u8], whole: &[u8]) {
    let mut manifest: Value = serde_json::from_slice(whole).unwrap();
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let name = file.file_name().unwrap().to_str().unwrap();
    manifest[name] = json!({ "bytes": bytes.len(), "sha256": sha256 });
    fs::write(file, bytes).unwrap();
    fs::write(checkpoint.join("manifest.json"), manifest.to_string()).unwrap();
}

fn maps() -> Vec<Reader> {
    let grid = |bytes: &[u8]| {
        let map = String::from_utf8_lossy(bytes).into_owned();
        let config = envs::GridConfig { map: Some(map), ..envs::GridConfig::default() };
        envs::GridWorld::new(&config).is_ok()
    };
    let lake = |bytes: &[u8]| {
        let map = String::from_utf8_lossy(bytes).into_owned();
        envs::FrozenLake::new(&envs::FrozenLakeConfig { map, ..Default::default() }).is_ok()
    };
    let grids = bytes(&[". . . +1\n. # . -1\nS . . .\n", "S.# 1\n....\n", "S -0.5 1e3"]);
    let lakes = bytes(&["SFFF\nFHFH\nFFFH\nHFFG\n", "SFFG"]);
    vec![
        Reader { name: "map of a grid world", sound: grids, inputs: 10_000, read: Box::new(grid) },
        Reader { name: "map of a frozen lake", sound: lakes, inputs: 6_000, read: Box::new(lake) },
    ]
}

/// IDX, CIFAR-10 and folders of images.
fn data(dir: &Path) -> Vec<Reader> {
    let mut all = Vec::new();
    let (pixels, labels) = (idx(0x0803, &[40, 6, 6]), idx(0x0801, &[40]));
    let set = dir.join("idx");
    fs::create_dir_all(&set).unwrap();
    for (name, bytes) in [
        ("train-images-idx3-ubyte", &pixels),
        ("train-labels-idx1-ubyte", &labels),
        ("t10k-images-idx3-ubyte", &pixels),
        ("t10k-labels-idx1-ubyte", &labels),
    ] {
        fs::write(set.join(name), bytes).unwrap();
    }
    let mnist = |path: &Path| loads(&format!("mnist:{}", path.parent().unwrap().display()));
    // A reader leaves its last input behind: each has a set of its own.
    let (packed, labelled) = (dir.join("gz"), dir.join("labels"));
    for copy in [&packed, &labelled] {
        fs::create_dir_all(copy).unwrap();
        for entry in fs::read_dir(&set).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
        }
    }
    let (images, of) =
        (set.join("train-images-idx3-ubyte"), labelled.join("train-labels-idx1-ubyte"));
    fs::remove_file(packed.join("train-images-idx3-ubyte")).unwrap();
    let archive = packed.join("train-images-idx3-ubyte.gz");
    all.push(file(("images of MNIST (IDX)", 8_000), images, vec![pixels.clone()], mnist));
    all.push(file(("labels of MNIST (IDX)", 6_000), of, vec![labels], mnist));
    all.push(file(
        ("images of MNIST (gzip)", 6_000),
        archive,
        vec![packed_by_gzip(&pixels)],
        mnist,
    ));

    let cifar = dir.join("cifar/cifar-10-binary.tar.gz");
    let read = |path: &Path| loads(&format!("cifar-10:{}", path.display()));
    let packed = vec![packed_by_gzip(&tar(10))];
    all.push(file(("CIFAR-10 (tar, gzip)", 4_000), cifar, packed, read));
    let plain = dir.join("cifar/plain.tar");
    all.push(file(("CIFAR-10 (tar)", 4_000), plain, vec![tar(2)], read));

    for (name, ending, format) in [
        ("PNG in a folder", "png", ImageFormat::Png),
        ("GIF in a folder", "gif", ImageFormat::Gif),
        ("JPEG in a folder", "jpg", ImageFormat::Jpeg),
        ("BMP in a folder", "bmp", ImageFormat::Bmp),
        ("WebP in a folder", "webp", ImageFormat::WebP),
    ] {
        let folder = dir.join(ending);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..12 {
            fs::write(folder.join(format!("{i:02}.{ending}")), image(i, format)).unwrap();
        }
        let read = |path: &Path| loads(&format!("folder:{}", path.parent().unwrap().display()));
        let sound = (0..3).map(|i| image(i, format)).collect();
        all.push(file((name, 2_500), folder.join(format!("00.{ending}")), sound, read));
    }
    all
}

fn loads(name: &str) -> bool {
    let data = DataName::parse(name).unwrap();
    data.load(&params::resolve(&(data.entry.options)(), &Default::default()).unwrap()).is_ok()
}

/// An IDX file of these dimensions.
fn idx(magic: u32, lengths: &[u32]) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        [&[magic], lengths].concat().iter().flat_map(|n| n.to_be_bytes()).collect();
    bytes.extend((0..lengths.iter().product::<u32>()).map(|i| (i % 10) as u8));
    bytes
}

fn packed_by_gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The six files of CIFAR-10, of so many images each.
fn tar(images: u8) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_owned()])
    {
        let bytes: Vec<u8> =
            (0..images).flat_map(|i| [vec![i % 10], vec![i; 3072]].concat()).collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, format!("cifar-10-batches-bin/{name}"), &bytes[..])
            .unwrap();
    }
    archive.into_inner().unwrap()
}

/// A small image that is like no other.
fn image(i: u8, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Rgb([i * 20, (x * 30) as u8, (y * 30) as u8]);
    let image = DynamicImage::ImageRgb8(RgbImage::from_fn(8, 8, pixel));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
