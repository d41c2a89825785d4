//! Runs in environments of Gymnasium: trained, stopped, killed, resumed, played.
use super::Lab;
use serde_json::Value;
use std::fs;

/// A short run of PPO.
const PPO: &str = "ppo --env gym:CartPole-v1 --n-envs 4 --rollout 32 --batch 64 --steps 1024 --log-every 128 \
                   --eval-every 512 --save-every 200 --eval-episodes 3 --test-episodes 3 --hidden 8 --quiet";
/// One of DQN.
const DQN: &str = "dqn --env gym:CartPole-v1 --n-envs 2 --steps 600 --log-every 100 --eval-every 300 --save-every 150 \
                   --warmup 100 --hidden 8 --batch 8 --eval-episodes 2 --test-episodes 2 --quiet";

fn result(lab: &Lab, run: &str) -> Value {
    serde_json::from_slice(&fs::read(lab.path(run).join("result.json")).unwrap()).unwrap()
}

#[test]
fn runs_repeat_and_go_on_where_they_stopped() {
    let Some(lab) = Lab::new() else { return };
    for line in [PPO, DQN] {
        for run in ["whole", "again", "parts"] {
            let _ = fs::remove_dir_all(lab.path(run));
        }
        lab.ok(&format!("{line} --out whole"));
        lab.ok(&format!("{line} --workers 2 --out again"));
        let (steps, part) = if line == PPO { ("1024", "384") } else { ("600", "310") };
        let shorter = line.replace(&format!("--steps {steps}"), &format!("--steps {part}"));
        lab.ok(&format!("{shorter} --out parts"));
        lab.ok(&format!("resume parts --steps {steps} --quiet"));
        let [whole, again, parts] = ["whole", "again", "parts"].map(|run| result(&lab, run));
        assert_eq!(whole["subject"], "gym:CartPole-v1");
        assert_eq!(whole["steps"], steps.parse::<u64>().unwrap());
        for other in [again, parts] {
            assert_eq!(whole["params_hash"], other["params_hash"], "{line}");
            assert_eq!(whole["eval"], other["eval"], "{line}");
        }
    }
    lab.ok("eval whole --episodes 3");
    let named = fs::read_to_string(lab.path("whole/run.json")).unwrap();
    assert!(named.contains("\"env\": \"gym:CartPole-v1\""), "{named}");
}

#[test]
fn a_run_is_named_by_its_id_and_takes_arguments() {
    let Some(lab) = Lab::new() else { return };
    let line = PPO.replace("CartPole-v1", "odd_envs:Counter-v0 --env-arg length=5");
    let told = lab.ok(&line);
    assert!(told.starts_with("ppo on gym:odd_envs:Counter-v0: return 5.00"), "{told}");
    let run = "runs/ppo-gym-odd_envs-Counter-v0-s1";
    let info: Value =
        serde_json::from_slice(&fs::read(lab.path(run).join("run.json")).unwrap()).unwrap();
    assert_eq!(info["config"]["env_args"]["length"], 5);
    assert!(lab.ok(&format!("play {run}")).contains("return 5"));
    // What config prints is what it reads.
    let file = lab.ok(&line.replace(" --quiet", "").replacen("ppo", "config ppo", 1));
    fs::write(lab.path("config.toml"), &file).unwrap();
    assert_eq!(lab.ok("config ppo --config config.toml").lines().count(), file.lines().count());
}

#[test]
fn a_resumed_run_says_once_that_it_begins_anew() {
    let Some(lab) = Lab::new() else { return };
    let line = PPO
        .replace("CartPole-v1", "odd_envs:Unpicklable-v0")
        .replace("--steps 1024", "--steps 384");
    lab.ok(&format!("{line} --out run"));
    let output = lab.run("resume run --steps 1024 --quiet");
    let told = super::stderr(&output);
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("begin a new episode").count(), 1, "{told}");
    assert!(told.contains("it does not pickle"), "{told}");
}

/// A Python that is gone when its run is used again.
#[cfg(unix)]
#[test]
fn a_run_is_used_again_by_another_python() {
    let Some(lab) = Lab::new() else { return };
    let home = lab.python.parent().unwrap().parent().unwrap();
    std::os::unix::fs::symlink(home, lab.path("gone")).unwrap();
    lab.ok(&format!("{PPO} --python gone/bin/python --out run"));
    fs::remove_file(lab.path("gone")).unwrap();
    let python = lab.python.display();
    for command in
        ["eval run --episodes 1", "play run --frames 5", "export run --onnx", "resume run --quiet"]
    {
        let told = lab.fails(command);
        assert!(
            told.contains("gone/bin/python was not found") && told.contains("--python PATH"),
            "{told}"
        );
        lab.ok(&format!("{command} --python {python}"));
    }
    // A run that goes on remembers the one that it goes on by.
    lab.ok("eval run --episodes 1");
    // What needs no environment starts no Python.
    lab.ok("plot run");
    let output = lab.run("plot run --text");
    assert_eq!(output.status.code(), Some(2));
    assert!(super::stderr(&output).contains("the outcomes of its environment are not known"));
}

