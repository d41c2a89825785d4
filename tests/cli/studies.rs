//! Studies: several runs by one command, workers, kills, comparison.
use super::{Lab, json, stderr};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Three runs, each over in a moment.
const SHORT: &str = "q-learning --env gridworld --steps 2000 --quiet";

/// Three runs of a few seconds each: time enough to stop them.
const LONG: &str = "dqn --env catch --steps 12000 --log-every 500 --eval-every 3000 --save-every 300 --warmup 100 \
                    --hidden 16 --batch 8 --eval-episodes 2 --test-episodes 3 --quiet --seeds 1..3";

/// Results of a study, timing and places aside.
fn outcome(lab: &Lab, study: &str) -> Value {
    let mut summary = json(&lab.path(study).join("summary.json"));
    let runs = summary["runs"].as_array_mut().unwrap();
    for run in runs {
        let run = run.as_object_mut().unwrap();
        run.retain(|key, _| {
            !["seconds", "wall_seconds", "steps_per_second", "run"].contains(&key.as_str())
        });
    }
    summary.as_object_mut().unwrap().remove("study");
    summary
}

#[test]
fn seeds_are_runs_of_their_own_and_one_table() {
    let lab = Lab::new();
    let told = lab.ok(&format!("{SHORT} --seeds 1..3 --json"));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["study"], "runs/q-learning-gridworld-3-seeds");
    assert_eq!(told["runs"].as_array().unwrap().len(), 3);
    // Each is the run that its seed gives by itself.
    for (seed, run) in (1..).zip(told["runs"].as_array().unwrap()) {
        lab.ok(&format!("{SHORT} --seed {seed} --out alone-{seed}"));
        assert_eq!(run["params_hash"], lab.hash(&format!("alone-{seed}")).as_str());
    }
    let scores: Vec<f64> = told["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["eval"]["return"]["mean"].as_f64().unwrap())
        .collect();
    let summary = &told["summary"]["return"];
    let mean = scores.iter().sum::<f64>() / 3.0;
    assert!((summary["mean"].as_f64().unwrap() - mean).abs() < 1e-12 && summary["n_seeds"] == 3);
    for key in ["ci95", "iqm_ci95"] {
        assert!(
            summary[key][0].as_f64().unwrap() <= mean && mean <= summary[key][1].as_f64().unwrap()
        );
    }
    // A second study has another directory, and a table for people.
    let told = lab.ok(&format!("{SHORT} --seeds 4,2"));
    for words in [
        "run ",
        "q-learning-gridworld-s4  finished",
        "q-learning on gridworld, 2 seeds: return ",
        "interquartile mean ",
        "saved to runs/q-learning-gridworld-2-seeds",
        "lab compare runs/q-learning-gridworld-2-seeds",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let figure =
        fs::read_to_string(lab.path("runs/q-learning-gridworld-2-seeds/curves.svg")).unwrap();
    // A figure of one group names it and counts its runs.
    assert!(figure.contains("eval/return") && figure.contains("q-learning (n = 2)"));
    // A planner needs no seeds.
    let told = lab.ok("value-iteration --env gridworld --seeds 1..3 --quiet");
    assert!(told.contains("each seed gives the same answer: one is enough"), "{told}");
    assert!(told.contains("no interval, n = 3"), "{told}");
}

#[test]
fn wrong_usage_leaves_no_study_behind() {
    let lab = Lab::new();
    for (line, words) in [
        ("--seeds 3..1", "--seeds 3..1: 3..1 goes down; write 1..3"),
        ("--seeds x", "--seeds x: seeds are expected, as in 1..5"),
        ("--seeds 1,1", "seed 1 is named twice"),
        ("--seeds 1..2 --seed 3", "cannot be used with"),
        ("--jobs 2", "--jobs 2: this is one run; add --seeds"),
        ("--seeds 1..2 --jobs 0", "jobs"),
        ("--seeds 1..2 --threads 0", "threads"),
        ("--seeds 1..2 --gamma 7", "--gamma 7"),
    ] {
        let told = lab.refused(&format!("{SHORT} {line}"));
        assert!(told.contains(words), "{line}: {told}");
    }
    assert!(!lab.path("runs").exists());
    let output = lab.run("worker nowhere");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere is no study: cannot read study.json in it"));
    lab.ok(&format!("{SHORT} --seeds 1..2 --out study"));
    let output = lab.run(&format!("{SHORT} --seeds 1..2 --out study"));
    assert!(stderr(&output).contains("--out study holds a study; go on with `lab resume study`"));
    let told = lab.refused("resume study --steps 9");
    assert!(told.contains("--steps 9: study is a study, whose runs stay what they are"), "{told}");
}

#[test]
fn a_run_that_fails_is_told_and_tried_again() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --seeds 1..3 --out study"));
    let expected = outcome(&lab, "study");
    // As a disk that can't be written in would have it.
    fs::remove_dir_all(lab.path("study/q-learning-gridworld-s2")).unwrap();
    fs::write(lab.path("study/q-learning-gridworld-s2"), "in the way").unwrap();
    let output = lab.run("resume study --quiet");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("q-learning-gridworld-s2 failed: cannot create"), "{told}");
    assert!(told.contains("2 of 3 runs are done; go on with `lab resume study`"), "{told}");
    assert_eq!(json(&lab.path("study/summary.json"))["failed"].as_object().unwrap().len(), 1);
    // A worker leaves it alone.
    fs::remove_file(lab.path("study/q-learning-gridworld-s2")).unwrap();
    assert_eq!(lab.ok("worker study --quiet"), "2 of 3 runs are done, 1 failed\n");
    lab.ok("resume study --quiet");
    assert_eq!(outcome(&lab, "study"), expected);
}

