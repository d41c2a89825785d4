//! Usage errors of the binary, and its answers.
use super::*;
use lab::registry::{Subject, algorithms};

/// A learning rate of 0 would leave every parameter where it is.
#[test]
fn a_learning_rate_of_0_is_refused_by_every_algorithm_that_has_one() {
    let lab = Lab::new();
    let mut refused = Vec::new();
    for algorithm in algorithms() {
        let options = params::resolve(&(algorithm.hyper)(), &Default::default()).unwrap();
        let subject = match algorithm.subject() {
            Subject::Env => "--env catch",
            Subject::Data => "--data bars",
        };
        for name in
            ["lr", "d_lr", "value_lr", "alpha"].iter().filter(|name| options.contains_key(**name))
        {
            let flag = format!("--{}", name.replace('_', "-"));
            let output = lab.run(&format!("{} {subject} {flag} 0", algorithm.name));
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{} {flag}: {message}", algorithm.name);
            assert!(message.contains(&flag), "{message}");
            refused.push(algorithm.name);
        }
    }
    assert!(["dqn", "ppo", "gan", "made"].iter().all(|name| refused.contains(name)), "{refused:?}");
}

#[test]
fn networks_are_chosen_by_flags_and_files() {
    let lab = Lab::new();
    let few = "--steps 40 --eval-episodes 1 --test-episodes 1 --quiet";
    let learners = [
        ("dqn", "--warmup 10 --batch 4 --env"),
        ("reinforce", "--n-envs 1 --episodes 1 --env"),
        ("actor-critic", "--n-envs 1 --env"),
        ("ppo", "--n-envs 1 --rollout 8 --batch 4 --env"),
        ("pqn", "--n-envs 1 --rollout 8 --batch 4 --env"),
    ];
    for (name, rest) in learners {
        let mut runs = 0;
        let mut hash = |line: &str| {
            runs += 1;
            let out = format!("{name}-{runs}");
            lab.ok(&format!("{name} {rest} {line} {few} --out {out}"));
            lab.hash(&out)
        };
        assert_eq!(hash("cartpole --hidden 8"), hash("cartpole --hidden 8,8"), "{name}");
        assert_eq!(hash("cartpole --hidden 8"), hash("cartpole --net-arch [8,8]"), "{name}");
        assert_ne!(hash("cartpole --hidden 8"), hash("cartpole --hidden 8,"), "{name}");
        assert_ne!(
            hash("breakout --network mlp --hidden 8"),
            hash("breakout --hidden 8"),
            "{name}"
        );
        hash("breakout --network mlp --hidden none");
        let usual = if ["dqn", "pqn"].contains(&name) { "relu" } else { "tanh" };
        let plain = hash("cartpole --hidden 8");
        assert_eq!(hash(&format!("cartpole --hidden 8 --activation {usual}")), plain, "{name}");
        for other in ["--activation silu", "--activation leaky-relu"] {
            assert_ne!(hash(&format!("cartpole --hidden 8 {other}")), plain, "{name} {other}");
        }
        let normed = name == "pqn";
        assert_eq!(hash(&format!("cartpole --hidden 8 --layer-norm {normed}")), plain, "{name}");
        assert_ne!(hash(&format!("cartpole --hidden 8 --layer-norm {}", !normed)), plain, "{name}");
        hash("breakout --network impala --hidden 8 --layer-norm --activation silu");
        let told = lab.refused(&format!("{name} {rest} cartpole --network conv"));
        assert!(
            told.contains("--network conv: takes observations [channels, height, width]"),
            "{told}"
        );
    }
    fs::write(lab.path("layers.toml"), "hidden = [12, 7]\nenv = \"catch\"").unwrap();
    lab.ok(&format!("dqn --config layers.toml --warmup 10 --batch 4 {few} --out file"));
    assert_eq!(json(&lab.path("file/run.json"))["config"]["hidden"], serde_json::json!([12, 7]));
    lab.ok("resume file --steps 60 --quiet");
    let toml = lab.ok("config dqn --config layers.toml");
    assert!(toml.contains("hidden = [12, 7]"), "{toml}");
    for wrong in ["--hidden wide", "--hidden 8,0", "--hidden 20k"] {
        let told = lab.refused(&format!("ppo --env catch {wrong}"));
        assert!(told.contains(&format!("{wrong}: ")), "{told}");
    }
}

#[test]
fn a_setting_has_one_value_in_a_layer() {
    let lab = Lab::new();
    fs::write(lab.path("two.toml"), "lr = 1\nlearning_rate = 2").unwrap();
    fs::write(lab.path("target.toml"), "target_every = 1\ntarget_update_interval = 4").unwrap();
    for (line, names) in [
        ("--lr 1 --learning-rate 2", ["--lr and --learning-rate", "the same setting"]),
        ("--lr 1 --lr=2", ["--lr", "more than once"]),
        ("--config two.toml", ["lr = 1", "learning_rate is the same setting"]),
        ("--config target.toml", ["target_every = 1", "target_update_interval = 4 are the same"]),
        (
            "--target-every 3 --target-network-frequency 12",
            ["--target-every 3 and --target-network-frequency 12", "the same setting"],
        ),
    ] {
        let told = lab.refused(&format!("dqn --env catch {line}"));
        assert!(names.iter().all(|name| told.contains(name)), "{line}: {told}");
    }
    // One in the file and another as a flag are two layers.
    fs::write(lab.path("one.toml"), "lr = 1").unwrap();
    let toml =
        lab.ok("config dqn --env catch --config one.toml --learning-rate 3").replace(' ', "");
    assert!(toml.contains("lr=3.0"), "{toml}");
}

