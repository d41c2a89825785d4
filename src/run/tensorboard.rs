//! TensorBoard's event files: metrics, figures, hyper-parameters and parameters of a run.
//!
//! A file of events is a sequence of records: length, checksum of the length, an `Event` of protocol buffers, checksum of
//! that (TensorFlow, `tensorflow/core/lib/io/record_writer.h`). The messages are parts of `event.proto`, `summary.proto`,
//! `tensor.proto` and TensorBoard's `plugins/hparams/plugin_data.proto`, declared here with the numbers that those
//! give to their fields.
//!
//! The events of metrics follow from `run.json` and `metrics.jsonl` alone, time included. So a run that is resumed cuts
//! its file back by comparing it with them, and a run without such a file has it made as a whole.
use crate::render::plot::rows;
use anyhow::{Context, Result};
use candle_core::{DType, Device, safetensors};
use crc::{CRC_32_ISCSI, Crc};
use image::ImageReader;
use params::plain;
use prost::Message;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use train::{Row, RunInfo, Sink};

/// Figures that say nothing which the metrics do not.
const CURVES: &str = "curves";

/// Bytes of the longest image that is shown.
const LONGEST_IMAGE: u64 = 1 << 27;

/// Bins of a histogram.
const BINS: usize = 40;

/// The events of one run.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    /// Seconds since 1970 at the start of the run.
    started: f64,
    hyper_parameters: BTreeMap<String, Setting>,
}

impl Events {
    /// Events of a run that `info` describes.
    pub(crate) fn of(info: &RunInfo) -> Self {
        // A start that was edited away costs the time of day, no more.
        let started = humantime::parse_rfc3339(&info.started).ok();
        let started = started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let started = started.map_or(0.0, |time| time.as_secs_f64());
        let mut hyper_parameters = BTreeMap::from([
            ("algorithm".to_owned(), Setting::of(&info.algorithm.clone().into())),
            ("subject".to_owned(), Setting::of(&info.subject.clone().into())),
        ]);
        for (key, value) in &info.config {
            match value {
                Value::Null => {}
                Value::Object(options) => {
                    let given = options.iter().filter(|(_, value)| !value.is_null());
                    hyper_parameters
                        .extend(given.map(|(key, value)| (key.clone(), Setting::of(value))));
                }
                value => _ = hyper_parameters.insert(key.clone(), Setting::of(value)),
            }
        }
        Self { started, hyper_parameters }
    }

    /// Name of the file.
    pub(crate) fn file_name(&self) -> String {
        format!("events.out.tfevents.{:010}.lab", self.started as u64)
    }

    /// All events of the run in `dir` with its figures, as a file holds them.
    ///
    /// # Errors
    /// If its metrics or a figure can't be read.
    pub(crate) fn all(&self, dir: &Path) -> Result<Vec<u8>> {
        let rows = rows(&dir.join("metrics.jsonl"))?;
        let mut events = self.of_rows(&rows);
        events.extend(self.at_the_end(dir, rows.last())?);
        Ok(events)
    }

    /// Figures, and histograms of parameters.
    fn at_the_end(&self, dir: &Path, last: Option<&Row>) -> Result<Vec<u8>> {
        let mut events = self.figures(dir, last)?;
        events.extend(self.histograms(dir, last)?);
        Ok(events)
    }

    /// Version, hyper-parameters and rows.
    fn of_rows(&self, rows: &[Row]) -> Vec<u8> {
        let version = Event {
            wall_time: self.started,
            file_version: Some("brain.Event:2".to_owned()),
            ..Event::default()
        };
        let start = SessionStart {
            hyper_parameters: self.hyper_parameters.clone(),
            start_time: self.started,
        };
        let content = PluginContent { version: 0, start: Some(start) }.encode_to_vec();
        let plugin = Plugin { name: "hparams".to_owned(), content };
        let session = Summary {
            tag: "_hparams_/session_start_info".to_owned(),
            metadata: Some(Metadata { plugin: Some(plugin) }),
            // The plugin reads the metadata alone; a tensor marks the summary as one of the present format.
            tensor: Some(Tensor { kind: FLOAT, shape: Some(Shape {}), floats: vec![0.0] }),
            ..Summary::default()
        };
        let mut events = record(&version);
        events.extend(record(&self.event(0, 0.0, vec![session])));
        events.extend(rows.iter().flat_map(|row| self.row(row)));
        events
    }

    /// A row of metrics.
    fn row(&self, row: &Row) -> Vec<u8> {
        let scalar = |(name, value): (&String, &f64)| Summary {
            tag: name.clone(),
            number: Some(*value as f32),
            ..Summary::default()
        };
        record(&self.event(row.step, seconds(row), row.values.iter().map(scalar).collect()))
    }