#[test]
fn every_run_on_the_list_of_a_study_has_its_state() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --seeds 1..6 --out study"));
    let of = |seed: u64, file: &str| lab.path(&format!("study/q-learning-gridworld-s{seed}{file}"));
    fs::remove_dir_all(of(2, "")).unwrap();
    (3..=6).for_each(|seed| fs::remove_file(of(seed, "/result.json")).unwrap());
    fs::write(of(3, ".error"), "no disk\n").unwrap();
    fs::write(of(4, ".error"), "diverged: the loss\n").unwrap();
    let held = fs::File::open(of(6, "/lock")).unwrap();
    held.lock().unwrap();
    let told = lab.ok("runs study");
    let states = ["finished", "not begun", "failed", "diverged", "interrupted", "training"];
    for (line, state) in told.lines().skip(1).zip(states) {
        assert!(line.contains(&format!("  {state}  ")), "{state}: {told}");
    }
    assert_eq!(told.lines().count(), 7, "{told}");
    assert!(
        told.contains(" 2000/2000  training  ") && told.contains("  -          not begun  "),
        "{told}"
    );
    let listed: Value = serde_json::from_str(&lab.ok("runs study --json")).unwrap();
    let row = |at: usize, key: &str| listed["runs"][at][key].clone();
    assert_eq!([row(1, "state"), row(1, "seed")], [Value::from("not_begun"), Value::from(2)]);
    assert_eq!([row(2, "why"), row(3, "why")], [Value::from("no disk"), Value::from("the loss")]);
    assert_eq!(lab.ok("runs study --where state=not_begun").lines().count(), 2);
    assert_eq!(
        lab.command("runs study --where").arg("state=not begun").output().unwrap().status.code(),
        Some(0)
    );
    // The summary knows the same.
    let output = lab.run("resume study --quiet");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("5 of 6 runs are done; 1 is being made by another worker\n"), "{told}");
    drop(held);
    assert!(lab.ok("resume study --quiet").contains("saved to study"));
}