#[test]
fn names_of_other_libraries_are_taken_or_told_apart() {
    let lab = Lab::new();
    let toml = lab.ok(
        "config dqn --env-id CartPole-v1 --total-timesteps 1e4 --num-envs 2 --train-frequency 10 \
         --target-network-frequency 400 --start-e 0.5 --end-e 0.1 --buffer-size 2k --learning-starts 1k",
    );
    for line in [
        "env = \"cartpole\"",
        "steps = 10000",
        "n_envs = 2",
        "train_every = 10",
        "target_every = 40",
        "epsilon_start = 0.5",
        "epsilon_end = 0.1",
        "replay = 2000",
        "warmup = 1000",
    ] {
        assert!(toml.contains(line), "{line}: {toml}");
    }
    fs::write(lab.path("minibatches.toml"), "num_minibatches = 4").unwrap();
    fs::write(lab.path("dashes.toml"), "batch-size = 4").unwrap();
    fs::write(lab.path("top.toml"), "sticky = 0.1").unwrap();
    for (line, told) in [
        (
            "ppo --env catch --num-minibatches 4",
            "--num-minibatches 4: cuts a rollout into so many batches; give --batch",
        ),
        (
            "ppo --env catch --config minibatches.toml",
            "unknown key `num_minibatches`: cuts a rollout",
        ),
        ("dqn --env catch --exploration-fraction 0.1", "give --epsilon-steps"),
        ("a2c --env catch --norm-adv", "give --weights normalised or"),
        (
            "dqn --env catch --config dashes.toml",
            "unknown key `batch-size`; did you mean `batch_size`?",
        ),
        ("dqn --env breakout --config top.toml", "write `sticky = …` under [env_args]"),
        (
            "dqn --env cartpole --replay 100",
            "preset dqn-cartpole: warmup = 1000 with --replay 100: must not be",
        ),
        (
            "dqn --env catch --replay 100",
            "--warmup 500 (the default) with --replay 100: must not be",
        ),
        ("vi --env pendulum", "--env pendulum: a planner needs to know"),
        ("dqn --env catch --batch -1", "--batch -1: must lie between 1 and 1048576"),
        ("dqn --env catch --batch 1e30", "--batch 1e30: must lie between 1 and 1048576"),
        ("dqn --env catch --seed -1", "--seed -1: must lie between 0 and 18446744073709551615"),
        ("dqn --env catch --batch 1__0", "--batch 1__0: a whole number is expected"),
        (
            "dqn --env frozen-lake --env-arg sliperi=1",
            "did you mean `slippery`? It has map, slippery, success_rate, time_limit",
        ),
        ("config vae --data glyphs --lr 0", "--lr 0: must be more than 0"),
    ] {
        let refused = lab.refused(line);
        assert!(refused.contains(told), "{line}: {refused}");
    }
}

#[test]
fn a_configuration_is_read_from_standard_input() {
    let lab = Lab::new();
    for file in ["-", "/dev/stdin"] {
        let mut command = lab.command(&format!("config dqn --config {file}"));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        use std::io::Write as _;
        child.stdin.take().unwrap().write_all(b"env = \"catch\"\nlr = 0.5").unwrap();
        let told = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(told.contains("lr = 0.5"), "{file}: {told}");
    }
}

/// A part is left out of a preset or a file by its switch, and what the part needs stays where it was.
#[test]
fn a_part_is_switched_off_above_the_settings_that_it_needs() {
    let lab = Lab::new();
    let line =
        "config dqn --env catch --preset dqn-rainbow-catch --prioritized false --distribution MEAN";
    let toml = lab.ok(line);
    assert!(toml.contains("distribution = \"mean\"") && toml.contains("v_min = -2.0"), "{toml}");
    fs::write(lab.path("all.toml"), &toml).unwrap();
    lab.ok("config dqn --config all.toml --noisy false");
    let told = lab.refused("config dqn --config all.toml --priority-alpha 0.9");
    assert!(told.contains("here is --config all.toml: prioritized = false"), "{told}");
}

#[test]
fn a_preset_of_another_environment_leaves_its_target_there() {
    let lab = Lab::new();
    let told = |line: &str| lab.ok(&format!("config dqn {line}"));
    let of_catch = told("--env cartpole --preset dqn-rainbow-catch");
    assert!(
        of_catch.contains(
            "# the preset is made for catch: its target = 1.0 is left out; v_min = -2.0 and v_max = 2.0 are returns there"
        ),
        "{of_catch}"
    );
    assert!(of_catch.contains("target = \"none\""), "{of_catch}");
    assert!(
        told("--env CartPole-v0").contains("made for cartpole: its target = 500.0 is left out")
    );
    assert!(told("--env cartpole").contains("target = 500.0  "));
    let own =
        told("--env cartpole --preset dqn-rainbow-catch --target 9 --v-min 0 --distribution c51");
    assert!(own.contains("target = 9.0") && !own.contains("left out"), "{own}");
    let few = "--steps 600 --test-episodes 2 --eval-every 0 --quiet";
    let output =
        lab.run(&format!("dqn --env cartpole --preset dqn-catch {}", few.replace(" --quiet", "")));
    assert!(
        stderr(&output).contains("note: the preset is made for catch: its target"),
        "{output:?}"
    );
    lab.ok(&format!("dqn --env cartpole --time-limit 5 {few} --out short"));
    let scored = lab.ok("eval short --episodes 3");
    assert!(
        scored.contains("3 of 3 episodes were cut off by the time limit of 5 steps; a run"),
        "{scored}"
    );
}

#[test]
fn an_id_is_listed_with_the_options_that_it_brings() {
    let lab = Lab::new();
    assert!(lab.ok("list envs CartPole-v0").contains("--time-limit 200 "));
    assert!(lab.ok("list envs cartpole").contains("--time-limit 500 "));
    assert!(lab.ok("list envs CliffWalkingSlippery-v1").contains("--slippery true "));
}