    /// The figures that lie in `dir`, at the step and the time of the last row.
    fn figures(&self, dir: &Path, last: Option<&Row>) -> Result<Vec<u8>> {
        let mut paths = entries(dir)?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "png" || end == "gif"));
        let (step, at) = last.map_or((0, 0.0), |row| (row.step, seconds(row)));
        let mut events = Vec::new();
        for path in paths.iter().filter(|path| path.file_stem().is_some_and(|name| name != CURVES))
        {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let figure = Summary {
                tag: format!("figures/{}", name.unwrap_or_default()),
                image: Some(EncodedImage::read(path)?),
                ..Summary::default()
            };
            events.extend(record(&self.event(step, at, vec![figure])));
        }
        Ok(events)
    }

    /// A histogram of each tensor of the model in each checkpoint that is still in `dir`, at the time of the last row.
    fn histograms(&self, dir: &Path, last: Option<&Row>) -> Result<Vec<u8>> {
        let (at, checkpoints) = (last.map_or(0.0, seconds), dir.join("checkpoints"));
        let mut events = Vec::new();
        let found = if checkpoints.is_dir() { entries(&checkpoints)? } else { Vec::new() };
        for checkpoint in found {
            let name = checkpoint.file_name().map(|name| name.to_string_lossy().into_owned());
            let step = name.and_then(|name| name.strip_prefix("step-")?.parse().ok());
            let Some(step) = step else { continue };
            let mut values = Vec::new();
            for path in entries(&checkpoint)? {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                let part = name.as_deref().and_then(|name| {
                    name.strip_prefix("model")?.strip_suffix(".safetensors").map(str::to_owned)
                });
                let Some(part) = part else { continue };
                // By name: the map that they come in has no order.
                let tensors: BTreeMap<_, _> = safetensors::load(&path, &Device::Cpu)
                    .with_context(|| format!("cannot read {}", path.display()))?
                    .into_iter()
                    .collect();
                for (name, tensor) in tensors {
                    let numbers = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
                    let tag = format!("parameters{}/{name}", part.replace('.', "/"));
                    let histogram = Some(Histogram::of(&numbers));
                    values.push(Summary { tag, histogram, ..Summary::default() });
                }
            }
            if !values.is_empty() {
                events.extend(record(&self.event(step, at, values)));
            }
        }
        Ok(events)
    }

    /// An event `at` seconds of training.
    fn event(&self, step: u64, at: f64, values: Vec<Summary>) -> Event {
        Event {
            wall_time: self.started + at,
            step: step as i64,
            summary: Some(Summaries { values }),
            ..Event::default()
        }
    }
}

/// Contents of a directory, by name.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", dir.display());
    let entries = fs::read_dir(dir).with_context(cannot)?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = paths.with_context(cannot)?;
    paths.sort();
    Ok(paths)
}

/// Seconds of training at a row.
fn seconds(row: &Row) -> f64 {
    row.values.get("time/wall_seconds").copied().unwrap_or_default()
}

/// A file of events in a run directory, to which rows are appended as they come.
pub(crate) struct EventFile {
    events: Events,
    dir: PathBuf,
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Opens the file of a run in `dir`; it is made where it isn't there.
    pub(crate) fn open(events: Events, dir: &Path) -> Result<Self> {
        let path = dir.join(events.file_name());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { events, dir: dir.to_owned(), path, file })
    }

    /// Test whether a run in `dir` has such a file.
    pub(crate) fn is_in(events: &Events, dir: &Path) -> bool {
        dir.join(events.file_name()).is_file()
    }

    /// Appends what there is at the end of a run: figures, and histograms of parameters.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let rows = rows(&self.dir.join("metrics.jsonl"))?;
        let events = self.events.at_the_end(&self.dir, rows.last())?;
        self.append(&events)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Sink for EventFile {
    /// Keeps the events of rows that are still in `metrics.jsonl`, whose sink comes before this one, and drops others: those after
    /// the checkpoint, figures of an earlier end.
    fn begin(&mut self, _: u64, _: u64, rows_before: u64) -> Result<u64> {
        let at = || format!("cannot continue {}", self.path.display());
        let expected = self.events.of_rows(&rows(&self.dir.join("metrics.jsonl"))?);
        let present = fs::read(&self.path).with_context(at)?;
        // What a reader has read already stays in its place.
        if present.starts_with(&expected) {
            self.file.set_len(expected.len() as u64).with_context(at)?;
        } else {
            self.file.set_len(0).with_context(at)?;
            self.file.write_all(&expected).with_context(at)?;
        }
        Ok(rows_before)
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let bytes = self.events.row(row);
        self.append(&bytes)
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// An event in its frame.
fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked(&length).to_le_bytes());
    bytes.extend(&data);
    bytes.extend(masked(&data).to_le_bytes());
    bytes
}