#[test]
fn a_damaged_file_stops_nothing_but_its_run() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --seeds 1..5 --out study"));
    let expected = outcome(&lab, "study");
    let of =
        |seed: u64, file: &str| lab.path(&format!("study/q-learning-gridworld-s{seed}/{file}"));
    fs::write(of(1, "run.json"), "{\"algo").unwrap();
    fs::write(of(2, "metrics.jsonl"), "oops\n{\"step\": 1}\n").unwrap();
    fs::write(of(3, "result.json"), "{").unwrap();
    let run_json = "s1/run.json is damaged";
    let metrics = "s2/metrics.jsonl: line 1 is not a JSON object with a number `step`; remove it; this run is left out";
    let result = "s3/result.json is damaged; delete it, and resume makes it again";
    for (line, told, untold) in [
        ("plot study --metric eval/return", vec![run_json, metrics, result], ""),
        ("report study", vec![run_json, metrics, result], ""),
        ("export study --csv -", vec![run_json, metrics, result], ""),
        ("compare study", vec![run_json, result], metrics),
        ("runs study", vec![run_json, result], metrics),
    ] {
        let output = lab.run(line);
        let notes = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{line}: {notes}");
        told.iter().for_each(|words| assert!(notes.contains(words), "{line}: {words}: {notes}"));
        assert!(untold.is_empty() || !notes.contains(untold), "{line}: {notes}");
    }
    assert!(lab.ok("plot study").contains("study/curves.svg"));
    let curves = fs::read_to_string(lab.path("study/curves.svg")).unwrap();
    assert!(curves.contains("eval/return"));
    let compared: Value = serde_json::from_str(&lab.ok("compare study --json")).unwrap();
    assert_eq!(compared["tasks"][0]["groups"][0]["n_seeds"], 3);
    // Where nothing is left that is the error.
    for line in ["plot", "report"] {
        let output =
            lab.run(&format!("{line} study/q-learning-gridworld-s1 study/q-learning-gridworld-s2"));
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(
            stderr(&output).contains(run_json) && stderr(&output).contains("metrics.jsonl: line 1")
        );
    }
    // A result is made again, and the other two by those words.
    fs::remove_dir_all(of(1, "")).unwrap();
    fs::remove_dir_all(of(2, "")).unwrap();
    lab.ok("resume study --quiet");
    assert_eq!(outcome(&lab, "study"), expected);
}

#[test]
fn workers_share_a_study_whatever_is_killed() {
    let lab = Lab::new();
    lab.ok(&format!("{LONG} --out whole"));
    let expected = outcome(&lab, "whole");
    // The list of runs alone.
    fs::create_dir(lab.path("study")).unwrap();
    fs::copy(lab.path("whole/study.json"), lab.path("study/study.json")).unwrap();
    for round in 0..4 {
        let worker = || {
            let mut command = lab.command("worker study --quiet --threads 1");
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let [mut one, mut other] = [worker(), worker()];
        std::thread::sleep(Duration::from_millis(300 + 250 * round));
        one.kill().unwrap();
        one.wait().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        other.kill().unwrap();
        other.wait().unwrap();
        wait_for_runs(&lab, "study");
    }
    assert_eq!(lab.ok("worker study --quiet --jobs 2"), "3 of 3 runs are done\n");
    lab.ok("resume study --quiet");
    assert_eq!(outcome(&lab, "study"), expected);
}

/// Waits until a study that was begun is there.
fn wait_for_list(lab: &Lab, study: &str) {
    let begun = Instant::now();
    while !lab.path(study).join("study.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no study");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until no run of a study is held: the processes of a worker that was killed save themselves, and end.
fn wait_for_runs(lab: &Lab, study: &str) {
    let held = || {
        let entries = fs::read_dir(lab.path(study)).unwrap().flatten();
        entries.map(|entry| entry.path()).any(|path| lab::train::RunDir::is_held(&path))
    };
    let begun = Instant::now();
    while held() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a run goes on without its worker");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_study_goes_on() {
    let lab = Lab::new();
    lab.ok(&format!("{LONG} --out whole"));
    let child = lab.command(&format!("{LONG} --out study")).spawn().unwrap();
    let begun = Instant::now();
    while !lab.path("study/dqn-catch-s1/checkpoints").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(2));
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("of 3 runs are done; go on with `lab resume study`"), "{told}");
    // What was under way has saved itself.
    let result = json(&lab.path("study/dqn-catch-s1/result.json"));
    assert_eq!(result["outcome"], "interrupted");
    lab.ok("resume study --quiet");
    assert_eq!(outcome(&lab, "study"), outcome(&lab, "whole"));
}

