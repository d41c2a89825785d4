//! Planners' time limits and rewards, as a user meets them.
use super::*;

/// On ice, until it is certain.
const LAKE: &str = "value-iteration --env frozen-lake --gamma 1 --quiet";

#[test]
fn a_time_limit_is_named_grows_with_the_map_and_can_be_chosen() {
    let lab = Lab::new();
    let row = format!("{}\n", "F".repeat(16));
    let mut map = row.repeat(16);
    map.replace_range(0..1, "S");
    map.replace_range(map.len() - 2..map.len() - 1, "G");
    fs::write(lab.path("lake.map"), map).unwrap();
    lab.ok(&format!("{LAKE} --map lake.map --time-limit 20 --out short"));
    let message = lab.ok("eval short --episodes 20");
    assert!(message.starts_with("return 0.00"), "{message}");
    let named = "20 of 20 episodes were cut off by the time limit of 20 steps; a run with a larger \
                 --time-limit lets them go on";
    assert!(message.contains(named), "{message}");
    let message: Value = serde_json::from_str(&lab.ok("eval short --episodes 20 --json")).unwrap();
    assert_eq!(message["cut_off"], 20);
    lab.ok(&format!("{LAKE} --map lake.map --time-limit 5000 --out long"));
    let message = lab.ok("eval long --episodes 20");
    assert!(message.starts_with("return 1.00") && !message.contains("cut off"), "{message}");
    // Learners that are scored by episodes say so when they have learned.
    let message = lab
        .ok("q-learning --env frozen-lake --map lake.map --time-limit 20 --steps 2000 --quiet \
         --test-episodes 20 --out learned");
    assert!(
        message.contains("cut off by the time limit of 20 steps; a run with a larger"),
        "{message}"
    );
    let message = lab.ok("ppo --env pendulum --steps 100 --quiet --test-episodes 2 --out swung");
    assert!(!message.contains("cut off"), "{message}");
    let message = lab.ok("ppo --env pendulum --time-limit 20 --steps 100 --quiet --test-episodes 2 --out short-swing");
    assert!(
        message.contains("2 of 2 episodes were cut off by the time limit of 20 steps; a run"),
        "{message}"
    );
    let limit = |options: &[(&str, &str)]| {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
        let entry = lab::registry::envs().iter().find(|entry| entry.name == "frozen-lake").unwrap();
        let options = params::resolve(&(entry.options)(), &options.collect()).unwrap();
        entry.make(&options).unwrap()().spec().time_limit
    };
    let own = fs::read_to_string(lab.path("lake.map")).unwrap();
    assert_eq!(limit(&[]), Some(100));
    assert_eq!(limit(&[("map", "8x8")]), Some(100));
    assert_eq!(limit(&[("map", own.as_str())]), Some(400));
    let output = lab.run(&format!("{LAKE} --time-limit 0"));
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("--time-limit 0: a whole number above 0 is expected"), "{message}");
}

#[test]
fn rewards_that_cannot_be_played_are_named() {
    let lab = Lab::new();
    for (map, words) in
        [("S.\n1e160 .", "`1e160` is too large"), ("S.\n1e-50 .", "`1e-50` is too small")]
    {
        fs::write(lab.path("huge.map"), map).unwrap();
        let output =
            lab.run("value-iteration --env gridworld --map huge.map --discount 0.9 --quiet");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words) && !message.contains("--lr"), "{message}");
    }
    fs::write(lab.path("large.map"), "S.\n1e38 .").unwrap();
    lab.ok("value-iteration --env gridworld --map large.map --discount 0.9 --quiet --out large");
    assert!(lab.ok("eval large --episodes 5").starts_with("return 1.000e38"));
}

#[test]
fn a_plan_too_short_to_converge_is_told() {
    let lab = Lab::new();
    let lake = "--env frozen-lake --gamma 0.99 --quiet";
    for planner in ["value-iteration", "q-iteration", "policy-evaluation", "policy-iteration"] {
        let message = lab.ok(&format!("{planner} {lake} --steps 1 --out {planner}"));
        let named = ", not converged: values still change; saved to";
        assert!(message.contains(named), "{planner}: {message}");
        let message = lab.ok(&format!("resume {planner} --quiet --steps 5000"));
        assert!(
            message.contains("converged after") && !message.contains("not converged"),
            "{message}"
        );
    }
    let message = lab.ok("q-learning --env frozen-lake --steps 100 --quiet --out learned");
    assert!(!message.contains("converged"), "{message}");
}
