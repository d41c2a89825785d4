//! The closing lines of every algorithm beside `result.json` and the rows: the measure that decides, its interval,
//! the time taken, and whether anything was learned at all.
use super::{Lab, json, rows, stderr};
use serde_json::Value;
use std::collections::BTreeSet;

/// A plan of a moment for every algorithm.
const ALL: [&str; 29] = [
    "actor-critic --env catch --steps 400 --eval-every 160 --test-episodes 5",
    "diffusion --data gaussians-8 --n-train 500 --n-test 100 --steps 512 --eval-every 128 --batch 32 --hidden 8 \
     --diffusion-steps 20 --sample-steps 4",
    "double-q-learning --env gridworld --steps 300 --eval-every 100",
    "dqn --env catch --steps 300 --warmup 50 --hidden 8 --batch 8 --eval-every 100 --test-episodes 2",
    "dyna-q --env gridworld --steps 300 --eval-every 100 --test-episodes 1",
    "expected-sarsa --env gridworld --steps 300 --eval-every 100",
    "fitted-q --env gridworld --steps 4 --eval-every 2",
    "flow --data gaussians-8 --n-train 500 --n-test 100 --steps 512 --eval-every 128 --batch 32 --hidden 8",
    "flow-matching --data gaussians-8 --n-train 500 --n-test 100 --steps 512 --eval-every 128 --batch 32 --hidden 8 \
     --sample-steps 4",
    "gan --data gaussians-8 --n-train 500 --n-test 100 --steps 512 --eval-every 128 --batch 32",
    "image-transformer --data stripes --side 4 --n-train 500 --n-test 100 --steps 128 --eval-every 64",
    "linear-q --env gridworld --steps 300 --eval-every 100",
    "made --data stripes --side 4 --n-train 500 --n-test 100 --steps 640 --eval-every 128",
    "mc-prediction --env random-walk --steps 500 --eval-every 100",
    "model-based --env gridworld --steps 300 --eval-every 100",
    "monte-carlo --env gridworld --steps 500 --eval-every 100",
    "pixelcnn --data stripes --side 4 --n-train 500 --n-test 100 --steps 128 --eval-every 64",
    "policy-evaluation --env gridworld --layout sutton-4x4 --policy uniform",
    "policy-iteration --env gridworld",
    "ppo --env catch --steps 400 --rollout 16 --n-envs 4 --batch 64 --eval-every 160 --test-episodes 5",
    "pqn --env catch --steps 512 --rollout 16 --n-envs 4 --batch 32 --eval-every 160 --test-episodes 5",
    "q-iteration --env gridworld",
    "q-learning --env frozen-lake --steps 2000 --eval-every 500",
    "reinforce --env catch --steps 600 --eval-every 160 --test-episodes 5",
    "sarsa --env gridworld --steps 300 --eval-every 100",
    "td --env random-walk --steps 500 --eval-every 100",
    "vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 640 --eval-every 128 --hidden 8",
    "value-iteration --env gridworld --layout aima",
    "vq-vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 640 --eval-every 128",
];

/// A number as a sentence shows it, and how far it may be from the one that was meant.
fn shown(text: &str) -> (f64, f64) {
    let text = text.trim_end_matches([',', ';', ')']);
    let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let number: f64 = text.parse().unwrap();
    (
        number,
        if text.contains('e') { 1e-3 * number.abs() } else { 0.51 * 0.1f64.powi(digits as i32) },
    )
}

fn agrees(text: &str, number: &Value) -> bool {
    let ((message, rounding), number) = (shown(text), number.as_f64().unwrap());
    (message - number).abs() <= rounding
}