#[test]
fn a_comparison_says_whether_a_difference_is_more_than_noise() {
    let lab = Lab::new();
    for (name, line) in [("good", "--steps 3000"), ("bad", "--steps 10")] {
        lab.ok(&format!("q-learning --env gridworld --quiet --seeds 1..5 --out {name} {line}"));
    }
    let told = lab.ok("compare good bad --profile profile.svg");
    assert!(told.starts_with("gridworld: return, higher is better\n"), "{told}");
    assert!(told.contains(" is better than "), "{told}");
    let svg = fs::read_to_string(lab.path("profile.svg")).unwrap();
    assert!(svg.contains("share of runs above"));
    let told: Value = serde_json::from_str(&lab.ok("compare good bad --json")).unwrap();
    let pair = &told["tasks"][0]["pairs"][0];
    assert_eq!(pair["is_more_than_noise"], true);
    assert!(pair["improvement"].as_f64().unwrap() > 0.9);
    // Two seeds of the same: noise. One: nothing is known.
    lab.ok("q-learning --env gridworld --quiet --seeds 6..7 --steps 3000 --alpha 0.11 --out near");
    let told = lab.ok("compare good near");
    assert!(told.contains("no difference between "), "{told}");
    let told = lab.ok("compare good near/q-learning-gridworld-s6");
    assert!(told.contains("add seeds"), "{told}");
    let told = lab.refused("compare good --profile a.gif");
    assert!(told.contains("--profile a.gif: .svg or .png is expected"));
    let output = lab.run("compare nowhere");
    assert!(stderr(&output).contains("nowhere is not a run directory"), "{}", stderr(&output));
}

/// Nine configurations, of which three and then one go on.
const HALVING: &str = "algorithm = 'dqn'\nenv = 'catch'\nsteps = 1800\nhidden = '16'\nwarmup = 100\nbatch = 8\neval_episodes = 2\n\
    test_episodes = 20\nsave_every = 100\n[space]\nlr = { low = 1e-5, high = 0.1, scale = 'log' }\n\
    [sweep]\nmethod = 'random'\nconfigurations = 9\nhalving = 3\n";

/// Ten configurations of a search, in two rounds drawn and then proposed.
const SEARCH: &str = "algorithm = 'q-learning'\nenv = 'cliff-walking'\nsteps = 4000\n[space]\n\
    alpha = [0.1, 0.5, 0.9]\ngamma = { low = 0.9, high = 1.0 }\n\
    [sweep]\nmethod = 'tpe'\nconfigurations = 15\nround = 5\nseeds = '1,2'\n";

#[test]
fn a_sweep_lets_the_best_go_on() {
    let lab = Lab::new();
    fs::write(lab.path("half.toml"), HALVING).unwrap();
    let told = lab.ok("sweep half.toml --quiet");
    assert!(told.starts_with("rank  configuration  lr"), "{told}");
    // Of one rung, the last with enough of them: those that went on are among it.
    assert_eq!(json(&lab.path("runs/half/summary.json"))["sweep"]["importance_steps"], 200);
    let parallel = fs::read_to_string(lab.path("runs/half/parallel.svg")).unwrap();
    for words in ["9 configurations after 200 steps", "1e-5", "0.1"] {
        assert!(parallel.contains(words), "{words}");
    }
    let found = &json(&lab.path("runs/half/summary.json"))["sweep"]["tried"];
    let steps: Vec<_> =
        found.as_array().unwrap().iter().map(|tried| tried["steps"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1800, 600, 600, 200, 200, 200, 200, 200, 200]);
    // The best is the run that never stopped on its way.
    let number = found[0]["configuration"].as_u64().unwrap();
    let study = json(&lab.path("runs/half/study.json"));
    let best = format!("dqn-catch-{number:03}-s1");
    let member =
        study["runs"].as_array().unwrap().iter().find(|run| run["run"] == best.as_str()).unwrap();
    fs::write(lab.path("best.json"), member["config"].to_string()).unwrap();
    lab.ok("dqn --config best.json --quiet --out alone");
    assert_eq!(lab.hash("alone"), lab.hash(&format!("runs/half/{best}")));
    for file in ["parallel.svg", "parallel.png", "curves.svg"] {
        assert!(fs::metadata(lab.path("runs/half").join(file)).unwrap().len() > 1000);
    }
}

