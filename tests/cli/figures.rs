//! Planners, and the figures of a run.
use super::*;
use std::io::{BufRead as _, BufReader};

#[test]
fn planners_write_the_solution() {
    let lab = Lab::new();
    let args = "vi --env gridworld --env-arg layout=aima --json --out run";
    let result: Value = serde_json::from_str(&lab.ok(args)).unwrap();
    assert_eq!(result["outcome"], "converged");
    let value = result["eval"]["value_start"]["mean"].as_f64().unwrap();
    assert!((value - 0.7053).abs() < 1e-4, "{value}");
    let solution = json(&lab.path("run/solution.json"));
    let names = solution["states"].as_array().unwrap();
    let start = names.iter().position(|name| name == "(1,1)").unwrap();
    assert_eq!(solution["values"][start].as_f64().unwrap(), value);
    assert_eq!(solution["actions"][solution["policy"][start].as_u64().unwrap() as usize], "up");
    assert_eq!(solution["policy"].as_array().unwrap().last().unwrap(), &Value::Null);
    assert!(lab.ok("eval run --episodes 50").starts_with("return "));
}

/// The figures of the run in `run`, opened and read through.
fn figures(run: &Path) {
    for name in ["values.png", "q.png", "curves.png"] {
        assert!(image::open(run.join(name)).unwrap().width() > 300, "{name}");
    }
    for name in ["values.svg", "q.svg"] {
        let svg = fs::read_to_string(run.join(name)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains("0.81") && !svg.contains("NaN"), "{name}");
        assert!(svg.len() < 100_000, "{name}");
    }
    let gif = fs::read(run.join("values.gif")).unwrap();
    assert!(gif.len() < 1_000_000);
    let mut decoder = gif::DecodeOptions::new().read_info(&gif[..]).unwrap();
    let mut frames = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        frames += 1;
    }
    // As many as sweeps: AIMA's world takes 42.
    assert_eq!(frames, 42);
}

#[test]
fn a_solved_grid_is_drawn_and_shown_as_text() {
    let lab = Lab::new();
    let message = lab.ok("vi --env gridworld --out a");
    assert!(!message.contains('\u{2192}'), "only a terminal is shown the grid: {message}");
    figures(&lab.path("a"));
    let text = lab.ok("plot a --text");
    assert!(text.starts_with("a\n   0.81→   0.87→   0.92→  [1.00]\n"), "{text}");
    lab.ok("vi --env taxi --out taxi --steps 3");
    assert!(!lab.path("taxi/values.svg").exists());
    let refused = lab.run("plot taxi --text");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("do not lie on a grid"), "{}", stderr(&refused));
    lab.ok("vi --env gamblers-problem --out gambler");
    assert!(fs::read_to_string(lab.path("gambler/values.svg")).unwrap().contains("capital"));
    lab.ok("vi --env gridworld --env-arg layout=sutton-5x5 --steps 3 --out part");
    let part = fs::read_to_string(lab.path("part/values.svg")).unwrap();
    assert!(part.contains("estimate") && part.contains("exact"));
}

#[test]
fn a_short_run_has_curves_and_a_title_that_tells_it_apart() {
    let lab = Lab::new();
    let learn = "q-learning --env gridworld --layout aima --noise 0.3 --gamma 0.9 --quiet";
    lab.ok(&format!("{learn} --steps 200 --out short"));
    let rows = rows(&lab.path("short"));
    let evaluated = rows.iter().filter(|row| row.get("eval/return").is_some());
    assert_eq!((rows.len(), evaluated.count()), (20, 4));
    let values = fs::read_to_string(lab.path("short/values.svg")).unwrap();
    assert!(values.contains("q-learning on gridworld (noise 0.3, γ 0.9)"), "{values}");
    // Intervals that were given stay, and those of a long run.
    let config = lab.ok(&format!("config {learn} --steps 200 --log-every 50 --eval-every 0"));
    for line in ["log_every = 50", "eval_every = 0"] {
        assert!(config.lines().any(|told| told.starts_with(line)), "{config}");
    }
    let config = lab.ok("config q-learning --env gridworld --steps 30000");
    assert!(config.contains("log_every = 1500") && config.contains("by --steps"), "{config}");
    let config = lab.ok("config q-learning --env gridworld --steps 10M");
    assert!(config.contains("log_every = 5000"), "{config}");
}