/// CRC-32C, turned and shifted, since a checksum of data that hold checksums is weak (`tensorflow/core/lib/hash/crc32c.h`).
fn masked(bytes: &[u8]) -> u32 {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// `Event`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summaries>,
}

/// `Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summaries {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Summary>,
}

/// `Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    number: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<EncodedImage>,
    #[prost(message, optional, tag = "5")]
    histogram: Option<Histogram>,
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    metadata: Option<Metadata>,
}

/// `Summary.Image`.
#[derive(Clone, PartialEq, Message)]
struct EncodedImage {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// Number of colours.
    #[prost(int32, tag = "3")]
    colours: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded: Vec<u8>,
}

impl EncodedImage {
    fn read(path: &Path) -> Result<Self> {
        let encoded = train::read_file(path, LONGEST_IMAGE)?;
        let size = ImageReader::open(path)?.into_dimensions();
        let (width, height) = size.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { height: height as i32, width: width as i32, colours: 3, encoded })
    }
}

/// `HistogramProto`: of each bin its upper end and how many numbers are in it.
#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(double, tag = "1")]
    least: f64,
    #[prost(double, tag = "2")]
    most: f64,
    #[prost(double, tag = "3")]
    count: f64,
    #[prost(double, tag = "4")]
    sum: f64,
    #[prost(double, tag = "5")]
    sum_of_squares: f64,
    #[prost(double, repeated, tag = "6")]
    ends: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    counts: Vec<f64>,
}

impl Histogram {
    /// Equal bins from the least to the largest number.
    fn of(numbers: &[f64]) -> Self {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let width = (most - least) / BINS as f64;
        let mut counts = vec![0.0; BINS];
        for number in numbers {
            // All numbers may be equal; the largest belongs to the last bin.
            let bin = if width > 0.0 { ((number - least) / width) as usize } else { 0 };
            counts[bin.min(BINS - 1)] += 1.0;
        }
        Self {
            least,
            most,
            count: numbers.len() as f64,
            sum: numbers.iter().sum(),
            sum_of_squares: numbers.iter().map(|number| number * number).sum(),
            ends: (1..=BINS).map(|bin| least + width * bin as f64).collect(),
            counts,
        }
    }
}

/// `SummaryMetadata`.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    plugin: Option<Plugin>,
}

/// `SummaryMetadata.PluginData`.
#[derive(Clone, PartialEq, Message)]
struct Plugin {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    content: Vec<u8>,
}

/// `DT_FLOAT`.
const FLOAT: i32 = 1;

/// `TensorProto`.
#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
}

/// `TensorShapeProto` of a scalar.
#[derive(Clone, PartialEq, Message)]
struct Shape {}

/// `HParamsPluginData`.
#[derive(Clone, PartialEq, Message)]
struct PluginContent {
    #[prost(int32, tag = "1")]
    version: i32,
    #[prost(message, optional, tag = "3")]
    start: Option<SessionStart>,
}

/// `SessionStartInfo`.
#[derive(Clone, PartialEq, Message)]
struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    hyper_parameters: BTreeMap<String, Setting>,
    #[prost(double, tag = "5")]
    start_time: f64,
}

/// `google.protobuf.Value`: one of its kinds.
#[derive(Clone, PartialEq, Message)]
struct Setting {
    #[prost(double, optional, tag = "2")]
    number: Option<f64>,
    #[prost(string, optional, tag = "3")]
    text: Option<String>,
    #[prost(bool, optional, tag = "4")]
    flag: Option<bool>,
}

impl Setting {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self { number: number.as_f64(), ..Self::default() },
            Value::Bool(flag) => Self { flag: Some(*flag), ..Self::default() },
            // Some settings are a number or a word, as `--alpha` is 0.1 or 1/n, and are texts for that reason.
            value => match plain(value) {
                text if text.parse().is_ok_and(f64::is_finite) => {
                    Self { number: text.parse().ok(), ..Self::default() }
                }
                text => Self { text: Some(text), ..Self::default() },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> RunInfo {
        let config = serde_json::json!({
            "alpha": "0.25", "hidden": "64,64", "lr": 0.5, "env_args": {"slippery": true}, "lr_end": null,
        });
        RunInfo {
            algorithm: "dqn".to_owned(),
            subject: "catch".to_owned(),
            seed: 1,
            config: config.as_object().unwrap().clone(),
            lab_version: String::new(),
            lab_commit: String::new(),
            device: String::new(),
            threads: 1,
            started: "1970-01-01T00:01:40Z".to_owned(),
            data: None,
        }
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4: 32 bytes of zeros, of ones, 0 to 31.
        let crc = |bytes: &[u8]| Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes);
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
        let up: Vec<u8> = (0..32).collect();
        assert_eq!(crc(&up), 0x46dd_794e);
        // Its halves 0x8a91, 0x36aa turned by 15 bits: 0x6d55_1522, plus the constant.
        assert_eq!(masked(&[0; 32]), 0x6d55_1522_u32.wrapping_add(0xa282_ead8));
    }

