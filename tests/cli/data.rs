//! Data that are read from files: what a run remembers of them, and what files may not do.
use super::*;
use lab::registry::{Subject, algorithms};

/// A variational auto-encoder of the images in `images` that is trained in a moment.
const RUN: &str = "vae --data folder:images --steps 256 --log-every 128 --eval-every 128 --save-every 128 \
                   --batch 16 --hidden 8 --latents 2 --quiet";

/// Forty images 4×4 of two classes.
fn images(lab: &Lab) {
    for (class, first) in [("cats", 0), ("dogs", 100)] {
        let dir = lab.path("images").join(class);
        fs::create_dir_all(&dir).unwrap();
        for i in 0..20 {
            let grey = |x: u32, y: u32| image::Luma([first + 5 * i + (3 * x + y) as u8]);
            image::GrayImage::from_fn(4, 4, grey).save(dir.join(format!("{i:02}.png"))).unwrap();
        }
    }
}

fn failed(lab: &Lab, args: &str, code: i32) -> String {
    let output = lab.run(args);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args}: {message}");
    assert_eq!(message.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{message}");
    message
}

#[test]
fn a_run_remembers_its_data_and_finds_them_where_they_were_moved() {
    let lab = Lab::new();
    images(&lab);
    let whole = RUN.replace("--steps 256", "--steps 512");
    lab.ok(&format!("{whole} --out whole"));
    lab.ok(&format!("{RUN} --out run"));
    let data = json(&lab.path("run/run.json"))["data"].clone();
    let counts = &data["counts"];
    assert_eq!(
        (&data["name"], &counts["train"], &counts["test"]),
        (&"folder".into(), &32.into(), &4.into())
    );
    assert_eq!(
        (data["fingerprint"].as_str().unwrap().len(), &data["classes"][1]),
        (64, &"dogs".into())
    );
    let eval = lab.ok("eval run --json");

    let drawn = fs::read(lab.path("run/samples.png")).unwrap();
    fs::create_dir(lab.path("elsewhere")).unwrap();
    fs::rename(lab.path("images"), lab.path("elsewhere/moved")).unwrap();
    lab.ok("sample run --n 100");
    assert!(fs::read(lab.path("run/samples.png")).unwrap() == drawn, "another image");
    for args in ["eval run", "resume run --steps 512", "sample run --nearest"] {
        let message = failed(&lab, args, 1);
        assert!(
            message.contains("add --data folder:PATH: cannot list ") && message.contains("images"),
            "{message}"
        );
    }
    assert_eq!(lab.ok("eval run --json --data folder:elsewhere/moved"), eval);
    lab.ok("sample run --nearest --data folder:elsewhere/moved");
    lab.ok("resume run --quiet --steps 384 --data folder:elsewhere/moved");
    // The new place is remembered.
    lab.ok("resume run --quiet --steps 512");
    assert_eq!(lab.hash("run"), lab.hash("whole"));
    assert_eq!(lab.ok("eval run --json"), lab.ok("eval run --json --data folder:elsewhere/moved"));
    assert_eq!(json(&lab.path("run/run.json"))["data"]["fingerprint"], data["fingerprint"]);

    for (args, sentence) in [
        ("eval run --data mnist:images", "run learned from folder; say where that lies"),
        ("resume run --data glyphs", "run learned from folder; say where that lies"),
        ("eval run --data folder", "say where its files are, as in --data folder:PATH"),
    ] {
        let message = failed(&lab, args, 2);
        assert!(message.contains(sentence), "{message}");
    }
    let absent = failed(&lab, "eval run --data folder:none", 1);
    assert!(absent.contains("cannot list none"), "{absent}");
}