#[test]
fn a_reader_that_goes_away_costs_no_figure() {
    let lab = Lab::new();
    let mut child = lab.command(&format!("{SHORT} --out run")).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    child.wait().unwrap();
    for file in ["result.json", "curves.svg", "episode.gif"] {
        assert!(lab.path("run").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_figure_that_fails_costs_no_result() {
    let lab = Lab::new();
    lab.ok("vi --env gridworld --steps 5 --out a");
    fs::remove_file(lab.path("a/values.svg")).unwrap();
    fs::create_dir(lab.path("a/values.svg")).unwrap();
    let failed = lab.run("resume a --steps 50");
    assert_eq!(failed.status.code(), Some(0), "{}", stderr(&failed));
    let message = stderr(&failed);
    assert!(
        message.contains("warning: no figure of the values: ") && message.contains("a/values.svg"),
        "{message}"
    );
    assert!(message.contains("it is a directory"), "{message}");
    assert_eq!(json(&lab.path("a/result.json"))["outcome"], "converged");
    for file in ["solution.json", "curves.svg", "q.svg", "episode.gif"] {
        assert!(lab.path("a").join(file).exists(), "{file}");
    }
    assert!(lab.path("a/values.svg").is_dir());
}

/// Frames of an animation, as many as are different from the one before, and its size.
fn frames(path: &Path) -> (usize, usize, [u16; 2]) {
    let mut decoder = gif::DecodeOptions::new().read_info(fs::File::open(path).unwrap()).unwrap();
    let size = [decoder.width(), decoder.height()];
    let (mut all, mut moved) = (0, 0);
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        // What is as before is stored as a single pixel.
        (all, moved) = (all + 1, moved + usize::from((frame.width, frame.height) != (1, 1)));
    }
    (all, moved, size)
}

/// Example 4.1 of Sutton & Barto: what the random policy is worth, and an episode of it.
#[test]
fn a_policy_that_draws_its_actions_is_drawn_and_played() {
    let lab = Lab::new();
    let grid = "--env gridworld --layout sutton-4x4 --policy uniform --quiet";
    for algorithm in ["policy-evaluation", "td --steps 2000", "mc-prediction --steps 2000"] {
        lab.ok(&format!("{algorithm} {grid} --out run"));
        let message = lab.ok("plot run --text");
        let played = lab.run("play run --seed 1").stdout;
        let played = String::from_utf8(played).unwrap();
        let (all, moved, _) = frames(&lab.path("run/episode.gif"));
        // Some steps are into a wall, and then nothing moves.
        assert!(all < 600 && moved > all / 3, "{algorithm}: {moved} of {all} frames");
        assert!(played.contains("episode 1: return -"), "{played}");
        let values = fs::read_to_string(lab.path("run/values.svg")).unwrap();
        assert!(values.contains("drawn action; its area is its probability"), "{algorithm}");
        if algorithm == "policy-evaluation" {
            for value in ["-14.00", "-18.00", "-20.00", "-22.00"] {
                assert!(values.contains(value) && message.contains(value), "{value}: {message}");
            }
            assert!(message.contains(" -14.00↑↓←→"), "{message}");
            let solution = json(&lab.path("run/solution.json"));
            let policy = solution["policy"].as_array().unwrap();
            assert_eq!([&policy[0], &policy[15]], [&Value::Null; 2], "the corners are the ends");
            assert!(
                policy[1..15]
                    .iter()
                    .all(|choice| *choice == serde_json::json!([0.25, 0.25, 0.25, 0.25]))
            );
            // It is read again as the same policy.
            let again = "policy-evaluation --env gridworld --layout sutton-4x4 --quiet --out again";
            lab.ok(&format!("{again} --policy run/solution.json"));
            assert_eq!(json(&lab.path("again/solution.json")), solution);
        }
        fs::remove_dir_all(lab.path("run")).unwrap();
    }
    lab.ok("td --env blackjack --policy uniform --steps 5000 --quiet --out cards");
    let values = fs::read_to_string(lab.path("cards/values.svg")).unwrap();
    assert!(values.contains("probability of hit, usable ace") && values.contains("0.50"));
    lab.ok("policy-evaluation --env gamblers-problem --policy uniform --quiet --out gambler");
    assert!(fs::read_to_string(lab.path("gambler/values.svg")).unwrap().contains("mean of "));
}

#[test]
fn an_episode_is_played_as_it_is_scored() {
    let lab = Lab::new();
    lab.ok("td --env gridworld --policy uniform --steps 500 --quiet --out run");
    let message = lab.ok("play run --seed 3 --gif run.gif --frames 9000");
    let (all, ..) = frames(&lab.path("run.gif"));
    assert_eq!(message, format!("run.gif ({all} frames)\n"));
    // The same episode in the terminal, whose steps are one fewer than its frames.
    let message = lab.ok("play run --seed 3 --frames 9000");
    assert!(message.trim_end().ends_with(&format!(" in {} steps", all - 1)), "{message}");
}

/// Drawn from what a large board has in common, small, and as far as it costs little.
#[test]
fn a_large_problem_is_drawn_in_little_time_and_solved_in_a_small_file() {
    let lab = Lab::new();
    let solve = "vi --env gridworld --layout open --steps 3";
    let message = stderr(&lab.run(&format!("{solve} --width 600 --height 450 --quiet --out run")));
    let expected = "note: solution.json is without q, which would be 1350005 numbers; \
                    `lab plot run --solution FILE` writes them";
    assert!(message.contains(expected), "{message}");
    let (all, _, size) = frames(&lab.path("run/episode.gif"));
    assert_eq!((all, size), (74, [300, 225]));
    assert!(
        message.contains(
            "note: episode.gif shows the first 73 steps of an episode; `lab play run --gif FILE`"
        ),
        "{message}"
    );
    assert!(fs::metadata(lab.path("run/solution.json")).unwrap().len() < 12_000_000);
    let solution = json(&lab.path("run/solution.json"));
    assert_eq!(solution["values"].as_array().unwrap().len(), 270_001);
    assert_eq!(solution["q"], serde_json::json!([]));
    assert_eq!(lab.ok("plot run --solution all.json"), "all.json\n");
    let all = json(&lab.path("all.json"));
    assert_eq!(all["q"].as_array().unwrap().len(), 270_001);
    assert_eq!(all["values"], solution["values"]);
    assert!(image::open(lab.path("run/values.png")).unwrap().width() < 2000);
    // A board as wide as no animation can be.
    lab.ok(&format!("{solve} --width 70000 --height 1 --quiet --out wide"));
    assert_eq!(frames(&lab.path("wide/episode.gif")).2, [480, 1]);
    assert!(json(&lab.path("wide/result.json"))["params_hash"].is_string());
}

/// Names in a directory.
fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn eight_who_write_the_same_at_once_all_succeed() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --quiet --out run"));
    for command in ["plot run", "play run --gif run/play.gif"] {
        let children: Vec<_> = (0..8).map(|_| lab.command(command).spawn().unwrap()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{command}: {}", stderr(&output));
        }
    }
    assert!(image::open(lab.path("run/curves.png")).unwrap().width() > 300);
    assert!(frames(&lab.path("run/play.gif")).0 > 1);
    assert!(names(&lab.path("run")).iter().all(|name| !name.contains("partial")));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_written_over() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --quiet --out run"));
    lab.ok("vae --data bars --steps 64 --n-train 500 --n-test 100 --hidden 8 --quiet --out model");
    let pipes = ["pipe.png", "pipe.gif"].map(|name| lab.path(name));
    assert!(Command::new("mkfifo").args(pipes).status().unwrap().success());
    fs::create_dir(lab.path("folder.png")).unwrap();
    fs::create_dir(lab.path("folder.gif")).unwrap();
    fs::create_dir(lab.path("far")).unwrap();
    symlink("far/figure.png", lab.path("link.png")).unwrap();
    for (command, code, words) in [
        ("play run --gif /dev/full", 1, "cannot write /dev/full: No space left"),
        (
            "play run --gif pipe.gif",
            1,
            "cannot write pipe.gif: it is no file, and is left as it is",
        ),
        ("play run --gif folder.gif", 1, "cannot write folder.gif: it is a directory"),
        ("play run --gif none/run.gif", 1, "cannot write none/run.gif: No such file"),
        ("sample model --n 4 --out pipe.png", 1, "cannot write pipe.png: it is no file"),
        ("sample model --n 4 --out folder.png", 1, "cannot write folder.png: it is a directory"),
        ("data show bars --n 4 --out pipe.png", 1, "cannot write pipe.png: it is no file"),
        ("plot run --out /dev/null", 2, "--out /dev/null: it is no file; give the name of one"),
        ("plot run --out far", 2, "--out far: it is no file; give the name of one"),
        ("plot run --out pipe.png", 1, "cannot write pipe.png: it is no file"),
    ] {
        let output = lab.run(command);
        let message = stderr(&output);
        assert!(message.contains(words) && message.lines().count() == 1, "{command}: {message}");
        assert_eq!(output.status.code(), Some(code), "{command}: {message}");
    }
    let kind = |name: &str| fs::symlink_metadata(lab.path(name)).unwrap().file_type();
    assert!(kind("pipe.png").is_fifo() && kind("folder.png").is_dir());
    lab.ok("play run --gif /dev/null");
    assert!(kind("/dev/null").is_char_device());
    lab.ok("sample model --n 4 --out link.png");
    assert!(kind("link.png").is_symlink());
    assert!(image::open(lab.path("far/figure.png")).is_ok());
}

#[test]
fn the_result_is_told_before_it_is_drawn() {
    let lab = Lab::new();
    let large =
        "value-iteration --env gridworld --layout open --width 400 --height 400 --steps 3 --quiet";
    let mut child =
        lab.command(&format!("{large} --out run")).stdout(Stdio::piped()).spawn().unwrap();
    let mut message = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("lab resume run --steps 6") {
        assert!(message.read_line(&mut lines).unwrap() > 0, "{lines}");
    }
    assert!(lines.contains("value_start") && lines.contains("finished after 3 sweeps"), "{lines}");
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(json(&lab.path("run/result.json"))["outcome"], "finished");
}

#[test]
fn what_is_told_to_try_next_can_be_done() {
    let lab = Lab::new();
    let few = "vae --data glyphs --n-train 100 --n-test 10 --steps 32 --hidden 8 --quiet";
    let output = lab.command(few).args(["--out", "a run"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(message.contains("lab eval 'a run'\n"), "{message}");
    let tried = message.lines().filter_map(|line| line.strip_prefix("  lab ")).collect::<Vec<_>>();
    assert_eq!(tried.len(), 3, "{message}");
    for command in tried {
        let command = format!("{} {command}", env!("CARGO_BIN_EXE_lab"));
        let output = Command::new("sh").args(["-c", &command]).current_dir(lab.path("")).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{command}: {}", stderr(&output));
    }
}

#[test]
fn a_file_is_named_as_what_it_is() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out run"));
    let refused = [
        ("play run --gif z.png", "--gif z.png: an animation; give a name that ends in .gif"),
        ("plot run --out z.pdf", "--out z.pdf: curves are drawn as SVG and PNG"),
    ];
    for (command, message) in refused {
        let output = lab.run(command);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    assert_eq!(names(&lab.path("")), ["run"]);
}

#[test]
fn a_study_is_drawn_as_means_with_bands() {
    let lab = Lab::new();
    for (algorithm, seed, steps) in
        [("sarsa", 1, 200), ("sarsa", 2, 200), ("q-learning", 1, 200), ("q-learning", 2, 120)]
    {
        let out = format!("study/{algorithm}-{seed}");
        lab.ok(&format!(
            "{algorithm} --env gridworld --seed {seed} --steps {steps} --quiet --out {out}"
        ));
    }
    list(&lab, "study", &["sarsa-1", "sarsa-2", "q-learning-1", "q-learning-2"]);
    assert_eq!(lab.ok("plot study"), "study/curves.svg\nstudy/curves.png\n");
    let svg = fs::read_to_string(lab.path("study/curves.svg")).unwrap();
    for label in ["q-learning (n = 2, 1 to the end)", "sarsa (n = 2)"] {
        assert!(svg.contains(label), "{label}");
    }
    assert!(svg.contains("<polygon opacity=\"0.18\""), "a band");
    let options = "--by seed --x time --log-x --smooth 3 --metric train/return --out by";
    lab.ok(&format!("plot study {options}"));
    let svg = fs::read_to_string(lab.path("by.svg")).unwrap();
    for text in ["seed 1 (n = 2", "seed 2 (n = 2", "train/return, mean of 3 values", "seconds"] {
        assert!(svg.contains(text), "{text}");
    }
    let message = stderr(&lab.run("plot study --log-y --metric train/return --out log"));
    assert!(message.contains("values of train/return are not above 0 and lie at the lower end"));
    lab.ok("q-learning --env cliff-walking --steps 1000 --quiet --out cliff");
    for (refused, expected) in [
        ("plot study --by nothing", "--by nothing: no run has such an option"),
        ("plot study --smooth 4", "an odd number is expected"),
        (
            "plot cliff --log-y --metric train/return",
            "--log-y: no value of train/return is above 0",
        ),
        ("plot study --text --by env", "--by"),
    ] {
        let message = lab.refused(refused);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(lab.ok("report study"), "study/report.html\n");
    let page = fs::read_to_string(lab.path("study/report.html")).unwrap();
    for text in ["sarsa (n = 2)", "<td>q-learning</td>", "data:image/gif;base64,", "epsilon"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(lab.refused("report study --out page.pdf").contains("ends in .html"));
    // Runs that are yet to come are counted, and a study of none else says so.
    list(&lab, "study", &["sarsa-1", "sarsa-2", "q-learning-1", "q-learning-2", "later"]);
    let message = stderr(&lab.run("plot study"));
    assert_eq!(message, "note: 1 of 5 runs have no row of metrics yet\n");
    fs::create_dir(lab.path("empty")).unwrap();
    list(&lab, "empty", &["later"]);
    for (runs, code, expected) in [
        (
            "empty",
            1,
            "nothing to show: 1 run without a row of metrics yet; wait until one is logged",
        ),
        (
            "study/..",
            2,
            " is no run and no study, but holds cliff, empty, study: name those you mean",
        ),
    ] {
        let output = lab.run(&format!("plot {runs}"));
        assert_eq!(output.status.code(), Some(code));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

/// Makes a directory a study of these runs.
fn list(lab: &Lab, study: &str, runs: &[&str]) {
    let run = |run: &&str| {
        let config = serde_json::json!({"env": "gridworld", "seed": 1, "steps": 200});
        serde_json::json!({"run": run, "algorithm": "sarsa", "config": config})
    };
    let runs: Vec<_> = runs.iter().map(run).collect();
    let list = serde_json::json!({
        "lab_version": "", "lab_commit": "", "started": "", "device": "auto", "runs": runs,
    });
    fs::write(lab.path(study).join("study.json"), list.to_string()).unwrap();
}