#[test]
fn a_variable_names_the_usual_python() {
    let Some(lab) = Lab::new() else { return };
    let command = |python: &str| {
        let mut command =
            lab.command(&format!("{} --out run", PPO.replace("--steps 1024", "--steps 128")));
        command.env("LAB_PYTHON", python).env("VIRTUAL_ENV", lab.path("nowhere"));
        command.output().unwrap()
    };
    let output = command("no-such-python");
    assert!(super::stderr(&output).contains("no-such-python was not found"));
    let output = command(&lab.python.display().to_string());
    assert!(output.status.success(), "{}", super::stderr(&output));
}

#[test]
fn a_run_that_needs_no_python_takes_none() {
    let Some(lab) = Lab::new() else { return };
    lab.ok("q-learning --env gridworld --steps 100 --quiet --out run");
    for command in ["eval run", "play run", "export run --onnx", "resume run"] {
        let output = lab.run(&format!("{command} --python python3"));
        let told = super::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("--python python3: gridworld runs without Python"), "{told}");
    }
}

#[cfg(target_os = "linux")]
mod processes {
    use super::super::Lab;
    use super::PPO;
    use std::fs;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    /// The processes that `parent` has started, those that ended and were not waited for aside.
    fn children(parent: u32) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| field(*pid, 1).is_some_and(|ppid| ppid == parent.to_string())).collect()
    }

    /// A field of a process, after its name: 0 is its state, 1 its parent.
    fn field(pid: u32, i: usize) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.split(' ').nth(i)?.to_owned())
    }

    fn is_gone(pid: u32) -> bool {
        field(pid, 0).is_none_or(|state| state == "Z" || state == "X")
    }

    fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(name: &str, pid: &str) {
        assert!(Command::new("kill").args([name, "--", pid]).status().unwrap().success());
    }

    /// Whole checkpoints.
    fn saved(lab: &Lab) -> usize {
        let files = fs::read_dir(lab.path("run/checkpoints")).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("step-") && !name.contains("partial")).count()
    }

    /// A long run that has saved, with its workers.
    fn begun(lab: &Lab, id: &str) -> (Child, Vec<u32>) {
        let line = PPO.replace("CartPole-v1", id).replace("--steps 1024", "--steps 1000000");
        let line = line.replace("--save-every 200", "--save-every 100");
        let mut command = lab.command(&format!("{line} --workers 2 --out run"));
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().unwrap();
        wait_for("no checkpoint", || saved(lab) > 0);
        let workers = children(child.id());
        assert_eq!(workers.len(), 2);
        (child, workers)
    }

    #[test]
    fn a_killed_run_leaves_no_process_and_goes_on() {
        let Some(lab) = Lab::new() else { return };
        let (mut child, workers) = begun(&lab, "CartPole-v1");
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("a worker lives on", || workers.iter().all(|pid| is_gone(*pid)));
        assert!(saved(&lab) > 0);
        let mut child = lab.command("resume run --quiet").spawn().unwrap();
        wait_for("no worker", || !children(child.id()).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_worker_in_a_long_step_ends_with_its_parent() {
        let Some(lab) = Lab::new() else { return };
        let (mut child, workers) = begun(&lab, "odd_envs:Sleeps-v0");
        // Long enough that the fiftieth step is under way.
        std::thread::sleep(Duration::from_secs(1));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("a worker lives on", || workers.iter().all(|pid| is_gone(*pid)));
    }

    #[test]
    fn ctrl_c_reaches_the_whole_group_and_the_run_is_saved() {
        let Some(lab) = Lab::new() else { return };
        let (child, workers) = begun(&lab, "CartPole-v1");
        // As a terminal does; and to the workers themselves, which are no group of its.
        signal("-INT", &format!("-{}", child.id()));
        workers.iter().for_each(|pid| signal("-INT", &pid.to_string()));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", super::super::stderr(&output));
        wait_for("a worker lives on", || workers.iter().all(|pid| is_gone(*pid)));
        let result = super::result(&lab, "run");
        assert_eq!(result["outcome"], "interrupted");
    }

    #[test]
    fn a_killed_worker_is_told_and_leaves_the_checkpoint() {
        let Some(lab) = Lab::new() else { return };
        let (child, workers) = begun(&lab, "CartPole-v1");
        signal("-KILL", &workers[0].to_string());
        let output = child.wait_with_output().unwrap();
        let told = super::super::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("its Python process (") && told.contains("signal: 9"), "{told}");
        wait_for("a worker lives on", || workers.iter().all(|pid| is_gone(*pid)));
        assert!(saved(&lab) > 0);
    }
}
