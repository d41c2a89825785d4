//! Huge numbers.
use super::*;
use lab::registry::{Algorithm, DataSource, Options, Subject, algorithms, data_sets, envs};

#[test]
fn a_number_too_large_gets_the_memory_that_it_would_need() {
    let folder = Folder::new();
    for args in [
        "q-learning --env bandit --arms 1000000000",
        "vi --env gamblers-problem --goal 18446744073709551615",
        "vi --env garnet --states 1000000000",
        "vi --env garnet --actions 1000000000",
        "vi --env gridworld --layout open --width 1000000000000",
        "dqn --env catch --replay 1000000000",
        "dqn --env catch --hidden 16384",
        "ppo --env catch --rollout 1048576 --n-envs 256",
        "reinforce --env cartpole --episodes 1048576",
        "fitted-q --env catch --samples 268435456",
        "vae --data stripes --n-train 1000000000000",
        "vae --data stripes --hidden 16384 --layers 9",
        "pixelcnn --data stripes --batch 1048576",
        "image-transformer --data stripes --features 16384",
        "made --data stripes --hidden 16384",
        "vq-vae --data stripes --channels 4096",
        "gan --data gaussians-8 --hidden 16384",
        "flow --data gaussians-8 --hidden 16384 --blocks 200",
        "flow-matching --data gaussians-8 --hidden 16384 --layers 64",
        "diffusion --data gaussians-8 --hidden 16384 --layers 64",
    ] {
        let output = folder.run(args, 20);
        let (flag, value) = flag_of(args);
        assert_eq!(output.code, Some(2), "{args}: {}", output.text);
        assert!(output.text.contains(&format!("--{flag} {value}")), "{args}: {}", output.text);
        assert!(output.text.contains("of memory, and "), "{args}: {}", output.text);
        assert_eq!(output.text.lines().count(), 1, "{args}: {}", output.text);
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1, "something was left behind");
}

/// The flag that is too large, the longest number.
fn flag_of(args: &str) -> (&str, &str) {
    let words: Vec<&str> = args.split(' ').collect();
    let numbers = (1..words.len()).filter(|i| words[*i].parse::<u64>().is_ok());
    let i = numbers.max_by_key(|i| words[*i].parse::<u64>().unwrap()).unwrap();
    (words[i - 1].trim_start_matches("--"), words[i])
}

#[test]
#[ignore = "every number of every algorithm, environment and data set: some minutes"]
fn every_number_may_be_as_large_as_it_likes() {
    let folder = Folder::new();
    let mut n = 0;
    for (command, key) in numbers() {
        let flag = key.replace('_', "-");
        let mut values = vec!["4294967295".to_owned(), "1000000000".to_owned()];
        values.extend(["1000000000000000000", "18446744073709551615"].map(str::to_owned));
        let mut largest = None;
        while let Some(value) = values.pop() {
            let out = format!("run{n}");
            let args = format!("{command} --{flag} {value} --out {out}");
            let begun = Instant::now();
            // Work that was asked for may take its time.
            let long = LONG.iter().any(|word| flag.ends_with(word));
            let output = folder.run(&args, if long { 3 } else { 60 });
            n += 1;
            assert!(output.code.is_some() || long, "{args} went on");
            let named = output.code != Some(2) || output.text.contains(&format!("--{flag}"));
            assert!(named || output.text.contains(&key), "{args}: {}", output.text);
            assert!(output.code != Some(1), "{args}: {}", output.text);
            println!(
                "{:?} {:.1} s {args}: {}",
                output.code,
                begun.elapsed().as_secs_f64(),
                output.text.trim()
            );
            // The largest that is permitted comes next.
            let most =
                output.text.split("between ").nth(1).and_then(|text| text.split(" and ").nth(1));
            if let Some(most) = most.map(|most| most.split_whitespace().next().unwrap().to_owned())
                && most.parse::<u64>().is_ok()
                && largest.is_none()
            {
                largest = Some(most.clone());
                values.push(most);
            }
            _ = fs::remove_dir_all(folder.path(&out));
        }
    }
    println!("{n} commands");
}

/// Ends of flags that ask for more work, and not for more room.
const LONG: &[&str] = &[
    "episodes",
    "epochs",
    "planning",
    "sweeps",
    "every",
    "images",
    "d-steps",
    "horizon",
    "time-limit",
    "steps",
];

/// Each number, after a command that takes it and a flag for it.
fn numbers() -> Vec<(String, String)> {
    let whole = |options: Options| {
        options.into_iter().filter(|(_, value)| value.is_u64() || value.is_null())
    };
    let mut all = Vec::new();
    for algorithm in algorithms() {
        for (key, _) in whole(params::resolve(&(algorithm.hyper)(), &Default::default()).unwrap()) {
            all.push((quick(algorithm), key));
        }
    }
    for entry in envs() {
        for (key, _) in whole(params::resolve(&(entry.options)(), &Default::default()).unwrap()) {
            if !["map", "reward", "noise", "living_reward", "discount"].contains(&key.as_str()) {
                let open = if key == "width" || key == "height" { " --layout open" } else { "" };
                all.push((
                    format!("q-learning --env {}{open} --steps 1 --test-episodes 1", entry.name),
                    key,
                ));
            }
        }
    }
    for entry in data_sets().iter().filter(|entry| matches!(entry.source, DataSource::Drawn(_))) {
        let command = match entry.name {
            name if name.starts_with("gaussian")
                || ["checkerboard", "rings", "swiss-roll", "two-moons"].contains(&name) =>
            {
                format!("gan --data {name} --steps 1 --hidden 4")
            }
            name => format!("made --data {name} --steps 1 --hidden 4"),
        };
        for (key, _) in whole(params::resolve(&(entry.options)(), &Default::default()).unwrap()) {
            let few = ["n_train", "n_test"].into_iter().filter(|few| *few != key);
            let few = few.map(|few| format!(" --{} 50", few.replace('_', "-"))).collect::<String>();
            all.push((format!("{command}{few}"), key));
        }
    }
    all.retain(|(_, key)| key != "seed");
    all
}

/// A command that trains one step.
fn quick(algorithm: &Algorithm) -> String {
    let name = algorithm.name;
    match algorithm.subject() {
        Subject::Env => match name {
            "dqn" | "ppo" | "pqn" | "actor-critic" | "reinforce" => {
                format!("{name} --env catch --steps 1")
            }
            "policy-evaluation" | "mc-prediction" | "td" => {
                format!("{name} --env random-walk --policy uniform --steps 1")
            }
            _ => format!("{name} --env frozen-lake --steps 1"),
        },
        Subject::Data => match name {
            "gan" | "flow" | "flow-matching" | "diffusion" => {
                format!("{name} --data gaussians-8 --n-train 50 --n-test 50 --steps 1")
            }
            _ => format!("{name} --data stripes --n-train 50 --n-test 50 --steps 1"),
        },
    }
}
