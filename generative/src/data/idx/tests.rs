use super::*;
use crate::data::Parts;
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write as _;

fn idx(magic: u32, dims: &[u32], contents: &[u8]) -> Vec<u8> {
    let mut file = magic.to_be_bytes().to_vec();
    dims.iter().for_each(|dim| file.extend(dim.to_be_bytes()));
    file.extend(contents);
    file
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Twelve images 1×2 to train on, two to test on: two of the files are compressed.
fn small(dir: &Path) {
    let pixels: Vec<u8> = (0..24).collect();
    let labels: Vec<u8> = (0..12).map(|i| i % 10).collect();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
    write("train-images-idx3-ubyte.gz", &gz(&idx(IMAGES, &[12, 1, 2], &pixels)));
    write("train-labels-idx1-ubyte", &idx(LABELS, &[12], &labels));
    write("t10k-images.idx3-ubyte", &idx(IMAGES, &[2, 1, 2], &[9, 8, 7, 6]));
    write("t10k-labels-idx1-ubyte.gz", &gz(&idx(LABELS, &[2], &[3, 4])));
}

/// A set of images of one pixel, the number of the image, with these labels.
fn labelled_by(dir: &Path, train: &[u8], test: &[u8]) {
    for (part, labels) in [("train", train), ("t10k", test)] {
        let (n, pixels) =
            (labels.len() as u32, (0..labels.len()).map(|i| i as u8).collect::<Vec<_>>());
        let write = |what: &str, bytes: Vec<u8>| {
            fs::write(dir.join(format!("{part}-{what}-ubyte")), bytes).unwrap();
        };
        write("images-idx3", idx(IMAGES, &[n, 1, 1], &pixels));
        write("labels-idx1", idx(LABELS, &[n], labels));
    }
}

fn parts(path: &Path) -> Parts<Images> {
    mnist(path).unwrap().parts
}

fn told(path: &Path) -> String {
    let told = format!("{:#}", mnist(path).unwrap_err());
    assert!(!told.contains('\n'), "{told}");
    told
}

/// First number and label of each image, in order of the first.
fn sorted(images: &Images) -> Vec<(u8, u32)> {
    let of = &images.labels().unwrap().of;
    let mut all: Vec<_> = (0..images.len()).map(|i| (images.image(i)[0], of[i])).collect();
    all.sort_unstable();
    all
}

#[test]
fn plain_and_compressed_files_are_read_from_a_directory_and_by_prefix() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let read = parts(dir.path());
    assert_eq!((read.train.len(), read.validation.len(), read.test.len()), (10, 2, 2));
    let all = [sorted(&read.train), sorted(&read.validation)].concat();
    let mut expected: Vec<(u8, u32)> = (0..12).map(|i| (2 * i, u32::from(i % 10))).collect();
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), expected.drain(..).collect());
    assert_eq!(sorted(&read.test), [(7, 4), (9, 3)]);
    let fashion = fashion_mnist(dir.path()).unwrap();
    assert_eq!(fashion.parts.test.labels().unwrap().names[9], "boot");
    for file in fs::read_dir(dir.path()).unwrap() {
        let from = file.unwrap().path();
        let name = format!("my-{}", from.file_name().unwrap().to_str().unwrap());
        fs::rename(&from, dir.path().join(name)).unwrap();
    }
    assert_eq!(parts(&dir.path().join("my-")), read);
}

#[test]
fn a_set_sorted_by_class_is_divided_by_class() {
    let dir = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (0..120).map(|i| i / 12).collect();
    labelled_by(dir.path(), &labels, &labels);
    let Stored { parts, record, notes } = mnist(dir.path()).unwrap();
    for (images, each) in [(&parts.train, 10), (&parts.validation, 2), (&parts.test, 12)] {
        let of = &images.labels().unwrap().of;
        for class in 0..10 {
            assert_eq!(of.iter().filter(|of| **of == class).count(), each);
        }
        assert!(!of.is_sorted());
    }
    assert!(record.split.starts_with("stratified: 20 of 120"), "{}", record.split);
    assert_eq!(mnist(dir.path()).unwrap().record, record);
    assert!(notes.is_empty());
}

