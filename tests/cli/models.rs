//! Models of data.
use super::*;

/// A variational auto-encoder that is trained in a moment.
const STRIPES: &str = "vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 2560 --log-every 640 \
                        --eval-every 1280 --save-every 1280 --batch 64 --hidden 16 --latents 3";

#[test]
fn a_generative_model_is_trained_scored_and_drawn_from() {
    let lab = Lab::new();
    let message = lab.ok(STRIPES);
    assert!(message.starts_with("vae on stripes: elbo_nats -"), "{message}");
    assert!(
        message.contains("lab sample runs/vae-stripes-s1\n") && !message.contains("explor"),
        "{message}"
    );
    assert!(message.contains("lab eval runs/vae-stripes-s1 --samples 10000\n"), "{message}");
    let run = lab.path("runs/vae-stripes-s1");
    for figure in [
        "samples.png",
        "reconstructions.png",
        "interpolations.png",
        "interpolations-spherical.png",
        "latents.png",
        "samples.gif",
        "curves.png",
    ] {
        assert!(image::open(run.join(figure)).unwrap().width() > 300, "{figure}");
    }
    let config = &json(&run.join("run.json"))["config"];
    assert_eq!((&config["data"], &config["data_args"]["side"]), (&"stripes".into(), &4.into()));
    assert_eq!(config["binarisation"], "dynamic");

    let result = json(&run.join("result.json"));
    assert_eq!(
        (&result["subject"], &result["eval"]["elbo_nats"]["n"]),
        (&"stripes".into(), &100.into())
    );
    let again: Value = serde_json::from_str(&lab.ok("eval runs/vae-stripes-s1 --json")).unwrap();
    assert_eq!(again["eval"], result["eval"]);
    let bound = lab.ok("eval runs/vae-stripes-s1 --k 100 --images 60 --json");
    let bound: Value = serde_json::from_str(&bound).unwrap();
    let (iwae, elbo) = (&bound["eval"]["iwae_nats"], &bound["eval"]["elbo_nats"]);
    assert_eq!((&bound["k"], &iwae["n"], &elbo["n"]), (&100.into(), &60.into(), &100.into()));
    assert!(lab.ok("eval runs/vae-stripes-s1 --k 100").contains("\niwae_nats -"));
    let evaluated = lab.ok("eval runs/vae-stripes-s1 --samples 50 --json");
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let [samples, test] =
        ["", "_of_test"].map(|of| &evaluated["eval"][format!("nearest_train_mse{of}")]);
    assert_eq!(
        (&evaluated["samples"], &samples["n"], &test["n"]),
        (&50.into(), &50.into(), &100.into())
    );
    // All stripes there are have been trained on.
    assert!(samples["mean"].as_f64() > Some(0.0) && test["mean"] == 0.0, "{evaluated}");
    assert_eq!(evaluated["eval"]["elbo_nats"], result["eval"]["elbo_nats"]);
    let drawn = fs::read(run.join("samples.png")).unwrap();
    assert_eq!(lab.ok("sample runs/vae-stripes-s1 --n 100"), "runs/vae-stripes-s1/samples.png\n");
    assert_eq!(fs::read(run.join("samples.png")).unwrap(), drawn);
    assert_eq!(lab.ok("sample runs/vae-stripes-s1 --nearest"), "runs/vae-stripes-s1/nearest.png\n");
    assert!(image::open(run.join("nearest.png")).is_ok());
    lab.ok("sample runs/vae-stripes-s1 --n 5 --seed 2 --out five.png");
    assert!(image::open(lab.path("five.png")).is_ok());
    for (args, sentence) in [
        ("play runs/vae-stripes-s1", "vae learned from data and does not act"),
        ("plot runs/vae-stripes-s1 --text", "does not act"),
        ("eval runs/vae-stripes-s1 --episodes 3", "--episodes 3: vae plays none"),
        ("sample runs/vae-stripes-s1 --n 9 --nearest", "--n 9: --nearest needs 10 at least"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
}

#[test]
fn figures_are_the_same_whatever_the_threads_and_after_a_stop() {
    let lab = Lab::new();
    lab.ok(&format!("{STRIPES} --out one --threads 1"));
    lab.ok(&format!("{STRIPES} --out two --threads 2"));
    lab.ok(&format!("{} --out stopped", STRIPES.replace("--steps 2560", "--steps 1500")));
    lab.ok("resume stopped --steps 2560");
    for run in ["two", "stopped"] {
        assert_eq!(lab.hash(run), lab.hash("one"), "{run}");
        assert_eq!(rows(&lab.path(run)), rows(&lab.path("one")), "{run}");
        for figure in ["samples.gif", "samples.png", "interpolations.png", "latents.svg"] {
            let file = |run: &str| fs::read(lab.path(run).join(figure)).unwrap();
            assert_eq!(file(run), file("one"), "{run} {figure}");
        }
    }
}

#[test]
fn players_learn_points_and_images() {
    let lab = Lab::new();
    let small = "--steps 3200 --log-every 640 --eval-every 1280 --hidden 16 --latents 3";
    let message = lab.ok(&format!("gan --data gaussians-8 --n-train 500 --n-test 100 {small}"));
    assert!(message.starts_with("gan on gaussians-8: "), "{message}");
    for next in ["sample", "eval"] {
        assert!(message.contains(&format!("lab {next} runs/gan-gaussians-8-s1\n")), "{message}");
    }
    let run = lab.path("runs/gan-gaussians-8-s1");
    for figure in ["plane.png", "samples.gif", "curves.png"] {
        assert!(image::open(run.join(figure)).unwrap().width() >= 160, "{figure}");
    }
    assert!(run.join("plane.svg").is_file() && !run.join("samples.png").exists());
    let message = lab.ok("sample runs/gan-gaussians-8-s1 --n 7");
    assert_eq!(message, "runs/gan-gaussians-8-s1/samples.csv\n");
    let table = fs::read_to_string(run.join("samples.csv")).unwrap();
    assert!(table.starts_with("x,y\n") && table.lines().count() == 8, "{table}");

    let output = lab.run("sample runs/gan-gaussians-8-s1 --out points.png");
    assert!(
        stderr(&output).contains("--out points.png: points are a table"),
        "{}",
        stderr(&output)
    );

    let message = "gan --data gaussians-8 --n-train 500 --n-test 100 --conditional --out told";
    lab.ok(&format!("{message} {small}"));
    lab.ok("sample told --label (2.00,0.00) --n 3");
    let table = fs::read_to_string(lab.path("told/samples.csv")).unwrap();
    assert!(table.starts_with("x,y\n") && table.lines().count() == 4, "{table}");

    let dcgan = "--channels 4 --conditional --batch 32";
    // The preset's network has no hidden layers to choose.
    let small = small.replace(" --hidden 16", "");
    let signs = format!("gan --data glyphs --n-train 200 --n-test 50 {small} {dcgan}");
    lab.ok(&format!("{signs} --batch-norm both --spectral false --out signs"));
    for figure in ["samples.png", "interpolations.png", "samples.gif"] {
        assert!(image::open(lab.path("signs").join(figure)).unwrap().width() > 300, "{figure}");
    }
    lab.ok("sample signs --label 3 --n 4 --out three.png");
    assert!(image::open(lab.path("three.png")).is_ok());
    for threads in [1, 2] {
        lab.ok(&format!("{signs} --penalty interpolates --threads {threads} --out {threads}"));
    }
    assert_eq!(lab.hash("1"), lab.hash("2"));
    let output = lab.run("gan --data glyphs --batch-norm both --penalty real");
    assert!(stderr(&output).contains("give --batch-norm generator or none"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_quantised_auto_encoder_is_trained_and_scored() {
    let lab = Lab::new();
    let args = "vq-vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 640 --eval-every 320 \
                --batch 64 --codes 32 --dims 4 --channels 8 --residual 1 --out quantised";
    let message = lab.ok(args);
    assert!(message.starts_with("vq-vae on stripes: reconstruction_nats "), "{message}");
    assert!(
        message.contains("lab plot quantised\n") && !message.contains("lab sample"),
        "{message}"
    );
    let result = json(&lab.path("quantised/result.json"));
    let again: Value = serde_json::from_str(&lab.ok("eval quantised --json")).unwrap();
    assert_eq!(again["eval"], result["eval"]);
    for measure in ["codebook_perplexity", "codes_used", "reconstruction_mse"] {
        assert!(again["eval"][measure]["mean"].as_f64().unwrap() > 0.0, "{measure}");
    }
    assert!(image::open(lab.path("quantised/reconstructions.png")).unwrap().width() > 300);
    assert!(!lab.path("quantised/samples.gif").exists());
}

/// A pass over the whole image for each of 784 numbers: a hundred images would take longer than the run.
#[test]
fn a_short_run_of_a_model_that_draws_slowly_draws_little() {
    let lab = Lab::new();
    let sizes = "--n-train 200 --n-test 20 --hidden 16 --steps 64 --save-every 0";
    lab.ok(&format!("made --data glyphs {sizes} --quiet --out run"));
    let size = |name: &str| image::image_dimensions(lab.path(name)).unwrap();
    // Ten images of 28 × 28, enlarged twice; ten in a row of completions too.
    assert_eq!([size("run/samples.png"), size("run/completions.png")], [(582, 60); 2]);
    assert!(!lab.path("run/samples.gif").exists());
    lab.ok("sample run --n 16");
    assert_eq!(size("run/samples.png"), (234, 234), "as many as are asked for");

    // 4096 passes of half a million multiply-adds for one image: 2·10¹⁰ for a row.
    let sizes = "--n-train 50 --n-test 50 --hidden 64 --steps 1 --side 64 --direct false";
    let output = lab.run(&format!("made --data bars {sizes} --save-every 0 --quiet --out large"));
    let message = stderr(&output);
    assert!(
        output.status.success() && message.contains("note: samples.png is left out"),
        "{message}"
    );
    assert!(message.contains("`lab sample large` draws samples"), "{message}");
    assert!(!lab.path("large/samples.png").exists() && lab.path("large/receptive.png").exists());
}

#[test]
fn a_model_that_draws_number_by_number_completes_and_takes_a_temperature() {
    let lab = Lab::new();
    let message = lab.ok(
        "pixelcnn --data stripes --side 4 --n-train 200 --n-test 20 --steps 640 --log-every 320 \
         --eval-every 320 --save-every 0 --features 8 --blocks 1 --hidden 8 --out run",
    );
    assert!(message.starts_with("pixelcnn on stripes: nll_nats "), "{message}");
    for figure in ["samples.png", "completions.png", "receptive.png", "curves.png"] {
        assert!(image::open(lab.path("run").join(figure)).unwrap().width() > 30, "{figure}");
    }
    let drawn = fs::read(lab.path("run/samples.png")).unwrap();
    assert_eq!(lab.ok("sample run --n 100 --temperature 1"), "run/samples.png\n");
    assert_eq!(fs::read(lab.path("run/samples.png")).unwrap(), drawn);
    lab.ok("sample run --n 100 --temperature 0 --out likeliest.png");
    assert_ne!(fs::read(lab.path("likeliest.png")).unwrap(), drawn);
    assert_eq!(lab.ok("sample run --n 24 --complete"), "run/completions.png\n");
    assert!(image::open(lab.path("run/completions.png")).is_ok());

    lab.ok(STRIPES);
    for (args, sentence) in [
        ("sample runs/vae-stripes-s1 --complete", "--complete: vae does not draw number by number"),
        ("sample runs/vae-stripes-s1 --temperature 2", "--temperature: vae does not draw"),
        ("sample run --temperature=-1", "a number of at least 0 is expected"),
        ("pixelcnn --data coins --mixture 3", "--mixture 3: pixels are black or white"),
        ("pixelcnn --data coins --conditional", "--conditional true: the images have no labels"),
        ("pixelcnn --data coins --kernel 2", "--kernel 2: a masked kernel has a centre"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
}

#[test]
fn a_plain_auto_encoder_has_nothing_to_draw_from() {
    let lab = Lab::new();
    let message = lab.ok(&format!("{STRIPES} --objective reconstruction --out plain"));
    assert!(message.starts_with("vae on stripes: reconstruction_nats "), "{message}");
    assert!(!message.contains("lab sample") && message.contains("lab eval plain\n"), "{message}");
    let output = lab.run("sample plain");
    assert!(stderr(&output).contains("no distribution to draw from"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
    let output = lab.run("eval plain --k 10");
    assert!(
        stderr(&output).contains("--k 10: this model has no likelihood"),
        "{}",
        stderr(&output)
    );
    let output = lab.run("eval plain --samples 20");
    let sentence = "--samples 20: this model draws no images that could be measured";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    assert!(lab.path("plain/reconstructions.png").exists());
}

#[test]
fn a_conditional_model_draws_what_it_is_asked_for() {
    let lab = Lab::new();
    lab.ok("vae --data glyphs --classes letters --n-train 60 --n-test 10 --steps 256 --hidden 8 \
            --conditional --out letters");
    let sheet = lab.path("letters/samples.png");
    assert_eq!(lab.ok("sample letters --label Q --n 4"), "letters/samples.png\n");
    let drawn = fs::read(&sheet).unwrap();
    lab.ok("sample letters --label R --n 4");
    assert_ne!(fs::read(&sheet).unwrap(), drawn);
    lab.ok(&format!("{STRIPES} --out plain"));
    for (args, sentence) in [
        ("sample letters --label 3", "--label 3: there are A, B, C"),
        ("sample plain --label 3", "--label 3: this model was told no labels"),
        ("eval letters --samples 20", "--samples 20: the data have 10 test images, 20 are needed"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
    let output = lab.run(&format!("{STRIPES} --conditional --out unlabelled"));
    assert!(stderr(&output).contains("these images have no labels"), "{}", stderr(&output));
}

#[test]
fn data_are_found_again_from_elsewhere() {
    let lab = Lab::new();
    let folder = lab.path("images");
    fs::create_dir(&folder).unwrap();
    for i in 0..20u8 {
        let image = image::GrayImage::from_pixel(4, 4, image::Luma([12 * i]));
        image.save(folder.join(format!("{i}.png"))).unwrap();
    }
    lab.ok("vae --data folder:images --steps 256 --hidden 8 --latents 2 --quiet");
    let config = &json(&lab.path("runs/vae-folder-s1/run.json"))["config"];
    assert!(config["data"].as_str().unwrap().ends_with("/images"), "{config}");
    let run = lab.path("runs/vae-folder-s1");
    let elsewhere = tempfile::tempdir().unwrap();
    let output =
        lab.command("sample --n 4").arg(&run).current_dir(elsewhere.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(lab.ok("data show glyphs --n 30 --out some.png"), "some.png\n");
    assert!(image::open(lab.path("some.png")).unwrap().width() > 300);
}