    #[test]
    fn a_histogram_by_hand() {
        // Bins of 0.1 from 0 to 4.
        let histogram = Histogram::of(&[0.0, 0.05, 1.02, 4.0, 3.99]);
        assert_eq!((histogram.least, histogram.most, histogram.count), (0.0, 4.0, 5.0));
        let filled: Vec<_> = (0..BINS).filter(|bin| histogram.counts[*bin] > 0.0).collect();
        assert_eq!(filled, [0, 10, 39]);
        assert_eq!([0, 10, 39].map(|bin| histogram.counts[bin]), [2.0, 1.0, 2.0]);
        assert!(
            (histogram.ends[10] - 1.1).abs() < 1e-12 && (histogram.ends[39] - 4.0).abs() < 1e-12
        );
        assert!((histogram.sum - 9.06).abs() < 1e-12);
        let squares = 0.0025 + 1.0404 + 16.0 + 15.9201;
        assert!((histogram.sum_of_squares - squares).abs() < 1e-12);
        let equal = Histogram::of(&[2.0; 3]);
        assert_eq!((equal.counts[0], equal.ends[BINS - 1]), (3.0, 2.0));
    }

    #[test]
    fn a_record_by_hand() {
        let event = Event { wall_time: 1.0, step: 3, ..Event::default() };
        // Field 1, 64 bits: 1.0; field 2, a number: 3.
        let data = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 3];
        let bytes = record(&event);
        assert_eq!(bytes.len(), 8 + 4 + 11 + 4);
        assert_eq!(bytes[..8], [11, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..12], masked(&bytes[..8]).to_le_bytes());
        assert_eq!(bytes[12..23], data);
        assert_eq!(bytes[23..], masked(&data).to_le_bytes());
    }

    fn row(step: u64, loss: f64) -> Row {
        let values = [("train/loss", loss), ("time/wall_seconds", step as f64)];
        Row { step, values: values.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    #[test]
    fn rows_have_their_step_and_the_time_of_training() {
        let events = Events::of(&info());
        let bytes = events.row(&row(7, 0.25));
        let event = Event::decode(&bytes[12..bytes.len() - 4]).unwrap();
        assert_eq!((event.wall_time, event.step), (107.0, 7));
        let values = event.summary.unwrap().values;
        let values: Vec<_> = values.into_iter().map(|value| (value.tag, value.number)).collect();
        let expected = [("time/wall_seconds", 7.0), ("train/loss", 0.25)];
        assert_eq!(values, expected.map(|(tag, number)| (tag.to_owned(), Some(number))));
        assert_eq!(events.file_name(), "events.out.tfevents.0000000100.lab");
        let keys: Vec<_> = events.hyper_parameters.keys().collect();
        assert_eq!(keys, ["algorithm", "alpha", "hidden", "lr", "slippery", "subject"]);
        assert_eq!(events.hyper_parameters["slippery"].flag, Some(true));
        let numbers = ["lr", "alpha", "hidden"].map(|key| events.hyper_parameters[key].number);
        assert_eq!(numbers, [Some(0.5), Some(0.25), None]);
    }

    /// Metrics that a checkpoint counts two rows of, and a file of events with a third one, torn.
    #[test]
    fn a_resumed_run_has_each_row_once() {
        let dir = tempfile::tempdir().unwrap();
        let events = Events::of(&info());
        let metrics = dir.path().join("metrics.jsonl");
        let line = |step: u64| {
            format!("{{\"step\":{step},\"train/loss\":0.5,\"time/wall_seconds\":{step}.0}}\n")
        };
        fs::write(&metrics, line(1) + &line(2)).unwrap();
        let whole =
            |rows: u64| events.of_rows(&(1..=rows).map(|step| row(step, 0.5)).collect::<Vec<_>>());
        let path = dir.path().join(events.file_name());
        let torn = &whole(4)[..whole(4).len() - 5];
        for before in [torn, &whole(2), &whole(1), b"", b"something else"] {
            fs::write(&path, before).unwrap();
            let mut file = EventFile::open(events.clone(), dir.path()).unwrap();
            assert_eq!(file.begin(2, 9, 2).unwrap(), 2);
            assert_eq!(fs::read(&path).unwrap(), whole(2));
            file.row(&row(3, 0.5)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole(3));
        }
        assert_eq!(events.all(dir.path()).unwrap(), whole(2));
    }
}
