//! Algorithms with networks on another device beside the CPU's kernels: by Candle's operations on the CPU, or on a GPU
//! with `LAB_TEST_DEVICE=cuda` in a build for CUDA.
use super::{Lab, json, rows, stderr};
use lab::train::{DeviceChoice, testing::device_choice};
use serde_json::Value;
use std::process::Command;

/// Small runs; every layer, loss and optimiser occurs in one of them.
const RUNS: [&str; 19] = [
    "dqn --env catch --warmup 40 --replay 300 --hidden 8 --batch 8 --n-envs 1",
    "dqn --env breakout --warmup 40 --replay 300 --hidden 8 --batch 8 --n-envs 1 --optimizer rmsprop",
    "dqn --env catch --warmup 40 --replay 300 --hidden 8 --batch 8 --n-envs 1 --noisy --dueling --distribution c51 --prioritized",
    "pqn --env cartpole --rollout 16 --n-envs 4 --batch 32 --epochs 2 --hidden 8",
    "reinforce --env cartpole --episodes 4 --n-envs 4 --hidden 8 --optimizer sgd",
    "actor-critic --env catch --hidden 8 --n-envs 4",
    "actor-critic --env pendulum --hidden 8 --n-envs 4",
    "ppo --env cartpole --rollout 16 --n-envs 4 --batch 32 --epochs 2 --hidden 8",
    "vae --data bars --batch 20 --hidden 16 --latents 3",
    "vae --data bars --network conv --likelihood logistic --binarisation none --batch 20 --latents 3",
    "vq-vae --data bars --batch 20",
    "gan --data bars --batch 16 --hidden 8 --latents 4",
    "gan --data bars --network dcgan --downsample pool --channels 8 --batch 16 --latents 4 --penalty real --batch-norm generator",
    "flow-matching --data bars --batch 16 --hidden 8 --layers 1 --sample-steps 4",
    "diffusion --data bars --batch 16 --hidden 8 --layers 1 --diffusion-steps 20 --sample-steps 4",
    "pixelcnn --data stripes --batch 8 --features 8 --blocks 1 --hidden 8 --network residual",
    "pixelcnn --data stripes --batch 8 --features 8 --blocks 1 --hidden 8 --network gated",
    "made --data glyphs --batch 20 --hidden 16 --binarisation none --levels 4 --mixture 2",
    "image-transformer --data bars --batch 8 --features 8 --heads 2 --blocks 1",
];

/// Data of the runs, and how they are evaluated.
fn common(run: &str) -> &'static str {
    match run {
        run if run.contains("glyphs") => "--data-arg n_train=60 --data-arg n_test=20",
        run if run.contains("--data") => {
            "--data-arg n_train=60 --data-arg n_test=20 --data-arg side=8"
        }
        _ => "--eval-episodes 2 --test-episodes 2",
    }
}

/// Gives `command` the other device.
fn elsewhere(mut command: Command) -> Command {
    match device_choice() {
        DeviceChoice::Cpu => command.env("LAB_CPU_KERNELS", "off"),
        choice => command.args(["--device", &choice.to_string()]),
    };
    command
}

fn finish(mut command: Command, what: &str) -> String {
    let output = command.output().unwrap();
    let told = stderr(&output);
    assert!(output.status.success(), "{what}: {told}");
    told
}

/// The first metrics of training of a run.
fn first_row(lab: &Lab, run: &str) -> Vec<(String, f64)> {
    let rows = rows(&lab.path(run));
    let row = rows.iter().find(|row| {
        row.get("train/loss").is_some()
            || row.as_object().is_some_and(|row| row.keys().any(|key| key.ends_with("_loss")))
    });
    let row = row.unwrap().as_object().unwrap();
    let train = row.iter().filter(|(key, _)| key.starts_with("train/"));
    train.filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect()
}

/// Losses, norms of gradients and all other metrics of the first steps agree, from the same initial weights.
#[test]
fn another_device_computes_what_the_kernels_do() {
    let lab = Lab::new();
    for (i, run) in RUNS.iter().enumerate() {
        let steps = "--steps 120 --log-every 40 --eval-every 0 --save-every 0 --quiet --threads 1";
        let command =
            |out: &str| lab.command(&format!("{run} {} {steps} --out {out}", common(run)));
        let [here, there] = [format!("here{i}"), format!("there{i}")];
        finish(command(&here), run);
        finish(elsewhere(command(&there)), run);
        let (here, there) = (first_row(&lab, &here), first_row(&lab, &there));
        assert_eq!(here.len(), there.len(), "{run}: {here:?} {there:?}");
        for ((name, here), (same, there)) in here.iter().zip(&there) {
            assert_eq!(name, same);
            // Rounding alone; the largest difference seen on the CPU is 3·10⁻⁵ of a metric.
            let close = (here - there).abs() <= 1e-4 * here.abs().max(1e-2);
            assert!(close, "{run}: {name} is {here} by the kernels and {there} elsewhere");
        }
    }
}