#[test]
fn an_id_of_gymnasium_brings_its_options() {
    let lab = Lab::new();
    let told = |line: &str| lab.ok(&format!("config q-learning --env {line}"));
    assert!(told("CliffWalkingSlippery-v1").contains("slippery = true"));
    assert!(lab.ok("config dqn --env CartPole-v0").contains("time_limit = 200"));
    assert!(lab.ok("config dqn --env PointmassHard-v0").contains("difficulty = \"hard\""));
    assert!(told("MinAtar/Breakout-v0").contains("actions = \"full\""));
    assert!(told("MinAtar/Breakout-v1").contains("actions = \"minimal\""));
    assert!(told("CliffWalkingSlippery-v1 --slippery false").contains("slippery = false"));
    assert!(told("CliffWalking-v1").contains("slippery = false"));
    for id in ["FrozenLake8x8-v1", "Taxi-v3", "Taxi-v4", "Blackjack-v1"] {
        told(id);
    }
}

#[test]
fn an_algorithm_is_shown_in_full_and_an_option_that_no_run_has_is_told() {
    let lab = Lab::new();
    let told = lab.ok("list algorithms ppo");
    for part in ["Proximal", "--clip 0.2", "--hidden 64", "presets: ppo-acrobot", "transitions"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    lab.ok("vi --env gridworld --quiet");
    assert!(lab.refused("runs --show foo").contains("--show foo: no run has such an option"));
    lab.ok("runs --show map,tolerance,discount");
}

#[test]
fn a_shell_is_offered_names_and_training_takes_others_too() {
    let lab = Lab::new();
    let zsh = lab.ok("completions zsh");
    for offered in ["frozen-lake", "two-moons", "dqn-cartpole", "huber mse", "rmsprop"] {
        assert!(zsh.contains(offered), "{offered}");
    }
    lab.ok("config dqn --env FrozenLake-v1");
}

/// Until 0.1 `network` was what policy and critic share.
#[test]
fn a_run_with_the_old_name_of_sharing_resumes_and_a_flag_is_told_the_new_one() {
    let lab = Lab::new();
    let line = "ppo --env catch --n-envs 1 --rollout 8 --batch 4 --hidden 8 --steps 40 --test-episodes 2 --quiet";
    lab.ok(&format!("{line} --sharing shared --out run"));
    let file = lab.path("run/run.json");
    let now = fs::read_to_string(&file).unwrap();
    let then = now.replace("\"network\": \"auto\",", "").replace("\"sharing\":", "\"network\":");
    assert!(then != now && !then.contains("sharing"), "{then}");
    fs::write(&file, then).unwrap();
    lab.ok("resume run --steps 80 --quiet");
    assert_eq!(json(&lab.path("run/run.json"))["config"]["sharing"], "shared");
    let told = lab.refused("ppo --env catch --network shared");
    assert!(told.contains("--network shared: this is now --sharing shared"), "{told}");
}

#[test]
fn wrong_input_gets_one_sentence_and_exit_code_2() {
    let lab = Lab::new();
    fs::write(lab.path("typo.toml"), "gama = 0.9").unwrap();
    fs::write(lab.path("uneven.txt"), ". 1\nS\n").unwrap();
    fs::write(lab.path("type.toml"), "batch = \"many\"").unwrap();
    fs::write(lab.path("broken.toml"), "batch = = 3").unwrap();
    fs::write(lab.path("nan.toml"), "lr = nan").unwrap();
    fs::write(lab.path("low.toml"), "learning_rate = -0.5").unwrap();
    fs::write(lab.path("game.toml"), "[env_args]\nsticky = 2").unwrap();
    fs::write(lab.path("alone.toml"), "v_max = 3").unwrap();
    let cases = [
        ("dqn --env braekout", "unknown environment `braekout`; did you mean `breakout`?"),
        ("dqn", "--env is missing: give one of acrobot, "),
        ("dqn --env catch --gamma 1.5", "--gamma 1.5: must lie between 0 and 1"),
        ("dqn --env catch --gamma -1", "--gamma -1: must lie between 0 and 1"),
        ("dqn --env catch --batch 0", "--batch 0: must lie between 1 and 1048576"),
        ("dqn --env catch --lr nan", "--lr nan: a finite number is expected"),
        ("dqn --env catch --target nan", "a finite number is expected"),
        ("dqn --env catch --lr fast", "--lr fast: a finite number is expected"),
        ("dqn --env catch --threads 0", "--threads 0: must lie between 1 and 1024"),
        (
            "dqn --env catch --optimizer adm",
            "--optimizer adm: one of adam, rmsprop, sgd is expected",
        ),
        ("dqn --env catch --device gpu", "`gpu` is not a device; use auto, cpu, cuda or cuda:0"),
        ("dqn --env catch --preset dqn-catsh", "did you mean `dqn-catch`?"),
        (
            "dqn --env catch --config typo.toml",
            "typo.toml: unknown key `gama`; did you mean `gamma`?",
        ),
        (
            "dqn --env catch --config type.toml",
            "type.toml: batch = \"many\": a whole number is expected",
        ),
        ("dqn --env catch --config broken.toml", "--config broken.toml: TOML parse error"),
        (
            "dqn --env breakout --env-arg stiky=0",
            "--env-arg stiky=0: unknown option of breakout `stiky`; did you mean `sticky`?",
        ),
        (
            "q-learning --env five-step --sticky 0",
            "--sticky 0: wraps environments whose outcomes are drawn",
        ),
        (
            "vi --env gridworld --map maps/none.txt",
            "--map maps/none.txt: cannot read maps/none.txt",
        ),
        (
            "vi --env gridworld --map uneven.txt",
            "--map uneven.txt: line 2 of the map has 1 cells, others have 2",
        ),
        ("dqn --env breakout --env-arg sticky=7", "--env-arg sticky=7: must lie between 0 and 1"),
        ("dqn --env catch --replay 10000000000000", "--replay 10000000000000: must lie between"),
        ("dqn --env catch --threads 20000", "--threads 20000: must lie between 1 and 1024"),
        ("dqn --env catch --patience 0", "--patience 0: must be at least 1"),
        ("vi --env catch", "a planner needs to know the outcomes of every action"),
        ("vi --env gridworld --env-arg layout=aimo", "--env-arg layout=aimo: one of aima, "),
        (
            "dqn --env gridworld --munchausen true",
            "--munchausen true: needs every action in every state",
        ),
        ("vi --env gridworld --gamma 1.5", "a number between 0 and 1 is expected, or `own`"),
        (
            "dqn --env catch --munchausen true --double true",
            "--munchausen true: has a softmax over next actions where --double chooses one; give --double false",
        ),
        (
            "dqn --env catch --preset dqn-rainbow-catch --munchausen --distribution mean",
            "give --double false --n-step 1 (preset dqn-rainbow-catch: double = true; preset dqn-rainbow-catch: n_step = 3)",
        ),
        ("dqn --env catch --priority-alpha 0.5", "0.5: counts only with --prioritized: add it"),
        (
            "dqn --env catch --atoms 20",
            "--atoms 20: counts only with --distribution c51 or qr or iqn: add it",
        ),
        (
            "dqn --env catch --distribution qr --v-min -1",
            "--v-min -1: counts only with --distribution c51; here is --distribution qr",
        ),
        (
            "dqn --env catch --preset dqn-rainbow-catch --loss mse",
            "--loss mse: counts only with --distribution mean; here is preset dqn-rainbow-catch: distribution = \"c51\"",
        ),
        ("dqn --env catch --munchausen-clip 2", "2: counts only with --munchausen: add it"),
        ("dqn --env catch --noisy-sigma 0.1", "0.1: counts only with --noisy: add it"),
        ("ppo --env catch --lr-steps 1e6", "1e6: counts only with --lr-end other than 1.0: add it"),
        ("a2c --env catch --n-step 3", "3: counts only with --estimator n-step: add it"),
        ("sarsa --env taxi --traces replacing", "counts only with --lambda other than 0.0: add it"),
        (
            "q-learning --env taxi --rainy-probability 0.5",
            "--rainy-probability 0.5: counts only with --rainy: add it",
        ),
        ("gan --data stripes --downsample pool", "pool: counts only with --network dcgan: add it"),
        (
            "dqn --env catch --config alone.toml",
            "--config alone.toml: v_max = 3.0: counts only with --distribution c51: add it",
        ),
        (
            "dqn --env catch --distribution c51 --v-min -1e30",
            "--v-min -1e30: must lie between -1000000000 and 1000000000",
        ),
        (
            "dqn --env catch --distribution c51 --v-min 999999999 --v-max 1e9",
            "--v-min 999999999: leaves too little between two of --atoms 51 for f32",
        ),
        ("dqn --env catch --noisy --noisy-sigma 1e30", "must be more than 0 and at most 10"),
        (
            "dqn --env catch --munchausen --munchausen-temperature 1e-30",
            "1e-30: must lie between 0.000001 and 1000",
        ),
        ("pqn --env catch --epochs 1e9", "--epochs 1e9: must lie between 1 and 100"),
        ("ppo --env catch --epochs 1e9", "--epochs 1e9: must lie between 1 and 100"),
        ("reinforce --env catch --value-epochs 1e9", "1e9: must lie between 1 and 100"),
        (
            "pqn --env catch --batch 100",
            "--batch 100: must divide the 512 transitions of a rollout, --rollout 32 times --n-envs 16: give 64 or 128",
        ),
        ("dqn --env asterix --time-limit 1e18", "must lie between 1 and 4294967295"),
        ("dqn --env cartpole --time-limit 1e18", "must lie between 1 and 4294967295"),
        ("dqn --env frozen-lake --time-limit -1", "must lie between 1 and 4294967295"),
        (
            "dqn --env gridworld --frame-stack 2",
            "--frame-stack 2: wraps environments whose outcomes are drawn, and those of gridworld are known",
        ),
        (
            "dqn --env gridworld --arms 2",
            "unknown option of gridworld `--arms`; there are --layout, --map, --width, --height, --noise, --living-reward,",
        ),
        (
            "dqn --env Asterix-v1",
            "unknown environment `Asterix-v1`; did you mean `MinAtar/Asterix-v",
        ),
        ("actor-critic --env pendulum --critic q", "--critic q: has one output for each action"),
        (
            "ppo --env pendulum --normalize-obs maybe",
            "--normalize-obs maybe: true or false is expected",
        ),
        ("dqn --env breakout --env-arg sticky", "--env-arg sticky: expected KEY=VALUE"),
        ("vi --env gridworld --layout aimo", "--layout aimo: one of aima, "),
        (
            "vi --env gridworld --width 3",
            "--width 3: width and height can be chosen for the layout",
        ),
        ("vi --env gridworld --noise nan", "--noise nan: a finite number is expected"),
        ("vi --env garnet --states 5.5", "--states 5.5: a whole number is expected"),
        ("vi --env garnet --env-arg seed=-1", "--env-arg seed=-1: must lie between 0 and"),
        ("vae --data stripes --side 1000000000", "--side 1000000000: must lie between 2 and 64"),
        ("vi --env gamblers-problem --heads 2", "--heads 2: the probability of heads must be"),
        ("vi --env frozen-lake --map SFX/", "--map SFX/: cannot read SFX/"),
        ("q-learning --env bandit --arms 0", "--arms 0: a bandit needs an arm"),
        (
            "dqn --env catch --config nan.toml",
            "--config nan.toml: lr = nan: must be a finite number",
        ),
        ("sample run --temperature -1", "'-1' for '--temperature <T>': a number of at least 0"),
        ("sample run --n -1", "'-1' for '--n <N>'"),
        ("eval run --episodes -3", "'-3' for '--episodes <N>'"),
        ("play run --fps -3", "'-3' for '--fps <N>'"),
        ("data show bars --n -1", "'-1' for '--n <N>'"),
        ("data get mnist --mirror example.org", "--mirror example.org: an address is expected"),
        ("data get mnist --mirror http://", "--mirror http://: an address is expected"),
        ("reproduce policy-gradient --seed -1", "'-1' for '--seed <N>'"),
        ("dqm --env catch", "unrecognized subcommand 'dqm'"),
        ("dqn --env pendulum", "--env pendulum: this algorithm chooses among numbered actions"),
        (
            "linear-q --env pendulum",
            "--env pendulum: this algorithm chooses among numbered actions",
        ),
        (
            "fitted-q --env pendulum",
            "--env pendulum: this algorithm chooses among numbered actions",
        ),
        (
            "q-learning --env pendulum",
            "--env pendulum: this algorithm chooses among numbered actions",
        ),
        ("vi --env pendulum", "--env pendulum: a planner needs to know the outcomes"),
        (
            "ppo --env catch --rollout 16 --n-envs 1 --batch 1",
            "--batch 1: one advantage less its own mean is 0, and nothing would be learned",
        ),
        (
            "actor-critic --env catch --rollout 1 --n-envs 1 --weights normalised",
            "--rollout 1: one weight less its own mean is 0, and nothing would be learned",
        ),
        (
            "reinforce --env catch --episodes 1 --n-envs 1 --returns whole --baseline mean",
            "--baseline mean: the steps of one episode all have its return",
        ),
        ("ppo --env random-walk", "--env random-walk: this environment has one action only"),
        ("dqn --env catch --lr-end 0 --lr-steps 400", "--lr-end 0: with --lr-steps 400"),
        ("ppo --env catch --clip 0", "--clip 0: must be more than 0"),
        ("ppo --env catch --optimizer-eps 0", "--optimizer-eps 0: must be more than 0"),
        ("gan --data gaussians-8 --batch 1", "--batch 1: must lie between 2 and"),
        (
            "gan --data gaussians-8 --penalty real --penalty-weight 0",
            "--penalty-weight 0: the gradient would cost nothing",
        ),
        (
            "vae --data bars --objective reconstruction --corrupt 1",
            "--corrupt 1: must be at least 0 and less than 1",
        ),
        // As it was typed, and from where it came.
        ("dqn --env catch --learning-rate 0", "error: --learning-rate 0: must be more than 0"),
        (
            "dqn --env catch --config low.toml",
            "--config low.toml: learning_rate = -0.5: must be more than 0",
        ),
        (
            "dqn --env breakout --config game.toml",
            "--config game.toml: sticky = 2.0: must lie between",
        ),
        (
            "dqn --env catch --target-update-interval 10",
            "interval 10: counts transitions: a multiple",
        ),
        ("dqn --env catch --batch 1e-1", "--batch 1e-1: a whole number is expected"),
        ("vae", "--data is missing: give one of bars, "),
        ("vae --data glyfs", "unknown data set `glyfs`; did you mean `glyphs`?"),
        ("vae --data glyphs:here", "glyphs is drawn and has no path; give --data glyphs"),
        ("vae --data folder", "say where its files are, as in --data folder:PATH"),
        ("vae --data two-moons", "--data: this model learns images, and the data are points"),
        ("vae --data stripes --side 1", "--side 1: must lie between 2 and 64"),
        (
            "vae --data stripes --classes digits",
            "--classes digits: unknown option of stripes `--classes`",
        ),
        (
            "vae --data glyphs --data-arg classes=roman",
            "--data-arg classes=roman: one of digits, letters, all is",
        ),
        ("vae --data glyphs --data-arg n_train", "--data-arg n_train: expected KEY=VALUE"),
        ("vae --data glyphs --binarisation none --n-train 9", "--binarisation none: a pixel that"),
        (
            "vae --data stripes --objective reconstruction --k 2",
            "--k 2: --objective reconstruction",
        ),
        (
            "vae --data stripes --corrupt 0.1",
            "--corrupt 0.1: it is what --objective reconstruction",
        ),
        ("vq-vae --data stripes --side 6", "--data of 6×6: the networks halve height and width"),
        ("vae --env catch", "unexpected argument '--env'"),
        ("dqn --data glyphs", "unexpected argument '--data'"),
        ("data get mnits", "unknown data set to fetch `mnits`; did you mean `mnist`?"),
    ];
    let mut wrong = Vec::new();
    for (args, sentence) in cases {
        let output = lab.run(args);
        let told = stderr(&output);
        let refused = output.status.code() == Some(2) && output.stdout.is_empty();
        if !told.contains(sentence) || !refused {
            wrong.push(format!("{args}: {}: {told}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    assert!(!lab.path("runs").exists(), "wrong usage left a run directory behind");
}

#[test]
fn what_fails_says_what_to_do_and_exits_with_1() {
    let lab = Lab::new();
    fs::write(lab.path("file"), "").unwrap();
    fs::write(lab.path("wide.toml"), b"\xff\xfel\0r\0").unwrap();
    let cases = [
        ("dqn --env catch --out file/run", "cannot create the run directory file/run"),
        ("dqn --env catch --config none.toml", "--config none.toml: cannot read none.toml"),
        ("dqn --env catch --config wide.toml", "wide.toml is in UTF-16; save it as UTF-8"),
        ("resume none", "none is not a run directory"),
        ("eval none", "none is not a run directory"),
        ("plot none", "none"),
        ("vae --data mnist:none", "there is no train-images-idx3-ubyte or "),
        ("vae --data folder:none", "cannot list "),
        ("sample none", "none is not a run directory"),
        ("data get mnist --mirror http://127.0.0.1:1", "cannot download data/mnist/train-images"),
    ];
    for (args, sentence) in cases {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(1), "{args}");
    }
    if cfg!(not(feature = "cuda")) {
        let output = lab.run("dqn --env catch --device cuda");
        assert!(stderr(&output).contains("built without CUDA"), "{}", stderr(&output));
    }
}

#[test]
fn other_hyper_parameters_are_listed_and_refused() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out run"));
    let before = fs::read(lab.path("run/run.json")).unwrap();
    for args in ["resume run --steps 900 --gamma 0.5", "resume run --gamma 0.5 --batch 8"] {
        let output = lab.run(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(
            stderr(&output).contains("  gamma: 0.99 when started, 0.5 now"),
            "{}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("batch:"), "{}", stderr(&output));
    }
    let output = lab.run(&format!("{SHORT} --out run --lr 0.5"));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("  lr: 0.001 when started, 0.5 now"), "{}", stderr(&output));
    let output = lab.run(&format!("{SHORT} --out run"));
    assert!(stderr(&output).contains("go on with `lab resume run`"), "{}", stderr(&output));
    assert_eq!(fs::read(lab.path("run/run.json")).unwrap(), before);
    // Options after a hyper-parameter count as well, and what makes no sense is refused.
    let message = lab.ok("resume run --batch 8 --gamma 0.99 --steps 700 --quiet --json");
    assert_eq!(serde_json::from_str::<Value>(&message).unwrap()["steps"], 700);
    assert_eq!(json(&lab.path("run/run.json"))["config"]["steps"], 700);
    for (args, sentence) in [
        ("resume run --batch 8 --out elsewhere", "--out: a run that is resumed stays"),
        ("resume run --steps 100", "--steps 100: the run has come to 700 already"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }

    // The same where run.json was changed by hand.
    let edited = String::from_utf8(before).unwrap().replace("\"gamma\": 0.99", "\"gamma\": 0.8");
    fs::write(lab.path("run/run.json"), edited).unwrap();
    let output = lab.run("resume run --steps 900");
    assert!(stderr(&output).contains("  gamma: 0.99 when started, 0.8 now"), "{}", stderr(&output));
}

/// Of the same shape as the run's own; `run.json` would be believed of it.
#[test]
fn a_checkpoint_of_another_run_is_used_by_nothing() {
    let lab = Lab::new();
    let learn = "--env frozen-lake --steps 200 --test-episodes 3 --quiet --out";
    lab.ok(&format!("q-learning {learn} q"));
    lab.ok(&format!("sarsa {learn} sarsa"));
    let pixels = "--data stripes --side 4 --n-train 50 --n-test 50 --steps 64 --quiet --out";
    lab.ok(&format!("made {pixels} made --hidden 4"));
    let refused = |args: &str, difference: &str| {
        let (output, message) = (lab.run(args), stderr(&lab.run(args)));
        assert_eq!(output.status.code(), Some(1), "{args}: {message}");
        assert!(
            message.contains(difference) && message.contains("belong together"),
            "{args}: {message}"
        );
    };
    let edit = |run: &str, from: &str, to: &str| {
        let path = lab.path(run).join("run.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    fs::remove_dir_all(lab.path("q/checkpoints")).unwrap();
    fs::rename(lab.path("sarsa/checkpoints"), lab.path("q/checkpoints")).unwrap();
    for args in ["eval q", "play q", "plot q --text", "plot q --solution s.json"] {
        refused(args, "  algorithm: \"sarsa\" when started, \"q-learning\" now");
    }
    fs::rename(lab.path("q/checkpoints"), lab.path("sarsa/checkpoints")).unwrap();
    lab.ok("eval sarsa --episodes 1");
    edit("sarsa", "\"map\": \"4x4\"", "\"map\": \"SFFF\\nFHFH\\nFFFH\\nHFHG\\n\"");
    refused("eval sarsa", "  env_args: ");
    edit("made", "\"seed\": 1", "\"seed\": 2");
    for args in ["eval made", "sample made", "sample made --complete"] {
        refused(args, "  seed: 1 when started, 2 now");
    }
}

#[test]
fn environments_take_their_options_as_flags() {
    let lab = Lab::new();
    fs::write(lab.path("corner.txt"), ". +10\nS .\n").unwrap();
    let rules = "--noise 0 --living-reward -1 --discount 1";
    let value = |args: &str| {
        let result: Value = serde_json::from_str(&lab.ok(&format!("{args} --json"))).unwrap();
        result["eval"]["value_start"]["mean"].as_f64().unwrap()
    };
    // Two steps, then the exit.
    assert_eq!(value(&format!("vi --env gridworld --map corner.txt {rules} --out own")), 8.0);
    fs::remove_file(lab.path("corner.txt")).unwrap();
    assert!(lab.ok("eval own --episodes 1").starts_with("return 8.00"));
    let flags = value("vi --env gridworld --layout cliff --reward entering --out flags");
    let pairs = "--env-arg layout=cliff --env-arg reward=entering";
    assert_eq!(flags, value(&format!("vi --env gridworld {pairs} --out pairs")));
    assert_eq!(
        json(&lab.path("flags/run.json"))["config"],
        json(&lab.path("pairs/run.json"))["config"]
    );
}

#[test]
fn output_is_plain_where_it_is_no_terminal() {
    let lab = Lab::new();
    let output = lab.run(SHORT);
    let message = stderr(&output);
    assert!(!message.contains('\x1b') && !message.contains('\r'), "{message}");
    assert_eq!(message.lines().count(), 7, "{message}");
    assert!(message.starts_with("dqn on catch, seed 1, on cpu with --threads "), "{message}");
    assert!(message.contains("\n100/600 transitions  "), "{message}");
    assert!(stderr(&lab.run(&format!("{SHORT} --quiet"))).is_empty());
}

#[test]
fn lists_and_help_name_everything() {
    let lab = Lab::new();
    assert!(lab.ok("list envs").contains("--sticky 0.1"));
    assert!(lab.ok("list algorithms").contains("dqn"));
    let data = lab.ok("list data");
    assert!(data.contains("glyphs  ") && data.contains("--classes all"), "{data}");
    let presets = lab.ok("list presets");
    assert!(presets.contains("dqn-breakout "), "{presets}");
    // Longer names have a space after them, too.
    assert!(presets.contains("actor-critic-cartpole ") && presets.contains("reinforce-cartpole "));
    let help = lab.ok("dqn --help");
    for flag in ["--seed", "--steps", "--device", "--threads", "--gamma", "--target-every"] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(help.contains("Transitions to train for [default: 50000]"), "{help}");
    // What a newcomer looks for.
    for words in ["learning rate", "Batch size", "Replay buffer", "target network"] {
        assert!(help.contains(words), "{words}");
    }
    assert_eq!(lab.run("").status.code(), Some(2));
}

#[test]
fn numbers_and_names_are_taken_as_users_of_other_libraries_type_them() {
    let lab = Lab::new();
    lab.ok("dqn --env catch --total-timesteps 1e2 --learning-rate 3e-4 --buffer-size 1k --batch-size 8 \
            --learning-starts 50 --train-freq 2 --target-update-interval 1_00 --test-episodes 2 --quiet --out run");
    let config = &json(&lab.path("run/run.json"))["config"];
    for (key, value) in [
        ("steps", 100),
        ("replay", 1000),
        ("batch", 8),
        ("warmup", 50),
        ("train_every", 2),
        ("target_every", 50),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!(config["lr"], 3e-4);
    assert!(lab.ok("config dqn --env CartPole-v1").contains("# preset dqn-cartpole"));
    assert!(lab.ok("config dqn --env cartpole --target none").contains("target = \"none\""));
    assert_eq!(lab.run("config dqn --env pendulum").status.code(), Some(2));
    let evaluated = lab.ok("eval run --episodes 1e1 --threads 1");
    assert!(evaluated.starts_with("return "), "{evaluated}");
    assert_eq!(lab.ok("eval run --episodes 10 --threads 2"), evaluated);
    assert_eq!(lab.run("eval run --threads 0").status.code(), Some(2));
    lab.ok("resume run --steps 1.2e2 --quiet");
    assert_eq!(json(&lab.path("run/result.json"))["steps"], 120);
}

#[test]
fn runs_are_listed_with_their_settings_and_scores() {
    let lab = Lab::new();
    for (alpha, seed) in [("0.1", 1), ("0.5", 2)] {
        lab.ok(&format!(
            "q-learning --env frozen-lake --alpha {alpha} --seed {seed} --steps 300 --test-episodes 3 --quiet"
        ));
    }
    fs::create_dir(lab.path("runs/no-run")).unwrap();
    let message = lab.ok("runs --show alpha,slippery");
    let rows: Vec<Vec<_>> =
        message.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows.len(), 3, "{message}");
    assert_eq!(rows[0][..4], ["run", "algorithm", "subject", "seed"]);
    let of = |row: &Vec<&str>| [row[1], row[3], row[4], row[5], row[6], row[8], row[9]].join(" ");
    assert_eq!(of(&rows[1]), "q-learning 1 300 finished return 0.1 true", "{message}");
    assert_eq!(of(&rows[2]), "q-learning 2 300 finished return 0.5 true", "{message}");
    let listed: Value = serde_json::from_str(&lab.ok("runs --json")).unwrap();
    assert_eq!(listed["runs"][1]["seed"], 2);
    let seeds = |options: &str| {
        let listed: Value =
            serde_json::from_str(&lab.ok(&format!("runs --json {options}"))).unwrap();
        let seeds =
            listed["runs"].as_array().unwrap().iter().map(|run| run["seed"].as_u64().unwrap());
        seeds.collect::<Vec<_>>()
    };
    assert_eq!(seeds("--where algorithm=q-learning,learning-rate=5e-1"), [2]);
    assert_eq!(seeds("--where env=frozen-lake,slippery=true,state=finished"), [1, 2]);
    assert_eq!(seeds("--where state=interrupted"), [0; 0]);
    assert_eq!(lab.ok("runs --where seed=3"), "none of 2 runs has these settings\n");
    let refused = lab.refused("runs --where foo=1");
    assert!(refused.contains("--where foo: no run has such an option"), "{refused}");
    assert!(lab.refused("runs --where seed").contains("KEY=VALUE is expected"));
    // Scores and starts as they may be; a run without a result is last.
    for (seed, start, score) in
        [(1, "2026-01-01T00:00:00Z", 0.25), (2, "2026-01-02T00:00:00Z", 0.75)]
    {
        let run = lab.path(&format!("runs/q-learning-frozen-lake-s{seed}"));
        let edit = |file: &str, change: &dyn Fn(&mut Value)| {
            let mut value = json(&run.join(file));
            change(&mut value);
            fs::write(run.join(file), value.to_string()).unwrap();
        };
        edit("run.json", &|info| info["started"] = start.into());
        edit("result.json", &|result| result["eval"]["return"]["mean"] = score.into());
    }
    assert_eq!(seeds("--sort score"), [2, 1]);
    assert_eq!(seeds("--sort time"), [2, 1]);
    let result = lab.path("runs/q-learning-frozen-lake-s2/result.json");
    let minimised = fs::read_to_string(&result).unwrap().replace("maximise", "minimise");
    fs::write(&result, minimised).unwrap();
    let one = lab.path("runs/q-learning-frozen-lake-s1/result.json");
    let minimised = fs::read_to_string(&one).unwrap().replace("maximise", "minimise");
    fs::write(&one, minimised).unwrap();
    assert_eq!(seeds("--sort score"), [1, 2]);
    fs::remove_file(&one).unwrap();
    assert_eq!(seeds("--sort score"), [2, 1]);
    assert_eq!(lab.run("runs nowhere").status.code(), Some(1));
}

#[test]
fn help_is_in_groups_and_shells_are_told_of_it() {
    let lab = Lab::new();
    let help = lab.ok("--help");
    for heading in
        ["Planning on known MDPs:", "Deep reinforcement learning:", "Generative models:", "Runs:"]
    {
        assert!(help.contains(heading), "{help}");
    }
    assert!(lab.ok("completions bash").contains("--learning-rate"));
    let page = lab.ok("man dqn");
    assert!(
        page.starts_with(".ie") && page.contains("lab\\-dqn") && page.contains("learning rate"),
        "{page}"
    );
    assert_eq!(lab.run("man dqm").status.code(), Some(2));
}

#[test]
fn a_preset_and_the_options_of_an_environment_are_shown_in_full() {
    let lab = Lab::new();
    let preset = lab.ok("list presets dqn-catch");
    assert!(preset.starts_with("# ") && preset.contains("env = \"catch\""), "{preset}");
    let message = lab.ok("list envs garnet");
    assert!(
        message.contains("--branching 3") && message.contains("Number of states that an"),
        "{message}"
    );
    assert_eq!(lab.run("list presets dqn-catsh").status.code(), Some(2));
}

#[test]
fn numbers_in_a_file_need_no_quotes() {
    let lab = Lab::new();
    fs::write(lab.path("learn.toml"), "alpha = 0.5\nsteps = 100").unwrap();
    lab.ok("q-learning --env frozen-lake --config learn.toml --quiet --out learned");
    assert_eq!(json(&lab.path("learned/run.json"))["config"]["alpha"], "0.5");
    fs::write(lab.path("plan.toml"), "gamma = 0.9").unwrap();
    lab.ok("value-iteration --env frozen-lake --config plan.toml --quiet --out planned");
    assert_eq!(json(&lab.path("planned/run.json"))["config"]["gamma"], "0.9");
    fs::write(lab.path("none.toml"), "alpha = true").unwrap();
    let refused = lab.run("q-learning --env frozen-lake --config none.toml --quiet");
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("a number or a word"), "{}", stderr(&refused));
}

#[test]
fn a_map_may_begin_with_an_exit_that_costs_and_goes_with_no_layout() {
    let lab = Lab::new();
    let solve = |options: &str| {
        let mut command = lab.command("vi --env gridworld --noise 0 --gamma 0.5 --quiet");
        command.args(options.split_whitespace()).args(["--map", "-1 S 1"]).output().unwrap()
    };
    let solved = solve("--out run");
    let message = String::from_utf8_lossy(&solved.stdout).into_owned();
    assert!(message.starts_with("value-iteration on gridworld: value_start 0.5"), "{message}");
    let refused = solve("--layout cliff");
    assert_eq!(refused.status.code(), Some(2));
    let message = stderr(&refused);
    assert!(message.contains("--layout") && message.contains("give one of them"), "{message}");
}

#[test]
fn clean_deletes_runs_without_a_result_and_nothing_else() {
    let lab = Lab::new();
    assert_eq!(lab.ok("clean"), "nothing to delete\n");
    for seed in 1..=4 {
        lab.ok(&format!(
            "q-learning --env frozen-lake --seed {seed} --steps 200 --test-episodes 3 --quiet"
        ));
    }
    let run = |seed: u64| lab.path(&format!("runs/q-learning-frozen-lake-s{seed}"));
    fs::create_dir(lab.path("runs/no-run")).unwrap();
    fs::write(lab.path("runs/no-run/notes.txt"), "kept").unwrap();
    [1, 2, 3].iter().for_each(|seed| fs::remove_file(run(*seed).join("result.json")).unwrap());
    fs::create_dir(run(2).join("notes")).unwrap();
    let held = fs::File::open(run(3).join("lock")).unwrap();
    held.lock().unwrap();
    let refused = lab.refused("clean");
    assert!(refused.contains("standard input is no terminal; give --yes"), "{refused}");
    assert!(run(1).exists());
    let told = lab.ok("clean --yes");
    for expected in [
        "kept: runs/q-learning-frozen-lake-s2 holds runs/q-learning-frozen-lake-s2/notes, which is not of a run",
        "kept: another process is training in runs/q-learning-frozen-lake-s3",
        "runs/q-learning-frozen-lake-s1  q-learning on frozen-lake, seed 1: no result; can be resumed from step 200",
        "deleted 1 run, ",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    assert!(!run(1).exists() && [2, 3, 4].iter().all(|seed| run(*seed).exists()));
    drop(held);
    // What is named is deleted, with its result too; what is no run is not.
    let told = lab.ok("clean runs/q-learning-frozen-lake-s4 --yes");
    assert!(told.contains("seed 4: with a result") && !run(4).exists(), "{told}");
    assert!(run(3).exists());
    assert_eq!(lab.ok("clean runs/no-run --yes"), "nothing to delete\n");
    assert_eq!(fs::read_to_string(lab.path("runs/no-run/notes.txt")).unwrap(), "kept");
    assert_eq!(lab.run("clean nowhere --yes").status.code(), Some(1));
}