#[test]
fn every_algorithm_tells_one_measure_and_its_own_first_value() {
    let lab = Lab::new();
    let named: BTreeSet<_> = ALL.iter().map(|args| args.split(' ').next().unwrap()).collect();
    let listed = lab.ok("list algorithms");
    let listed: BTreeSet<_> = listed
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(named, listed);
    for args in ALL {
        let name = args.split(' ').next().unwrap();
        let message = lab.ok(&format!("{args} --quiet --threads 1 --out {name}"));
        let result = json(&lab.path(name).join("result.json"));
        let (objective, line) = (&result["objective"], message.lines().next().unwrap());
        let measure = objective["measure"].as_str().unwrap();
        let found = &result["eval"][measure];
        let begins = format!("{name} on {}: {measure} ", result["subject"].as_str().unwrap());
        let rest = line.strip_prefix(&begins).unwrap_or_else(|| panic!("{line}: {begins}"));
        assert!(agrees(rest.split(' ').next().unwrap(), &found["mean"]), "{line} {found}");
        let better = match objective["direction"].as_str().unwrap() {
            "maximise" => "higher is better",
            "minimise" => "lower is better",
            other => panic!("{other}"),
        };
        assert!(line.contains(better), "{line}");
        let errors = [
            "nll_nats",
            "nll_bound_nats",
            "values_error",
            "energy_distance",
            "reconstruction_nats",
        ];
        assert_eq!(errors.contains(&measure), better.starts_with("lower"), "{line}");
        // One sample has no interval, and the sentence says so.
        match found["ci95"].as_array() {
            Some(ends) => {
                let between = rest.split_once("95 % between ").unwrap().1;
                let words: Vec<_> = between.split(' ').collect();
                assert!(agrees(words[0], &ends[0]) && agrees(words[2], &ends[1]), "{line}");
                assert!(found["n"].as_u64().unwrap() > 1);
            }
            None => assert!(rest.contains("(no interval, n = 1)") && found["n"] == 1, "{line}"),
        }
        let key = format!("eval/{measure}");
        let rows = rows(&lab.path(name));
        let first = rows.iter().find_map(|row| row.get(&key)).unwrap();
        // One that is the last, too, or came to the same, is not told twice.
        match line.split_once("; the first evaluation gave ") {
            Some((_, first_line)) => assert!(agrees(first_line, first), "{line}: {first}"),
            None => assert!(agrees(rest.split(' ').next().unwrap(), first), "{line}: {first}"),
        }

        // Something was learned, and the times are what they are called.
        assert!(
            result["updates"].as_u64().unwrap() > 0 && !message.contains("no update"),
            "{message}"
        );
        let number = |value: &Value| value.as_f64().unwrap();
        let seconds = &result["seconds"];
        let [training, evaluation, figures] =
            ["training", "evaluation", "figures"].map(|part| number(&seconds[part]));
        let rate = number(&result["steps"]) / training;
        assert!((number(&result["steps_per_second"]) / rate - 1.0).abs() < 1e-9, "{result}");
        assert!(training > 0.0 && evaluation > 0.0 && figures > 0.0, "{seconds}");
        assert!(training + evaluation + figures <= number(&result["wall_seconds"]), "{result}");
        assert!(!message.contains(" in 0s"), "{message}");
    }
}

#[test]
fn who_learns_nothing_says_so_before_and_after() {
    let lab = Lab::new();
    let check = |args: &str, certain: bool, flags: &[&str]| {
        let name = args.replace(' ', "_");
        let output = lab.run(&format!("{args} --threads 1 --out {name}"));
        let (before, after) =
            (stderr(&output), String::from_utf8_lossy(&output.stdout).into_owned());
        assert!(output.status.success(), "{args}: {before}");
        let warning =
            if certain { "no update will be made: " } else { "it may be that no update is made: " };
        let warned = before.lines().find(|line| line.contains(warning));
        let warned = warned.unwrap_or_else(|| panic!("{args}: {before}"));
        let message = after.lines().find(|line| line.starts_with("no update was made: "));
        let message = message.unwrap_or_else(|| panic!("{args}: {after}"));
        for flag in flags.iter().chain(&["--steps"]) {
            assert!(warned.contains(flag) && message.contains(flag), "{args}: {warned} {message}");
        }
        let result = json(&lab.path(&name).join("result.json"));
        assert_eq!(
            (&result["updates"], &result["outcome"]),
            (&0.into(), &"finished".into()),
            "{args}"
        );
    };
    for args in ALL {
        let (short, _) = args.split_once(" --steps").unwrap_or((args, ""));
        check(&format!("{short} --steps 0"), true, &[]);
    }
    let sizes = "--n-train 500 --n-test 100";
    for (args, certain, flags) in [
        ("dqn --env catch --steps 100 --warmup 500", true, &["--warmup 500"][..]),
        ("dqn --env catch --steps 99 --warmup 10 --train-every 100", true, &["--train-every 100"]),
        (
            "ppo --env catch --steps 1000 --rollout 2048 --n-envs 1",
            true,
            &["--rollout 2048", "--n-envs 1"],
        ),
        ("actor-critic --env catch --steps 60 --rollout 16 --n-envs 4", true, &["--rollout 16"]),
        ("reinforce --env catch --steps 10", false, &["--episodes 16"]),
        ("monte-carlo --env frozen-lake --steps 1", false, &[]),
        ("mc-prediction --env blackjack --policy uniform --steps 0", true, &[]),
        ("sarsa --env frozen-lake --n 50 --steps 2", false, &["--n 50"]),
        ("expected-sarsa --env frozen-lake --n 50 --steps 2", false, &["--n 50"]),
        ("td --env random-walk --n 50 --steps 1", false, &["--n 50"]),
        ("model-based --env frozen-lake --steps 99", true, &["--plan-every 100"]),
        (
            &format!("gan --data gaussians-8 {sizes} --batch 32 --d-steps 5 --steps 160"),
            true,
            &["--d-steps 5"],
        ),
    ] {
        check(args, certain, flags);
    }
    // One more, and there is one.
    for args in [
        "ppo --env catch --steps 2048 --rollout 2048 --n-envs 1",
        "dqn --env catch --steps 100 --warmup 10 --train-every 100",
        "actor-critic --env catch --steps 61 --rollout 16 --n-envs 4",
        "model-based --env frozen-lake --steps 100",
        "sarsa --env gridworld --lambda 0.9 --steps 20",
        "td --env random-walk --lambda 0.9 --steps 20",
    ] {
        let name = args.replace(' ', "_");
        let output = lab.run(&format!("{args} --threads 1 --out {name}"));
        assert!(!stderr(&output).contains("no update"), "{args}: {}", stderr(&output));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("no update"), "{args}");
        assert!(
            json(&lab.path(&name).join("result.json"))["updates"].as_u64().unwrap() > 0,
            "{args}"
        );
    }
}