/// There too the same seed gives the same bits, and a run that stopped goes on to the same ones.
#[test]
fn another_device_repeats_itself_and_resumes_to_the_bit() {
    let lab = Lab::new();
    let result = |out: &str| -> Value { json(&lab.path(out).join("result.json")) };
    for (i, run) in RUNS.iter().enumerate() {
        let every = "--log-every 40 --eval-every 80 --save-every 40 --quiet --threads 1";
        let command = |steps: u32, out: &str| {
            elsewhere(
                lab.command(&format!("{run} {} {every} --steps {steps} --out {out}", common(run))),
            )
        };
        let [once, again, parts] = ["once", "again", "parts"].map(|name| format!("{name}{i}"));
        finish(command(160, &once), run);
        finish(command(160, &again), run);
        finish(command(80, &parts), run);
        finish(
            elsewhere(lab.command(&format!("resume {parts} --steps 160 --quiet --threads 1"))),
            run,
        );
        for other in [&again, &parts] {
            for key in ["params_hash", "eval"] {
                assert_eq!(result(&once)[key], result(other)[key], "{run}: {key} of {other}");
            }
        }
    }
}

/// Actions that a copy on the CPU chooses are those of the networks that learn, at every step and after a resume.
#[test]
fn networks_that_act_on_the_cpu_follow_those_that_learn() {
    let lab = Lab::new();
    let result = |out: &str| -> Value { json(&lab.path(out).join("result.json")) };
    for (i, run) in RUNS.iter().filter(|run| run.contains("--env")).enumerate() {
        let every = "--log-every 40 --eval-every 80 --save-every 80 --quiet --threads 1 --lr 0.05";
        // Actions that show at once what was learned.
        let greedy = if run.starts_with("dqn") { "--epsilon-start 0 --epsilon-end 0" } else { "" };
        let command = |steps: u32, out: &str| {
            let more = format!("{} {greedy} {every} --steps {steps} --out {out}", common(run));
            lab.command(&format!("{run} {more}"))
        };
        let [same, copy, parts] = ["same", "copy", "parts"].map(|name| format!("{name}{i}"));
        let apart = |mut command: Command| {
            command.args(["--act-device", "cpu"]);
            elsewhere(command)
        };
        finish(apart(command(160, &copy)), run);
        finish(apart(command(80, &parts)), run);
        let resume = lab.command(&format!("resume {parts} --steps 160 --quiet --threads 1"));
        finish(elsewhere(resume), run);
        let mut others = vec![&parts];
        // A GPU rounds differently, and other actions may be best.
        if device_choice() == DeviceChoice::Cpu {
            finish(elsewhere(command(160, &same)), run);
            others.push(&same);
        }
        for other in others {
            for key in ["params_hash", "eval"] {
                assert_eq!(result(&copy)[key], result(other)[key], "{run}: {key} of {other}");
            }
        }
    }
}

/// A run of one device goes on on another, and says so.
#[test]
fn a_run_moves_between_devices_and_says_so() {
    let lab = Lab::new();
    for run in [RUNS[0], RUNS[8], RUNS[11], RUNS[13]] {
        let name = run.split(' ').next().unwrap();
        let every = "--log-every 40 --eval-every 80 --save-every 40 --threads 1";
        finish(lab.command(&format!("{run} {} {every} --steps 80 --out {name}", common(run))), run);
        let told =
            finish(elsewhere(lab.command(&format!("resume {name} --steps 160 --threads 1"))), run);
        assert!(told.contains("note: this run was on cpu and goes on on "), "{told}");
        assert_eq!(json(&lab.path(name).join("result.json"))["steps"], 160);
        let told = finish(lab.command(&format!("resume {name} --steps 200 --threads 1")), run);
        assert!(told.contains(" and goes on on cpu: numbers are rounded differently"), "{told}");
    }
}
