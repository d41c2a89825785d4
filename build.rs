//! Tells the binary which commit it was built from; `unknown` outside a checkout.
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    let head = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = head.ok().filter(|head| head.status.success()).map(|head| head.stdout);
    let commit = commit.and_then(|commit| String::from_utf8(commit).ok());
    println!("cargo::rustc-env=LAB_COMMIT={}", commit.as_deref().unwrap_or("unknown").trim());
}
