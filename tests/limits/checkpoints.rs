//! Checkpoints that are whole and hold what can't be.
use super::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A command for each algorithm that ends soon and saves two checkpoints.
const RUNS: &[&str] = &[
    "actor-critic --env catch --steps 60 --n-envs 2 --rollout 7 --hidden 4",
    "actor-critic --env pendulum --steps 60 --n-envs 2 --rollout 7 --hidden 4 --normalize-obs --normalize-reward",
    "diffusion --data gaussians-8 --n-train 100 --n-test 100 --steps 640 --hidden 4 --layers 1 --batch 64 \
     --diffusion-steps 9 --sample-steps 3",
    "double-q-learning --env frozen-lake --steps 60",
    "double-q-learning --env catch --steps 60",
    "dqn --env catch --steps 60 --warmup 10 --batch 4 --hidden 4 --replay 50",
    "dqn --env cartpole --steps 60 --warmup 10 --batch 4 --hidden 4 --replay 50",
    "dqn --env breakout --steps 60 --warmup 10 --batch 4 --hidden 4 --replay 50",
    "dqn --env gridworld --steps 60 --warmup 10 --batch 4 --hidden 4 --replay 50 --n-step 3 --prioritized true \
     --dueling true --noisy true --distribution c51 --atoms 5",
    "dyna-q --env frozen-lake --steps 60 --kappa 0.1",
    "dyna-q --env catch --steps 60",
    "expected-sarsa --env frozen-lake --steps 60 --n 40",
    "fitted-q --env cliff-walking --steps 4 --samples 300",
    "fitted-q --env cartpole --steps 4 --samples 100 --values linear --ridge 1",
    "flow --data gaussians-8 --n-train 100 --n-test 100 --steps 640 --hidden 4 --layers 1 --blocks 2 --batch 64",
    "flow-matching --data gaussians-8 --n-train 100 --n-test 100 --steps 640 --hidden 4 --layers 1 --batch 64 \
     --sample-steps 3",
    "gan --data gaussians-8 --n-train 100 --n-test 100 --steps 640 --hidden 4",
    "image-transformer --data stripes --side 4 --n-train 50 --n-test 50 --steps 64 --features 4 --blocks 1",
    "linear-q --env cartpole --steps 60",
    "made --data stripes --side 4 --n-train 50 --n-test 50 --steps 200 --hidden 4",
    "mc-prediction --env random-walk --policy uniform --steps 60 --cells 50",
    "model-based --env frozen-lake --steps 60 --plan-every 7",
    "model-based --env catch --steps 60 --plan-every 7",
    "monte-carlo --env gridworld --layout maze --steps 60",
    "monte-carlo --env bandit --steps 60",
    "pixelcnn --data stripes --side 4 --n-train 50 --n-test 50 --steps 64 --features 4 --blocks 1 --hidden 4",
    "policy-evaluation --env gridworld --layout sutton-4x4 --policy uniform --steps 4",
    "policy-iteration --env gridworld --layout maze --steps 2 --evaluation modified",
    "ppo --env catch --steps 120 --n-envs 2 --rollout 7 --batch 14 --hidden 4",
    "pqn --env catch --steps 120 --n-envs 2 --rollout 7 --batch 14 --hidden 4",
    "q-iteration --env gridworld --layout maze --steps 4",
    "q-learning --env frozen-lake --steps 60 --lambda 0.9",
    "reinforce --env catch --steps 60 --n-envs 2 --episodes 4 --hidden 4 --baseline value",
    "sarsa --env frozen-lake --steps 60 --lambda 0.9",
    "sarsa --env catch --steps 60 --n 40",
    "td --env random-walk --policy uniform --steps 60 --n 40 --cells 50",
    "vae --data stripes --side 4 --n-train 50 --n-test 50 --steps 256 --hidden 4 --latents 2",
    "value-iteration --env gridworld --layout maze --steps 2",
    "value-iteration --env gridworld --layout maze --steps 20 --order prioritized",
    "vq-vae --data stripes --side 4 --n-train 50 --n-test 50 --steps 256 --channels 4 --dims 2 --codes 4",
];

