//! Ctrl-C, and what a run that was interrupted, or is done, says and does when it is resumed.
#![cfg(unix)]
use super::{Lab, SHORT, json, rows, stderr};
use std::fs;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// Episodes that take half a minute and more.
const LONG: &str = "1000000";

/// Far less than that, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(10);

fn interrupt(child: &Child) {
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
}

impl Lab {
    /// Waits until `child` has made `file`, lets it say something, and interrupts it.
    fn interrupted(&self, child: Child, file: &str) -> Output {
        let begun = Instant::now();
        while !self.path(file).exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no {file}");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(1500));
        let begun = Instant::now();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < SOON, "heard after {:?}", begun.elapsed());
        output
    }
}

#[test]
fn the_final_evaluation_hears_and_says_how_far_it_is() {
    let lab = Lab::new();
    let long = SHORT.replace("--test-episodes 3", &format!("--test-episodes {LONG}"));
    let newest = "run/checkpoints/step-000000000600";
    let mut child = lab.command(&format!("{long} --out run")).spawn().unwrap();
    for part in 0..2 {
        let output = lab.interrupted(child, newest);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(told.contains("evaluating ") && told.contains(&format!("/{LONG}")), "{told}");
        assert!(told.contains("note: stopping and saving"), "{told}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("stopped before the final evaluation"), "{said}");
        assert!(said.contains("lab resume run"), "{said}");
        assert_eq!(json(&lab.path("run/result.json"))["outcome"], "interrupted", "part {part}");
        child = lab.command("resume run").spawn().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_evaluation_in_training_hears_and_is_made_again() {
    let lab = Lab::new();
    let long = SHORT.replace("--eval-episodes 2", &format!("--eval-episodes {LONG}"));
    let child = lab.command(&format!("{long} --out run")).spawn().unwrap();
    let output = lab.interrupted(child, "run/checkpoints/step-000000000150");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    // It is due at 200, and the step is not lost.
    let clock = json(&lab.path("run/checkpoints/step-000000000200/clock.json"));
    assert_eq!(clock["unevaluated"], true, "{clock}");
    assert_eq!(rows(&lab.path("run")).len(), 1);
    let output = lab.interrupted(lab.command("resume run").spawn().unwrap(), "run/run.json");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("evaluating "), "{}", stderr(&output));
    assert_eq!(rows(&lab.path("run")).len(), 1);
}

#[test]
fn scoring_says_how_far_it_is() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out run"));
    let child = lab.command(&format!("eval run --episodes {LONG}")).spawn().unwrap();
    let told = stderr(&lab.interrupted(child, "run/run.json"));
    assert!(told.contains("evaluating ") && told.contains(&format!("/{LONG}")), "{told}");
}

/// The steps of actor-critic are five of each of eight environments.
#[test]
fn a_run_that_is_done_says_so_again_and_how_to_go_on() {
    let lab = Lab::new();
    let command =
        "actor-critic --env catch --steps 101 --hidden 8 --eval-every 0 --test-episodes 9";
    let told = lab.ok(&format!("{command} --out run"));
    let (result, drawn) = (json(&lab.path("run/result.json")), rows(&lab.path("run")));
    let steps = result["steps"].as_u64().unwrap();
    assert!(steps > 101, "{steps}");
    // The result was about to be written, the figures were being drawn, all was done.
    for lost in [&["result.json", "curves.svg"][..], &["curves.svg", "episode.gif"], &[]] {
        lost.iter().for_each(|name| fs::remove_file(lab.path("run").join(name)).unwrap());
        for command in ["resume run", "resume run --steps 101"] {
            let again = lab.ok(command);
            assert_eq!(again.lines().next(), told.lines().next());
            assert!(again.contains(&format!("finished after {steps} transitions")), "{again}");
            assert!(again.contains("lab resume run --steps "), "{again}");
        }
        let now = json(&lab.path("run/result.json"));
        for key in ["outcome", "steps", "eval", "params_hash"] {
            assert_eq!(now[key], result[key], "{key}");
        }
        assert_eq!(rows(&lab.path("run")), drawn);
        assert!(lab.path("run/curves.svg").exists() && lab.path("run/episode.gif").exists());
    }
    let refused = lab.run("resume run --steps 50");
    assert_eq!(refused.status.code(), Some(2));
    let expected = format!("--steps 50: the run has come to {steps} already; give more");
    assert!(stderr(&refused).contains(&expected), "{}", stderr(&refused));
    lab.ok("resume run --steps 150 --quiet");
    assert!(json(&lab.path("run/result.json"))["steps"].as_u64().unwrap() >= 150);
}

/// No file may grow beyond 4 KiB, which is how a disk that is full looks to a checkpoint.
#[test]
fn a_disk_that_is_full_costs_no_more_than_a_kill() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out whole"));
    let full = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", full, env!("CARGO_BIN_EXE_lab")]).current_dir(lab.dir.path());
    let output = command.args(SHORT.split_whitespace()).args(["--out", "run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot write run/checkpoints/"), "{}", stderr(&output));
    lab.ok("resume run");
    assert_eq!(lab.hash("run"), lab.hash("whole"));
    assert_eq!(rows(&lab.path("run")), rows(&lab.path("whole")));
}
