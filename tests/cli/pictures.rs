//! Planners, and the pictures of a run.
use super::*;

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

/// The pictures of the run in `run`, opened and read through.
fn pictures(run: &Path) {
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
    let told = lab.ok("vi --env gridworld --out a");
    assert!(!told.contains('\u{2192}'), "only a terminal is shown the grid: {told}");
    pictures(&lab.path("a"));
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
fn a_reader_that_goes_away_costs_no_picture() {
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
fn a_picture_that_fails_costs_no_result() {
    let lab = Lab::new();
    lab.ok("vi --env gridworld --steps 5 --out a");
    fs::remove_file(lab.path("a/values.svg")).unwrap();
    fs::create_dir(lab.path("a/values.svg")).unwrap();
    let failed = lab.run("resume a --steps 50");
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("values.svg"), "{}", stderr(&failed));
    assert_eq!(json(&lab.path("a/result.json"))["outcome"], "converged");
    assert!(lab.path("a/solution.json").exists() && lab.path("a/curves.svg").exists());
}