#[test]
fn data_that_changed_are_refused_with_what_changed() {
    let lab = Lab::new();
    images(&lab);
    lab.ok(&format!("{RUN} --out run"));
    let message = |sentence: &str| {
        let before = fs::read(lab.path("run/run.json")).unwrap();
        for args in
            ["eval run", "eval run --samples 20", "resume run --steps 512", "sample run --nearest"]
        {
            let message = failed(&lab, args, 1);
            assert!(
                message.contains("images does not hold the data that run learned from: "),
                "{message}"
            );
            assert!(message.contains(sentence), "{message}");
        }
        assert_eq!(fs::read(lab.path("run/run.json")).unwrap(), before);
        lab.ok("sample run");
    };
    let [new, old] = ["cats/new.png", "dogs/07.png"].map(|name| lab.path("images").join(name));
    fs::copy(&old, &new).unwrap();
    message("33 training images, 32 then; new: cats/new.png. Give the place of those");
    fs::remove_file(&new).unwrap();
    lab.ok("eval run");
    let whole = fs::read(&old).unwrap();
    image::GrayImage::new(4, 4).save(&old).unwrap();
    message(": changed: dogs/07.png. Give");
    fs::remove_file(&old).unwrap();
    message("gone: dogs/07.png");
    fs::write(&old, whole).unwrap();
    fs::rename(lab.path("images/dogs"), lab.path("images/wolves")).unwrap();
    message("classes: cats, wolves; then: cats, dogs");
    fs::rename(lab.path("images/wolves"), lab.path("images/dogs")).unwrap();
    // What programs leave behind changes nothing.
    fs::write(lab.path("images/cats/.DS_Store"), "").unwrap();
    lab.ok("resume run --steps 384 --quiet");
}

#[test]
fn a_run_that_does_not_remember_its_data_says_what_it_needs() {
    let lab = Lab::new();
    images(&lab);
    lab.ok(&format!("{RUN} --out run"));
    let mut info = json(&lab.path("run/run.json"));
    info.as_object_mut().unwrap().remove("data");
    fs::write(lab.path("run/run.json"), info.to_string()).unwrap();
    lab.ok("sample run");
    fs::rename(lab.path("images"), lab.path("moved")).unwrap();
    let message = failed(&lab, "sample run", 1);
    assert!(message.contains("where they lie elsewhere now, add --data folder:PATH"), "{message}");
    lab.ok("sample run --data folder:moved");
    let output = lab.run("resume run --steps 384 --data folder:moved");
    let message = stderr(&output);
    assert!(
        output.status.success() && message.contains("whether these are the same can't be told"),
        "{message}"
    );
    // From then on it does.
    fs::remove_file(lab.path("moved/cats/03.png")).unwrap();
    assert!(failed(&lab, "resume run --steps 512", 1).contains("gone: cats/03.png"));
    info["data"] = "damaged".into();
    fs::write(lab.path("run/run.json"), info.to_string()).unwrap();
    assert!(failed(&lab, "sample run", 1).contains("run.json is damaged"));
}

/// A short run of each algorithm that learns from data, whose data are then gone.
#[test]
fn every_model_draws_without_its_data() {
    let lab = Lab::new();
    images(&lab);
    let models = algorithms().iter().filter(|algorithm| algorithm.subject() == Subject::Data);
    let models: Vec<_> = models.map(|algorithm| algorithm.name).collect();
    let options = |name: &str| match name {
        "diffusion" => "--batch 8 --hidden 8 --layers 1 --diffusion-steps 9 --sample-steps 3",
        "flow" => "--batch 8 --hidden 8 --layers 1 --blocks 2",
        "flow-matching" => "--batch 8 --hidden 8 --layers 1 --sample-steps 3",
        "gan" => "--batch 8 --hidden 8 --latents 2",
        "image-transformer" => "--batch 8 --features 8 --heads 2 --blocks 1",
        "made" => "--batch 8 --hidden 8",
        "pixelcnn" => "--batch 8 --features 4 --hidden 4 --blocks 0 --first-kernel 3",
        "vae" => "--batch 8 --hidden 8 --latents 2",
        "vq-vae" => "--batch 8 --channels 4 --residual 0 --codes 4 --dims 2",
        _ => "--batch 8",
    };
    let is_reported = |name: &str| !["flow", "made", "vq-vae"].contains(&name);
    for name in &models {
        let begin = format!(
            "{name} --data folder:images --steps 16 --eval-every 0 --quiet {}",
            options(name)
        );
        lab.ok(&format!("{begin} --out {name}"));
        if is_reported(name) {
            lab.ok(&format!("{begin} --conditional --out {name}-told"));
        }
    }
    fs::remove_dir_all(lab.path("images")).unwrap();
    for name in &models {
        if *name == "vq-vae" {
            assert!(failed(&lab, "sample vq-vae", 2).contains("has learned to encode"));
            continue;
        }
        let drawn = |args: &str| {
            lab.ok(&format!("sample {args} --out drawn.png"));
            image::open(lab.path("drawn.png")).unwrap()
        };
        assert!(drawn(&format!("{name} --n 4")).width() > 8, "{name}");
        if is_reported(name) {
            let of = |label: &str| drawn(&format!("{name}-told --n 9 --label {label}"));
            assert_eq!(of("cats").width(), of("dogs").width(), "{name}");
            let unknown = failed(&lab, &format!("sample {name}-told --label mice"), 2);
            assert!(unknown.contains("--label mice: there are cats, dogs"), "{unknown}");
        }
        let draws_in_turn = ["image-transformer", "made", "pixelcnn"].contains(name);
        if draws_in_turn {
            drawn(&format!("{name} --n 4 --temperature 0.5"));
            let message = failed(&lab, &format!("sample {name} --complete"), 1);
            assert!(message.contains("add --data folder:PATH"), "{message}");
        }
    }
}