#[test]
fn one_that_fails_stops_no_other_on_its_rungs() {
    let lab = Lab::new();
    let text = "algorithm = 'dqn'\nenv = 'catch'\nsteps = 800\nhidden = '8'\nwarmup = 50\nbatch = 8\neval_episodes = 2\n\
                test_episodes = 3\n[space]\nlr = [1e-3, 1e30, 1e-4, 1e-5]\n[sweep]\nhalving = 2\n";
    fs::write(lab.path("fails.toml"), text).unwrap();
    let output = lab.run("sweep fails.toml --quiet --out study");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = &json(&lab.path("study/summary.json"))["sweep"]["tried"];
    let steps: Vec<_> =
        found.as_array().unwrap().iter().map(|tried| tried["steps"].as_u64().unwrap()).collect();
    assert_eq!(steps, [800, 400, 200, 200]);
    assert_eq!(found[3]["score"], Value::Null);
    // Its loss was not finite, which is told from other failures.
    let told = lab.ok("runs study --where state=diverged");
    assert!(told.contains("dqn-catch-002-s1") && told.lines().count() == 2, "{told}");
}

#[test]
fn a_run_counts_once_by_whatever_name() {
    let lab = Lab::new();
    for study in ["one", "again"] {
        lab.ok(&format!("{SHORT} --seeds 1..3 --out {study}"));
    }
    let seeds = |line: &str| {
        let told: Value = serde_json::from_str(&lab.ok(&format!("compare {line} --json"))).unwrap();
        told["tasks"][0]["groups"][0]["n_seeds"].as_u64().unwrap()
    };
    assert_eq!(seeds("one"), 3);
    assert_eq!(seeds("one one again one/q-learning-gridworld-s1"), 3);
    // Runs in studies are runs too.
    lab.ok(&format!("{SHORT} --seeds 1..2"));
    assert!(lab.ok("runs").contains("q-learning-gridworld-2-seeds/q-learning-gridworld-s2"));
    // A name that begins with a dash is no flag.
    let told = lab.ok(&format!("{SHORT} --seeds 1..2 --out=-dash"));
    assert!(told.contains("lab plot ./-dash"), "{told}");
}