/// Trains, and returns where the newest checkpoint is.
fn train(folder: &Folder, command: &str) -> PathBuf {
    let steps: u64 = {
        let mut words = command.split(' ').skip_while(|word| *word != "--steps");
        words.nth(1).unwrap().parse().unwrap()
    };
    // Those that learn from data, or what a given policy is worth, play no test episodes.
    let none = ["value", "policy", "q-iteration", "td", "mc-prediction"];
    let plays = !command.contains("--data") && !none.iter().any(|name| command.starts_with(name));
    let episodes = if plays { " --test-episodes 1" } else { "" };
    let output = folder
        .run(&format!("{command} --save-every {}{episodes} --out run", (steps / 3).max(1)), 60);
    assert_eq!(output.code, Some(0), "{command}: {}", output.text);
    let mut saved: Vec<_> = fs::read_dir(folder.path("run/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    saved.retain(|path| path.file_name().unwrap() != "best");
    saved.sort();
    assert!(saved.len() > 1, "{command}");
    saved.pop().unwrap()
}

/// Writes `bytes` as `file` of a checkpoint, with a manifest that agrees.
fn put(checkpoint: &Path, file: &str, bytes: &[u8]) {
    // The best one shares it.
    fs::remove_file(checkpoint.join(file)).unwrap();
    fs::write(checkpoint.join(file), bytes).unwrap();
    let path = checkpoint.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    manifest[file] = json!({ "bytes": bytes.len(), "sha256": sha256 });
    fs::remove_file(&path).unwrap();
    fs::write(&path, manifest.to_string()).unwrap();
}

/// Mutations of `value`: each number and each list in it, one at a time, changed.
fn changed(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => [
            json!(u64::MAX),
            json!(u32::MAX),
            json!(1u64 << 62),
            json!(0),
            json!(-1),
            json!(1e308),
            json!(0.5),
        ]
        .to_vec(),
        Value::Bool(set) => vec![json!(!set)],
        Value::Null => vec![json!(0), json!(1_000_000)],
        Value::String(_) => vec![json!("x")],
        Value::Array(items) => {
            let mut all = vec![json!([])];
            let longer =
                |n: usize| Value::from(items.iter().cycle().take(n).cloned().collect::<Vec<_>>());
            if !items.is_empty() {
                all.extend([longer(items.len() + 1), longer(items.len() - 1)]);
            }
            for i in [0, items.len() / 2].into_iter().filter(|i| *i < items.len()) {
                all.extend(changed(&items[i]).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[i] = item;
                    Value::from(items)
                }));
            }
            all
        }
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (key, field) in fields {
                all.extend(changed(field).into_iter().map(|field| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), field);
                    Value::Object(fields)
                }));
            }
            all
        }
    }
}

/// Mutations of the bytes of numbers, and of tensors.
fn other_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let filled = |byte| vec![byte; bytes.len()];
    let mut all = vec![Vec::new(), filled(0xff), filled(0x7f), filled(0), [bytes, bytes].concat()];
    for place in [0, bytes.len() / 2, bytes.len().saturating_sub(8)] {
        let mut one = bytes.to_vec();
        one.iter_mut().skip(place).take(8).for_each(|byte| *byte = 0xff);
        all.push(one);
        let mut one = bytes.to_vec();
        one.iter_mut().skip(place).take(4).for_each(|byte| *byte = 9);
        all.push(one);
    }
    all
}

/// Resumes from every change of the newest checkpoint of `command`, of `some` of them; how many there were, and
/// how many were passed over for the older one.
fn sweep(command: &str, some: impl Fn(usize) -> bool) -> [usize; 2] {
    let folder = Folder::new();
    let newest = train(&folder, command);
    let (mut tried, mut passed) = (0, 0);
    let retained = folder.path("kept");
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success())
    };
    copy(&folder.path("run"), &retained);
    let mut files: Vec<_> = fs::read_dir(&newest)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut place = 0;
    for file in files.iter().filter(|file| *file != "manifest.json" && *file != "config.json") {
        let bytes = fs::read(newest.join(file)).unwrap();
        let all: Vec<Vec<u8>> = match file.ends_with(".json") {
            true => changed(&serde_json::from_slice(&bytes).unwrap())
                .iter()
                .map(|value| value.to_string().into_bytes())
                .collect(),
            false => other_bytes(&bytes),
        };
        for change in all {
            place += 1;
            if !some(place) {
                continue;
            }
            put(&newest, file, &change);
            let steps: u64 = newest.file_name().unwrap().to_str().unwrap()[5..].parse().unwrap();
            let output = folder.run(&format!("resume run --steps {}", steps + steps / 2 + 1), 20);
            let what = || {
                format!(
                    "{command}: {file} {}: {}",
                    String::from_utf8_lossy(&change[..change.len().min(200)]),
                    output.text
                )
            };
            assert!(output.code.is_some(), "{} hung", what());
            assert_ne!(output.code, Some(2), "{}", what());
            tried += 1;
            passed += usize::from(output.text.contains("falling back to"));
            fs::remove_dir_all(folder.path("run")).unwrap();
            copy(&retained, &folder.path("run"));
        }
    }
    println!("{command}: {tried} changes, {passed} passed over");
    [tried, passed]
}

#[test]
fn what_can_not_be_is_passed_over_for_the_checkpoint_before() {
    // The index in a memory, the state in a model, a rollout's length, a class of samples.
    let of = |name: &str| *RUNS.iter().find(|run| run.starts_with(name)).unwrap();
    for command in
        ["dyna-q --env frozen-lake", "model-based --env frozen-lake", "reinforce"].map(of)
    {
        let [tried, passed] = sweep(command, |place| place % 23 == 4);
        assert!(tried > 2 && passed * 2 > tried, "{command}: {passed} of {tried}");
    }
}

#[test]
#[ignore = "every tenth change of every checkpoint of every algorithm: ten minutes"]
fn no_checkpoint_of_any_algorithm_does_harm() {
    let all = RUNS.iter().map(|command| sweep(command, |place| place % 10 == 3));
    let [tried, passed] = all.fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
    println!("{tried} changes, {passed} passed over");
}