#[test]
fn labels_of_any_number_of_classes_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let letters: Vec<u8> = (0..104).map(|i| i % 26 + 1).collect();
    labelled_by(dir.path(), &letters, &letters[..26]);
    let labels = |images: &Images| images.labels().unwrap().clone();
    let Labels { names, .. } = labels(&parts(dir.path()).train);
    assert_eq!((names.len(), &*names[0], &*names[25]), (26, "1", "26"));
    fs::write(
        dir.path().join("mapping.txt"),
        (1..=26).fold(String::new(), |text, i| format!("{text}{i} {} {}\n", i + 64, i + 96)),
    )
    .unwrap();
    let test = parts(dir.path()).test;
    assert_eq!((&*labels(&test).names[25], labels(&test).names.len()), ("Z", 26));
    assert_eq!(sorted(&test)[25], (25, 25));
    fs::remove_file(dir.path().join("mapping.txt")).unwrap();
    for highest in [9, 10, 46, 61, 255] {
        let all: Vec<u8> = (0..=highest).flat_map(|label| [label; 2]).collect();
        labelled_by(dir.path(), &all, &[highest]);
        let parts = parts(dir.path());
        assert_eq!(labels(&parts.test).of, [u32::from(highest)]);
        assert_eq!(labels(&parts.test).names.len(), usize::from(highest) + 1);
    }
    // EMNIST's files are called -test- and have the name of the set before them.
    for (from, to) in [("train", "emnist-x-train"), ("t10k", "emnist-x-test")] {
        for what in ["images-idx3", "labels-idx1"] {
            let name = |part| dir.path().join(format!("{part}-{what}-ubyte"));
            fs::rename(name(from), name(to)).unwrap();
        }
    }
    assert_eq!(parts(&dir.path().join("emnist-x-")).test.len(), 1);
}

#[test]
fn classes_that_only_test_images_have_are_named() {
    let dir = tempfile::tempdir().unwrap();
    labelled_by(dir.path(), &[10, 11, 10, 11], &[12, 10]);
    let Stored { parts, notes, .. } = mnist(dir.path()).unwrap();
    assert_eq!(parts.train.labels().unwrap().names, ["10", "11", "12"]);
    assert_eq!(notes, ["no training image has the labels of some test images: 12"]);
}

#[test]
fn the_smallest_sets_are_read_or_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    for n in 2..8 {
        labelled_by(dir.path(), &vec![1; n], &[1]);
        let parts = parts(dir.path());
        assert_eq!((parts.train.len(), parts.validation.len()), (n - n.max(6) / 6, n.max(6) / 6));
    }
    labelled_by(dir.path(), &[1], &[1]);
    assert!(told(dir.path()).ends_with(
        "there is 1 training image; 2 at least are needed, one of \
                                        them to choose by"
    ));
    labelled_by(dir.path(), &[], &[1]);
    assert!(told(dir.path()).ends_with("there are no training images"));
    labelled_by(dir.path(), &[1; 9], &[]);
    assert!(told(dir.path()).ends_with("there are no test images; 1 at least is needed"));
}

#[test]
fn what_is_wrong_with_a_file_is_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let images = "train-images-idx3-ubyte.gz";
    let whole = gz(&idx(IMAGES, &[12, 1, 2], &[7; 24]));
    for (bytes, sentence) in [
        (
            idx(LABELS, &[12], &[0; 12]),
            "no IDX file of images: its magic number is 0x00000801, 0x00000803 is expected",
        ),
        (b"<html>".to_vec(), "no IDX file of images: its magic number is 0x3c68746d"),
        (
            idx(IMAGES, &[12, 1, 2], &[0; 23]),
            "is cut short: 23 bytes of images, its header says 24",
        ),
        (idx(IMAGES, &[12, 1, 2], &[0; 25]), "is longer than its header says, 24 bytes"),
        (whole[..whole.len() - 10].to_vec(), "is cut short"),
        (vec![0, 0, 8], "is cut short: it ends within its header"),
        (idx(IMAGES, &[u32::MAX; 3], &[]), "says that it holds 4294967295 images; at most"),
        (idx(IMAGES, &[12, u32::MAX, 1], &[]), "are 4294967295×1; at most 4096×4096 are read"),
        (idx(IMAGES, &[12, 0, 2], &[]), "says that its images are 0×2: they hold nothing"),
        (idx(IMAGES, &[12, 2, 0], &[]), "says that its images are 2×0: they hold nothing"),
        (idx(IMAGES, &[11, 1, 2], &[0; 22]), "has 12 labels, "),
    ] {
        small(dir.path());
        fs::write(dir.path().join(images), bytes).unwrap();
        let told = told(dir.path());
        assert!(told.contains(sentence) && told.contains("train-"), "{told}");
    }
    let absent = told(&dir.path().join("none"));
    assert!(absent.contains("there is no train-images-idx3-ubyte or "), "{absent}");
    assert!(absent.contains("`lab data get mnist --dir "), "{absent}");
    let file = told(&dir.path().join(images));
    assert!(file.contains(" is a file; give the directory that train-images-"), "{file}");
}