#[test]
fn a_target_is_in_the_units_of_its_measure() {
    let lab = Lab::new();
    let made = "made --data stripes --side 4 --n-train 500 --n-test 100 --steps 6400 --eval-every 64 --out";
    lab.ok(&format!("{made} reached --target 10.5 --quiet"));
    let result = json(&lab.path("reached/result.json"));
    assert_eq!(result["outcome"], "target_reached", "{result}");
    let rows = rows(&lab.path("reached"));
    let nats: Vec<_> = rows.iter().filter_map(|row| row["eval/nll_nats"].as_f64()).collect();
    let (last, before) = nats.split_last().unwrap();
    assert!(*last <= 10.5 && before.iter().all(|nats| *nats > 10.5), "{nats:?}");
    lab.ok(&format!("{} missed --target 0.1 --quiet", made.replace("6400", "640")));
    assert_eq!(json(&lab.path("missed/result.json"))["outcome"], "finished");
    assert!(lab.ok("made --help").contains("at most this where"));
}

#[test]
fn times_and_updates_add_up_over_the_parts_of_a_run() {
    let lab = Lab::new();
    let dqn = "dqn --env catch --warmup 50 --hidden 8 --batch 8 --eval-every 500 --test-episodes 50 --quiet";
    lab.ok(&format!("{dqn} --steps 2000 --out run"));
    let first = json(&lab.path("run/result.json"));
    lab.ok("resume run --steps 4000 --quiet");
    let both = json(&lab.path("run/result.json"));
    for part in ["training", "evaluation", "figures"] {
        let [first, both] = [&first, &both].map(|of| of["seconds"][part].as_f64().unwrap());
        assert!(both > first, "{part}: {first} {both}");
    }
    assert!(both["wall_seconds"].as_f64() > first["wall_seconds"].as_f64());
    lab.ok(&format!("{dqn} --steps 4000 --out whole"));
    assert_eq!(both["updates"], json(&lab.path("whole/result.json"))["updates"]);
    // 50 transitions first, then every fourth; the 52nd is the first one.
    assert_eq!(both["updates"], (4000 - 48) / 4);
}

#[test]
fn intervals_are_right_for_one_two_and_shares() {
    let lab = Lab::new();
    lab.ok("q-learning --env frozen-lake --steps 5000 --quiet --out lake");
    let one = lab.ok("eval lake --episodes 1");
    assert!(one.contains("(no interval, n = 1)"), "{one}");
    let json: Value = serde_json::from_str(&lab.ok("eval lake --episodes 1 --json")).unwrap();
    assert!(json["eval"]["return"]["ci95"].is_null(), "{json}");
    let json: Value = serde_json::from_str(&lab.ok("eval lake --episodes 40 --json")).unwrap();
    let (mean, z2) = (json["eval"]["return"]["mean"].as_f64().unwrap(), 1.959_963_985f64.powi(2));
    let ends = [0, 1].map(|i| json["eval"]["return"]["ci95"][i].as_f64().unwrap());
    // Wilson's ends solve (p̂ − p)² = z²·p(1 − p)/n.
    for p in ends {
        assert!((0.0..=1.0).contains(&p));
        assert!(((mean - p).powi(2) - z2 * p * (1.0 - p) / 40.0).abs() < 1e-9, "{json}");
    }
    lab.ok("dqn --env cartpole --steps 300 --warmup 50 --hidden 8 --batch 8 --quiet --out pole");
    let json: Value = serde_json::from_str(&lab.ok("eval pole --episodes 2 --json")).unwrap();
    let of = &json["eval"]["return"];
    // The mean of two is a whole or a half; they are as far from it as the interval is wide, over t and √2 twice.
    let half = of["ci95"][1].as_f64().unwrap() - of["mean"].as_f64().unwrap();
    let apart = half / 12.706_204_736;
    assert!((2.0 * apart - (2.0 * apart).round()).abs() < 1e-6, "{json}");
}

#[test]
fn returns_of_two_kinds_are_between_them() {
    let lab = Lab::new();
    // Balls are caught or missed: with 200 steps some of both, with 6,000 nearly all are caught.
    lab.ok("q-learning --env catch --steps 6000 --quiet --out caught");
    let message = lab.ok("eval caught --episodes 2");
    assert!(message.starts_with("return 1.00 (95 % between -0.32 and 1.00, n = 2)"), "{message}");
    lab.ok("q-learning --env catch --steps 200 --quiet --out missed");
    let message: Value = serde_json::from_str(&lab.ok("eval missed --episodes 3 --json")).unwrap();
    let ends = &message["eval"]["return"]["ci95"];
    let [low, high] = [0, 1].map(|end| ends[end].as_f64().unwrap());
    assert!(-1.0 <= low && low < high && high <= 1.0, "{message}");
}