/// An IDX file.
fn idx(dims: &[u32], contents: &[u8]) -> Vec<u8> {
    let magic = [0, 0, 8, dims.len() as u8];
    let dims = dims.iter().flat_map(|dim| dim.to_be_bytes());
    magic.into_iter().chain(dims).chain(contents.iter().copied()).collect()
}

#[test]
fn a_set_that_is_sorted_by_class_is_chosen_by_all_of_them() {
    let lab = Lab::new();
    fs::create_dir(lab.path("sorted")).unwrap();
    let labels: Vec<u8> = (0..104).map(|i| i / 4 + 1).collect();
    let pixels: Vec<u8> = labels.iter().flat_map(|label| [*label; 4]).collect();
    for part in ["train", "test"] {
        let write = |what: &str, bytes: Vec<u8>| {
            fs::write(lab.path("sorted").join(format!("{part}-{what}-ubyte")), bytes).unwrap();
        };
        write("images-idx3", idx(&[104, 2, 2], &pixels));
        write("labels-idx1", idx(&[104], &labels));
    }
    lab.ok("vae --data mnist:sorted --steps 64 --batch 16 --hidden 4 --latents 2 --conditional --quiet --out run");
    let data = &json(&lab.path("run/run.json"))["data"];
    let split = data["split"].as_str().unwrap();
    assert!(
        split.starts_with("stratified: 17 of 104 training images, of each class its share"),
        "{split}"
    );
    assert_eq!((&data["classes"][25], &data["counts"]["validation"]), (&"26".into(), &17.into()));
    lab.ok("sample run --label 26");
}

/// Files of a few kilobytes that ask for gigabytes, within one gigabyte of address space.
#[cfg(target_os = "linux")]
#[test]
fn files_that_ask_for_memory_get_a_sentence() {
    let lab = Lab::new();
    for dir in ["idx", "cifar", "png"] {
        fs::create_dir(lab.path(dir)).unwrap();
    }
    for part in ["train", "t10k"] {
        let path = |what: &str| lab.path("idx").join(format!("{part}-{what}-ubyte"));
        fs::write(path("images-idx3"), idx(&[60_000, 535, 535], &[0; 1000])).unwrap();
        fs::write(path("labels-idx1"), idx(&[60_000], &[0; 60_000])).unwrap();
    }
    let long = fs::File::create(lab.path("cifar/data_batch_1.bin")).unwrap();
    long.set_len(30_730_000 * 100).unwrap();
    for i in 0..40 {
        let image = image::GrayImage::new(4000, 4000);
        if i == 0 {
            image.save(lab.path("png/0.png")).unwrap();
        } else {
            fs::copy(lab.path("png/0.png"), lab.path("png").join(format!("{i}.png"))).unwrap();
        }
    }
    for (set, sentence) in [
        ("mnist:idx", "its header says 17.2 GB, which its 1016 bytes can't hold"),
        (
            "cifar-10:cifar",
            "data_batch_1.bin is not of CIFAR-10: it holds 3.1 GB, a file of 10,000",
        ),
        ("folder:png", "png, 40 images of 4000×4000, would take 640.0 MB of memory; at most "),
    ] {
        let command =
            format!("ulimit -v 1000000; exec {} vae --data {set}", env!("CARGO_BIN_EXE_lab"));
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("RAYON_NUM_THREADS", "1")
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir(lab.dir.path())
            .output()
            .unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(sentence) && !message.contains("panicked"), "{message}");
    }
}
