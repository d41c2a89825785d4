//! Errors in Python: one clear sentence, no process left, no damage.
use super::{Lab, stderr};
use std::fs;

/// A run whose environments take their fiftieth step after the first checkpoint.
fn train(id: &str) -> String {
    format!(
        "dqn --env gym:odd_envs:{id}-v0 --n-envs 2 --steps 400 --save-every 20 --eval-every 0 --log-every 20 \
         --warmup 400 --replay 500 --hidden 8 --eval-episodes 1 --test-episodes 1 --quiet --out run"
    )
}

/// The error of a run in the environment `id`, which has to be of one line and the Python error's own last lines.
fn told(id: &str) -> Option<(Lab, String)> {
    let lab = Lab::new()?;
    let told = lab.fails(&train(id));
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains(&format!("gym:odd_envs:{id}-v0: ")), "{told}");
    Some((lab, told))
}

#[test]
fn an_exception_in_a_step_is_told_with_its_last_lines_and_the_checkpoint_stays() {
    let Some((lab, told)) = told("Raises") else { return };
    assert!(told.contains("step raised ValueError: the reactor is too hot"), "{told}");
    assert!(told.contains("raise ValueError(") && told.contains("see the manual"), "{told}");
    assert!(told.contains("step-000000000080"), "{told}");
    let saved = fs::read_dir(lab.path("run/checkpoints")).unwrap().count();
    assert!(saved > 0);
    // It goes on from there, to the same step.
    assert!(lab.fails("resume run --quiet").contains("the reactor is too hot"));
}

#[test]
fn what_environments_return_is_checked() {
    for (id, sentence) in [
        ("NotANumber", "step returned an observation with NaN at place 1"),
        ("NoReward", "step returned the reward NaN"),
        ("WrongShape", "the shape (3,) of its space is expected, it has (4,)"),
        ("RaisesInReset", "reset raised RuntimeError: no ground to stand on"),
        ("RaisesInInit", "gymnasium.make raised RuntimeError: no licence"),
    ] {
        let Some((_, told)) = told(id) else { return };
        assert!(told.contains(sentence), "{id}: {told}");
    }
}

#[test]
fn spaces_that_agents_do_not_know_are_refused_by_name() {
    for (id, sentence) in [
        ("Words", "observations of the space Text"),
        ("Boundless", "the actions are a Box without bounds"),
        ("Numerous", "a MultiBinary of 1048576 combinations: 4096 at most"),
    ] {
        let Some((lab, told)) = told(id) else { return };
        assert!(told.contains(sentence), "{id}: {told}");
        assert!(!lab.path("run").exists(), "{id} left a directory");
    }
}

#[test]
fn a_process_that_dies_or_closes_its_pipes_is_told() {
    let Some((_, told)) = told("Dies") else { return };
    assert!(told.contains("died (exit status: 3)") && told.contains("last words"), "{told}");
    let Some((_, told)) = self::told("ClosesPipes") else { return };
    assert!(told.contains("its Python process ("), "{told}");
}

#[test]
fn what_environments_print_breaks_nothing() {
    let Some(lab) = Lab::new() else { return };
    let output = lab.run(&train("Prints").replace("--steps 400", "--steps 100 --json"));
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let told = stderr(&output);
    assert!(
        told.contains("from Python\n") && told.contains("from the file descriptor\n"),
        "{told}"
    );
}

#[test]
fn missing_pythons_packages_and_ids_are_told() {
    let Some(lab) = Lab::new() else { return };
    let run = |env: &str| lab.fails(&format!("ppo --env {env} --steps 100 --quiet"));
    let told = run("gym:CartPole-v1 --python ./no-such-python");
    assert!(
        told.contains("no-such-python was not found") && told.contains("--python PATH"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    let told = run("gym:CartPool-v1");
    assert!(told.contains("`CartPool`") && told.contains("Did you mean: `CartPole`"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let told = run("gym:ALE/Pong-v5");
    assert!(told.contains("pip install ale-py") && told.lines().count() == 1, "{told}");
    let told = run("gym:nowhere.at.all:Thing-v0");
    assert!(told.contains("there is no module nowhere") && told.lines().count() == 1, "{told}");
    let told = run("gym:CartPole-v1 --env-arg gravity=3");
    assert!(told.contains("unexpected keyword argument 'gravity'"), "{told}");
    let told = run("gym:CartPole-v1 --frame-skip 2");
    assert!(told.contains("frame_skip is an option of AtariPreprocessing"), "{told}");
    // A Python without gymnasium: that of an empty virtual environment.
    let made = std::process::Command::new("python3")
        .args(["-m", "venv", "--without-pip", "bare"])
        .current_dir(lab.dir.path())
        .status();
    assert!(made.unwrap().success());
    let told = run("gym:CartPole-v1 --python bare/bin/python");
    assert!(
        told.contains("can't import gymnasium") && told.contains("pip install gymnasium"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!lab.path("runs").exists());
}
