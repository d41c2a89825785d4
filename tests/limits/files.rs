//! Files that are none.
use super::*;

/// A pipe that nobody writes into, a device without an end, a folder, and a file larger than any of its kind.
fn strange(folder: &Folder) -> Vec<(String, &'static str)> {
    let made = Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap();
    assert!(made.success());
    fs::create_dir_all(folder.path("folder.d")).unwrap();
    fs::File::create(folder.path("huge.txt")).unwrap().set_len(1 << 40).unwrap();
    [
        ("./pipe", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("./folder.d", "it is a directory"),
        ("./huge.txt", "is longer than"),
    ]
    .map(|(path, why)| (path.to_owned(), why))
    .to_vec()
}

fn refused(folder: &Folder, args: &str, why: &str) {
    let output = folder.run(args, 10);
    assert!(matches!(output.code, Some(1 | 2)), "{args}: {:?} {}", output.code, output.text);
    assert!(output.text.contains(why), "{args}: {}", output.text);
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = Folder::new();
    for (path, why) in strange(&folder) {
        refused(&folder, &format!("q-learning --env frozen-lake --config {path}"), why);
        refused(&folder, &format!("vi --env gridworld --map {path}"), why);
        refused(&folder, &format!("td --env random-walk --policy {path}"), why);
    }
}

/// A run of two checkpoints.
fn run(folder: &Folder) {
    let args = "q-learning --env gridworld --layout tiny --steps 200 --save-every 100 --test-episodes 1 --out run";
    assert_eq!(folder.run(args, 20).code, Some(0));
}

#[test]
fn what_a_run_holds_is_read_where_it_is_a_file() {
    let folder = Folder::new();
    run(&folder);
    for (path, why) in strange(&folder) {
        for (file, args) in
            [("run.json", "eval run"), ("metrics.jsonl", "plot run"), ("run.json", "resume run")]
        {
            let (file, retained) = (folder.path(&format!("run/{file}")), folder.path("kept"));
            fs::rename(&file, &retained).unwrap();
            std::os::unix::fs::symlink(folder.0.path().join(&path), &file).unwrap();
            refused(&folder, args, why);
            fs::remove_file(&file).unwrap();
            fs::rename(&retained, &file).unwrap();
        }
    }
    assert_eq!(folder.run("resume run", 20).code, Some(0));
}

#[test]
fn a_manifest_names_files_of_its_directory_alone() {
    let folder = Folder::new();
    run(&folder);
    let newest = folder.path("run/checkpoints/step-000000000200");
    let manifest = newest.join("manifest.json");
    let sound = fs::read_to_string(&manifest).unwrap();
    assert!(Command::new("mkfifo").arg(newest.join("pipe")).status().unwrap().success());
    fs::create_dir(newest.join("folder.d")).unwrap();
    std::os::unix::fs::symlink("model.bin", newest.join("link")).unwrap();
    for name in [
        "/etc/hostname",
        "../step-000000000100/model.bin",
        "pipe",
        "folder.d",
        "link",
        "..",
        "",
        "/dev/zero",
        "a/../model.bin",
    ] {
        let text = sound.replacen("\"seen.json\"", &format!("{name:?}"), 1);
        assert_ne!(text, sound);
        fs::write(&manifest, text).unwrap();
        let output = folder.run("resume run", 10);
        assert_eq!(output.code, Some(0), "{name}: {}", output.text);
        assert!(output.text.contains("falling back to"), "{name}: {}", output.text);
        // It has trained from the older one, and saved a sound one again.
        assert!(fs::read_to_string(&manifest).unwrap().contains("seen.json"), "{name}");
        for (made, how) in [("pipe", "mkfifo"), ("folder.d", "mkdir")] {
            _ = Command::new(how).arg(newest.join(made)).stderr(Stdio::null()).status().unwrap();
        }
        _ = std::os::unix::fs::symlink("model.bin", newest.join("link"));
    }
}