/// Whatever a header claims, neither it nor a file that inflates for ever takes memory.
#[test]
fn a_header_is_believed_only_as_far_as_its_file_can_hold_it() {
    let dir = tempfile::tempdir().unwrap();
    // 32 MB of nothing in 32 kB, and so many of labels beside it.
    let (n, nothing) = (8_000_000u32, vec![0; 32_000_000]);
    fs::write(
        dir.path().join("train-labels-idx1-ubyte.gz"),
        gz(&idx(LABELS, &[n], &nothing[..n as usize])),
    )
    .unwrap();
    let images = dir.path().join("train-images-idx3-ubyte.gz");
    for (dims, sentence) in [
        ([n, 45, 45], "its header says 16.2 GB, which its 31"),
        ([n, 4096, 4096], "its header says 134217.7 GB, which its 31"),
        ([16_000_000, 32, 32], "has 8000000 labels, "),
        ([n, 1, 2], "is longer than its header says, 16000000 bytes"),
    ] {
        fs::write(&images, gz(&idx(IMAGES, &dims, &nothing))).unwrap();
        let told = told(dir.path());
        assert!(told.contains(sentence) && told.contains("train-images"), "{told}");
    }
    fs::write(
        dir.path().join("train-labels-idx1-ubyte.gz"),
        gz(&idx(LABELS, &[u32::MAX], &nothing)),
    )
    .unwrap();
    assert!(
        told(dir.path())
            .contains("train-labels-idx1-ubyte.gz says that it holds 4294967295 labels")
    );
}

/// Directory of MNIST: `LAB_DATA`, or `data` or `shared/data` in the workspace or beside it.
fn real() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let beside = [root, root.parent().unwrap()];
    let near = beside.iter().flat_map(|dir| [dir.join("data"), dir.join("shared/data")]);
    let mut dirs = std::env::var_os("LAB_DATA").map(PathBuf::from).into_iter().chain(near);
    dirs.find(|dir| dir.join("mnist").is_dir()).map(|dir| dir.join("mnist"))
}

#[test]
fn mnist_itself() {
    let Some(path) = real() else {
        println!(
            "skipped: MNIST is not there; `lab data get mnist`, or set LAB_DATA to where it is"
        );
        return;
    };
    let Stored { parts, record, .. } = mnist(&path).unwrap();
    assert!(record.split.starts_with("as published: the last 10000 of 60000"), "{}", record.split);
    assert_eq!(
        (parts.train.len(), parts.validation.len(), parts.test.len()),
        (50_000, 10_000, 10_000)
    );
    assert_eq!(parts.train.shape(), Shape { channels: 1, height: 28, width: 28 });
    assert_eq!(parts.train.labels().unwrap().of[..6], [5, 0, 4, 1, 9, 2]);
    assert_eq!(parts.test.labels().unwrap().of[..6], [7, 2, 1, 0, 4, 1]);
    // The mean grey of the 60,000, 0.1307.
    let sum = |images: &Images| images.pixels().iter().map(|&x| u64::from(x)).sum::<u64>();
    let mean = (sum(&parts.train) + sum(&parts.validation)) as f64 / (60_000.0 * 784.0 * 255.0);
    assert!((mean - 0.1307).abs() < 5e-5, "{mean}");
}
