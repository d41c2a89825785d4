//! Studies through the schedulers of clusters: Slurm and HyperQueue, the real ones, on this machine. Skipped where they are not.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs of a few seconds each.
const STUDY: &str = "dqn --env catch --steps 10000 --log-every 500 --eval-every 2500 --save-every 250 --warmup 100 \
                     --hidden 16 --batch 8 --eval-episodes 2 --test-episodes 3 --seeds 1..4";

fn lab(dir: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(line.split_whitespace()).current_dir(dir).output().unwrap()
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Results of a study, timing and places aside.
fn outcome(study: &Path) -> Value {
    let text = fs::read(study.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&text).unwrap();
    let run = |run: &Value| (run["seed"].clone(), run["params_hash"].clone(), run["eval"].clone());
    let runs: Vec<_> = summary["runs"].as_array().unwrap().iter().map(run).collect();
    serde_json::json!([runs, summary["summary"], summary["missing"], summary["failed"]])
}

/// A study that no scheduler has seen.
fn whole(dir: &Path) -> Value {
    ok(&lab(dir, &format!("{STUDY} --quiet --out whole")));
    outcome(&dir.join("whole"))
}

fn there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn a_study_through_slurm_with_a_job_that_is_requeued() {
    if !["sbatch", "slurmctld", "munged"].into_iter().all(there) {
        return println!("skipped: no Slurm (slurm-wlm and munge of Debian)");
    }
    let dir = tempfile::tempdir().unwrap();
    let expected = whole(dir.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/slurm.sh");
    // The job that was requeued is begun again within two minutes.
    let commands = format!(
        "set -e
         \"$LAB\" {STUDY} --quiet --out study --on slurm --jobs 2 --on-options '--time=30'
         until ls study/*/checkpoints/step-* >/dev/null 2>&1; do sleep 0.05; done
         scontrol requeue \"$(squeue --noheader --format=%A | tail -1)\"
         for _ in $(seq 1800); do
             if [ -z \"$(squeue --noheader)\" ]; then break; fi
             scontrol release all >/dev/null 2>&1 || true
             sleep 0.1
         done
         squeue"
    );
    let output = Command::new("bash")
        .arg(script)
        .arg(dir.path().join("slurm"))
        .args(["bash", "-c", &commands])
        .env("LAB", env!("CARGO_BIN_EXE_lab"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    let told = ok(&output);
    assert!(told.contains("Submitted batch job"), "{told}");
    let logs: String = ["1", "2"]
        .map(|task| {
            fs::read_to_string(dir.path().join(format!("study/worker-{task}.log"))).unwrap()
        })
        .concat();
    assert!(logs.contains("4 of 4 runs are done"), "{logs} {told}");
    ok(&lab(dir.path(), "resume study --quiet"));
    assert_eq!(outcome(&dir.path().join("study")), expected);
}

/// A Python with HyperQueue's server and workers.
fn hyperqueue() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hyperqueue");
    let python = dir.join("bin/python");
    let run = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{args:?}: {told}")) }
    };
    let there = || run(&python, &["-c", "import hyperqueue"]);
    if there().is_err() {
        run(Path::new("python3"), &["-m", "venv", &dir.display().to_string()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "hyperqueue"])?;
        there()?;
    }
    Ok(python)
}

/// Two workers of HyperQueue, one of which is lost while it makes a run.
const HYPERQUEUE: &str = "
import glob, os, signal, sys, time
from hyperqueue import Job
from hyperqueue.cluster import LocalCluster, WorkerConfig

lab = sys.argv[1]
with LocalCluster() as cluster:
    cluster.start_worker(WorkerConfig(cores=1))
    cluster.start_worker(WorkerConfig(cores=1))
    client = cluster.client()
    job = Job(default_workdir=os.getcwd())
    for i in range(2):
        job.program([lab, 'worker', 'study', '--threads', '1'], stdout=f'worker-{i}.log', stderr=f'worker-{i}.err')
    submitted = client.submit(job)
    while not glob.glob('study/*/checkpoints/step-*'):
        time.sleep(0.05)
    # One of lab's workers dies with all that it has begun.
    victim = next(
        int(pid) for pid in os.listdir('/proc') if pid.isdigit() and os.path.exists(f'/proc/{pid}/cmdline')
        and b'worker\\0study\\0--threads' in open(f'/proc/{pid}/cmdline', 'rb').read()
    )
    os.kill(victim, signal.SIGKILL)
    failed = client.wait_for_jobs([submitted], raise_on_error=False)
    print('over', flush=True)
    again = Job(default_workdir=os.getcwd())
    again.program([lab, 'worker', 'study', '--threads', '1'], stdout='again.log', stderr='again.err')
    client.wait_for_jobs([client.submit(again)])
";

#[test]
fn a_study_through_hyperqueue_with_a_worker_that_is_killed() {
    let python = match hyperqueue() {
        Ok(python) => python,
        Err(why) => return println!("skipped: {why}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let expected = whole(dir.path());
    fs::create_dir(dir.path().join("study")).unwrap();
    fs::copy(dir.path().join("whole/study.json"), dir.path().join("study/study.json")).unwrap();
    let output = Command::new(python)
        .args(["-c", HYPERQUEUE, env!("CARGO_BIN_EXE_lab")])
        .current_dir(dir.path())
        .output()
        .unwrap();
    ok(&output);
    let told = fs::read_to_string(dir.path().join("again.log")).unwrap();
    assert_eq!(told, "4 of 4 runs are done\n");
    ok(&lab(dir.path(), "resume study --quiet"));
    assert_eq!(outcome(&dir.path().join("study")), expected);
}

/// `hq` itself is not in the package of Python: a program of that name writes down what it is asked.
#[test]
fn hyperqueue_is_asked_for_an_array_of_workers() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("hq");
    fs::write(
        &program,
        "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done > asked\necho submitted\n",
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let line = "ppo --env catch --seeds 1..3 --threads 2 --on hq --out study --quiet --on-options";
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(line.split_whitespace())
        .args(["--time-limit 1h"])
        .env("PATH", path)
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(ok(&output).starts_with("submitted\nits workers make study\n"));
    let asked = fs::read_to_string(dir.path().join("asked")).unwrap();
    let asked: Vec<_> = asked.lines().collect();
    assert_eq!(
        asked[..8],
        ["submit", "--time-limit", "1h", "--array", "1-3", "--cpus", "2", "--name"]
    );
    assert!(asked.ends_with(&["--threads", "2", "--device", "auto"]), "{asked:?}");
    let output = lab(dir.path(), "ppo --env catch --seeds 1..3 --on hq --out other");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("hq was not found: ") && told.contains("lab worker other"), "{told}");
}
