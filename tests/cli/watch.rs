//! `lab watch`: a report that follows its runs.
use super::Lab;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

struct Watch {
    child: Child,
    port: u16,
}

impl Watch {
    fn start(lab: &Lab, runs: &str) -> Self {
        let mut child = lab.command(&format!("watch {runs}")).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().next().unwrap();
        let port = address.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
        Self { child, port }
    }

    /// Status, headers and body of an answer.
    fn get(&self, path: &str, host: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }

    fn ok(&self, path: &str) -> (String, String) {
        let (status, head, body) = self.get(path, &format!("127.0.0.1:{}", self.port));
        assert_eq!(status, 200, "{path}: {head}");
        (head, String::from_utf8_lossy(&body).into_owned())
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path, &format!("localhost:{}", self.port)).0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_page_follows_its_runs() {
    let lab = Lab::new();
    lab.ok("value-iteration --env gridworld --quiet --out run");
    fs::write(lab.path("secret.png"), "secret").unwrap();
    let watch = Watch::start(&lab, "run");
    let (_, page) = watch.ok("/");
    assert!(page.contains("<h2>Curves</h2>") && page.contains("value-iteration on gridworld"));
    assert!(page.contains("class=\"frames\""), "the sweeps have a slider");
    let version =
        page.split("data-version=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(watch.status(&format!("/page?version={version}")), 304);

    let mut rows = fs::OpenOptions::new().append(true).open(lab.path("run/metrics.jsonl")).unwrap();
    rows.write_all(
        b"{\"step\": 999, \"planning/new\": 1.5}\n{\"step\": 1000, \"planning/new\": 2.5}\n",
    )
    .unwrap();
    let (head, body) = watch.ok(&format!("/page?version={version}"));
    assert!(body.contains("planning/new") && !body.contains("<html"));
    let next = head.lines().find_map(|line| line.strip_prefix("X-Version: ")).unwrap();
    assert!(next != version && watch.status(&format!("/page?version={next}")) == 304);

    let figure = page.split("src=\"/figure/").nth(1).unwrap().split('"').next().unwrap();
    let (head, data) = watch.ok(&format!("/figure/{figure}"));
    assert!(head.contains("Content-Type: image/") && data.len() > 100, "{head}");
    for path in [
        "/figure/0/../secret.png/0",
        "/figure/0/run.json/0",
        "/figure/9/values.png/0",
        "/figure/x/y/0",
        "/else",
    ] {
        assert_eq!(watch.status(path), 404, "{path}");
    }
    // A page from elsewhere, whose name was made to lead here.
    assert_eq!(watch.get("/", "evil.example").0, 403);
}

#[test]
fn what_is_no_run_is_not_watched() {
    let lab = Lab::new();
    let output = lab.run("watch nowhere");
    let told = super::stderr(&output);
    assert!(told.contains("nowhere is not a run directory"), "{told}");
}