#[test]
fn a_search_is_the_same_however_often_it_is_killed() {
    let lab = Lab::new();
    fs::write(lab.path("search.toml"), SEARCH).unwrap();
    lab.ok("sweep search.toml --quiet --out whole");
    let whole = json(&lab.path("whole/study.json"));
    assert_eq!(whole["runs"].as_array().unwrap().len(), 30);
    let begin = || lab.command("sweep search.toml --quiet --out study --jobs 3").spawn().unwrap();
    let go_on = || lab.command("resume study --quiet --jobs 2").spawn().unwrap();
    let mut child = begin();
    wait_for_list(&lab, "study");
    for round in 0..6 {
        std::thread::sleep(Duration::from_millis(150 + 130 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for_runs(&lab, "study");
        child = go_on();
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(json(&lab.path("study/study.json"))["runs"], whole["runs"]);
    assert_eq!(outcome(&lab, "study"), outcome(&lab, "whole"));
    let heat = fs::read_to_string(lab.path("study/heat.svg")).unwrap();
    assert!(heat.contains("mean return") && heat.contains("alpha"));
}

/// Eleven configurations, of which the first three go to their end and others are stopped on the way.
const MEDIAN: &str = "algorithm = 'q-learning'\nenv = 'frozen-lake'\nsteps = 9000\n[space]\n\
    alpha = { low = 0.01, high = 1.0, scale = 'log' }\ngamma = { low = 0.8, high = 1.0 }\n\
    [sweep]\nmethod = 'random'\nconfigurations = 11\nround = 4\nmedian = 3\nstartup = 3\nseeds = '1,2'\n";

#[test]
fn the_median_rule_stops_the_same_whoever_is_fast() {
    let lab = Lab::new();
    fs::write(lab.path("median.toml"), MEDIAN).unwrap();
    let told = lab.ok("sweep median.toml --quiet --out whole --jobs 1");
    let found = &json(&lab.path("whole/summary.json"))["sweep"]["tried"];
    let tried = found.as_array().unwrap();
    assert_eq!(tried.len(), 11, "{told}");
    let scores = |tried: &Value| {
        let number = tried["configuration"].as_u64().unwrap();
        (number, tried["steps"].as_u64().unwrap(), tried["score"].as_f64().unwrap())
    };
    let tried: Vec<_> = tried.iter().map(scores).collect();
    let stopped = tried.iter().filter(|(_, steps, _)| *steps < 9000).count();
    assert!((1..=8).contains(&stopped), "{tried:?}");
    let words = format!("stopped on their way by the median rule: {stopped} of 11 configurations");
    assert!(told.contains(&words), "{told}");
    let of_rung =
        format!("between values, of {} configurations after 9000 steps: alpha ", 11 - stopped);
    assert!(told.contains(&of_rung), "{told}");
    // The rule by hand, with what the list keeps of the scores on the way.
    let study = json(&lab.path("whole/study.json"));
    let course = |number: u64, steps: u64, score: f64| {
        let name = format!("q-learning-frozen-lake-{number:03}-s");
        let runs = study["runs"].as_array().unwrap().iter();
        let runs: Vec<_> =
            runs.filter(|run| run["run"].as_str().unwrap().starts_with(&name)).collect();
        let passed = |at: usize| {
            let of = |run: &&Value| run["place"]["passed"][at]["score"].as_f64();
            let scores: Option<Vec<f64>> = runs.iter().map(of).collect();
            scores.map(|scores| (scores[0] + scores[1]) / 2.0)
        };
        let mut course: Vec<f64> = (0..).map_while(passed).collect();
        course.push(score);
        assert_eq!((runs.len(), course.len() as u64), (2, steps / 3000), "{number}");
        (number, steps, course)
    };
    let courses: Vec<_> =
        tried.iter().map(|(n, steps, score)| course(*n, *steps, *score)).collect();
    let round = |number: u64| if number <= 3 { 0 } else { 1 + (number - 4) / 4 };
    for (number, steps, course) in &courses {
        let ended =
            courses.iter().filter(|(n, steps, _)| *steps == 9000 && round(*n) < round(*number));
        let ended: Vec<_> = ended.map(|(_, _, course)| course).collect();
        for looks in 1..=course.len() {
            let mut averages: Vec<f64> = ended
                .iter()
                .map(|course| course[..looks].iter().sum::<f64>() / looks as f64)
                .collect();
            averages.sort_by(f64::total_cmp);
            let n = averages.len();
            let best = course[..looks].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let is_worse = n > 0 && best < (averages[n / 2] + averages[(n - 1) / 2]) / 2.0;
            let is_last = looks == course.len() && *steps < 9000;
            assert!(is_worse == is_last || looks == 3, "{number} at {looks}: {best} {averages:?}");
        }
    }
    // Two workers and kills change nothing.
    let mut child = lab.command("sweep median.toml --quiet --out study --jobs 2").spawn().unwrap();
    wait_for_list(&lab, "study");
    for round in 0..5 {
        std::thread::sleep(Duration::from_millis(150 + 110 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for_runs(&lab, "study");
        child = lab.command("resume study --quiet --jobs 3").spawn().unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(json(&lab.path("study/study.json"))["runs"], study["runs"]);
    assert_eq!(outcome(&lab, "study"), outcome(&lab, "whole"));
}

#[test]
fn workers_tell_of_each_other_and_count_every_run() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --seeds 1..2 --out made"));
    fs::create_dir(lab.path("study")).unwrap();
    let mut list = json(&lab.path("made/study.json"));
    let one = list["runs"][0].clone();
    let run = |seed: u64| {
        let mut run = one.clone();
        run["run"] = format!("q-learning-gridworld-s{seed}").into();
        run["config"]["seed"] = seed.into();
        run
    };
    list["runs"] = (1..=12).map(run).collect();
    fs::write(lab.path("study/study.json"), list.to_string()).unwrap();
    let worker = || lab.command("worker study --threads 1").spawn().unwrap();
    let both = [worker(), worker()].map(|child| stderr(&child.wait_with_output().unwrap()));
    let mut own = 0;
    for told in &both {
        // Each run once, and every number between the first and the last.
        let counts =
            told.lines().filter_map(|line| line.strip_suffix(" of 12)")?.rsplit('(').next());
        let counts: Vec<u64> = counts.map(|count| count.parse().unwrap()).collect();
        let first = counts.first().copied().unwrap_or(1);
        assert_eq!(counts, (first..first + counts.len() as u64).collect::<Vec<_>>(), "{told}");
        own +=
            told.lines().filter(|line| line.contains(" in ") && line.ends_with(" of 12)")).count();
    }
    assert_eq!(own, 12, "{both:?}");
    assert!(both.concat().contains(", by another worker ("), "{both:?}");
}

#[test]
fn a_study_that_is_moved_away_is_not_made_again() {
    let lab = Lab::new();
    lab.ok(&format!("{LONG} --out whole"));
    let child = lab.command(&format!("{LONG} --out study --jobs 1")).spawn().unwrap();
    let begun = Instant::now();
    while !lab.path("study/dqn-catch-s1/checkpoints").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(2));
    }
    fs::rename(lab.path("study"), lab.path("elsewhere")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = stderr(&output);
    let words = "error: study is no longer there: it was moved or deleted; where it is now `lab resume` goes on with it";
    assert_eq!(told.trim(), words);
    wait_for_runs(&lab, "elsewhere");
    assert!(!lab.path("study").exists());
    assert!(
        fs::read_dir(lab.path("elsewhere"))
            .unwrap()
            .flatten()
            .all(|entry| { entry.path().extension().is_none_or(|end| end != "error") })
    );
    lab.ok("resume elsewhere --quiet");
    assert_eq!(outcome(&lab, "elsewhere"), outcome(&lab, "whole"));
    // One that is named is deleted with all its runs.
    let told = lab.ok("clean elsewhere --yes");
    assert!(
        told.contains("elsewhere  study with 3 runs") && !lab.path("elsewhere").exists(),
        "{told}"
    );
    assert!(lab.path("whole/study.json").exists());
}

#[test]
fn a_sweep_that_can_not_be_leaves_nothing_behind() {
    let lab = Lab::new();
    for (text, words) in [
        (
            "algorithm = 'dqn'\nenv = 'catch'\n[space]\nlrr = [1]",
            "bad.toml: unknown key `lrr`; did you mean `lr`?",
        ),
        ("algorithm = 'dqn'\nenv = 'catch'\n[space]\nbatch = [0]", "bad.toml: batch = 0: "),
        ("algorithm = 'dqn'\nenv = 'cach'\n[space]\nbatch = [8]", "did you mean `catch`?"),
        ("env = 'catch'\n[space]\nbatch = [8]", "bad.toml: algorithm is missing"),
        (
            "algorithm = 'dqn'\nenv = 'catch'\n[space]\nenv_args = { rows = [1] }",
            "bad.toml: rows = 1: unknown option",
        ),
    ] {
        fs::write(lab.path("bad.toml"), text).unwrap();
        let told = lab.refused("sweep bad.toml");
        assert!(told.contains(words), "{text}: {told}");
    }
    assert!(!lab.path("runs").exists());
}
