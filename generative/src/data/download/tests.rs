use super::patience::Patience;
use super::*;
use std::io::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const CONTENTS: &[u8] = b"hello world";

const FILES: &[Remote] = &[remote(
    "greeting.txt",
    11,
    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
)];

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    stall: Duration::from_millis(400),
    overall: Duration::from_millis(800),
    rate: 1 << 40,
};

/// A server's behaviour, and the requests it has received.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request, given as its lines, by `answer`.
    fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(&stream).lines().map(Result::unwrap);
                let request: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let request = request.join("\n");
                heard.lock().unwrap().push(request.clone());
                // Who has read enough of an endless answer hangs up; the next request is answered all the same.
                let _ = stream.write_all(&answer(&request));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A well-behaved answer.
fn honest(request: &str) -> Vec<u8> {
    let from = request.lines().find_map(|line| {
        let range = line.strip_prefix("range: bytes=").or(line.strip_prefix("Range: bytes="))?;
        range.strip_suffix('-')?.parse::<usize>().ok()
    });
    match from {
        None => answer("200 OK", "content-length: 11\r\n", CONTENTS),
        Some(from) => {
            let range =
                format!("content-range: bytes {from}-10/11\r\ncontent-length: {}\r\n", 11 - from);
            answer("206 Partial Content", &range, &CONTENTS[from..])
        }
    }
}

/// Fetches the greeting into `dir`.
fn get(dir: &Path, mirrors: &[&str]) -> Result<Got> {
    FILES[0].get(dir, mirrors, &PATIENCE)
}

/// Names and contents of the files in a directory.
fn there(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let file = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    let mut all: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| file(&entry.unwrap().path())).collect();
    all.sort();
    all
}

fn whole() -> Vec<(String, Vec<u8>)> {
    vec![("greeting.txt".to_owned(), CONTENTS.to_vec())]
}

#[test]
fn a_file_is_fetched_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(honest);
    let download = Download { name: "greeting", files: FILES, mirrors: &["http://127.0.0.1:1"] };
    let within = dir.path().join("a/b");
    let mut told = Vec::new();
    for _ in 0..2 {
        download
            .get(&within, Some(&server.address), |file, got| told.push((file.name, got)))
            .unwrap();
    }
    assert_eq!(told, [("greeting.txt", Got::Fetched), ("greeting.txt", Got::There)]);
    assert_eq!(there(&within), whole());
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("GET /greeting.txt HTTP/1.1"), "{asked:?}");
}

#[test]
fn what_broke_off_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let breaks = Server::start(|_| answer("200 OK", "content-length: 11\r\n", &CONTENTS[..4]));
    let told = get(dir.path(), &[&breaks.address]).unwrap_err().to_string();
    assert!(told.starts_with("cannot download ") && told.contains("greeting.txt"), "{told}");
    assert!(told.contains("it broke off after 4 of 11 bytes"), "{told}");
    assert_eq!(there(dir.path()), [("greeting.txt.partial".to_owned(), b"hell".to_vec())]);
    let server = Server::start(honest);
    assert_eq!(get(dir.path(), &[&server.address]).unwrap(), Got::Fetched);
    assert!(server.asked()[0].to_lowercase().contains("range: bytes=4-"), "{:?}", server.asked());
    assert_eq!(there(dir.path()), whole());
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("greeting.txt.partial"), "hexx").unwrap();
    let server = Server::start(|_| honest(""));
    get(dir.path(), &[&server.address]).unwrap();
    assert_eq!(there(dir.path()), whole());
}

#[test]
fn a_wrong_file_leaves_nothing_and_the_next_mirror_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = Server::start(|_| answer("200 OK", "content-length: 11\r\n", b"hello wurld"));
    let long = Server::start(|_| answer("200 OK", "content-length: 12\r\n", b"hello world!"));
    let absent = Server::start(|_| answer("404 Not Found", "content-length: 0\r\n", b""));
    let shifted = Server::start(|_| {
        answer("206 Partial Content", "content-range: bytes 3-10/11\r\n", &CONTENTS[3..])
    });
    for (server, sentence) in [
        (&wrong, "it is not the file that is expected: its SHA-256 is not b94d27b9"),
        (&long, "it is not the file that is expected: 12 bytes, not 11"),
        (&absent, "it answered 404 Not Found"),
    ] {
        let told = get(dir.path(), &[&server.address]).unwrap_err().to_string();
        assert!(told.contains(sentence) && told.contains(&server.address), "{told}");
        assert!(there(dir.path()).is_empty());
    }
    fs::write(dir.path().join("greeting.txt.partial"), "he").unwrap();
    let told = get(dir.path(), &[&shifted.address]).unwrap_err().to_string();
    assert!(told.contains("it sent a part, and the whole was asked for"), "{told}");
    let server = Server::start(honest);
    let mirrors = [&absent, &wrong, &server].map(|server| server.address.as_str());
    assert_eq!(get(dir.path(), &mirrors).unwrap(), Got::Fetched);
    assert_eq!(there(dir.path()), whole());
}

/// Answers of a captive portal that asks for a password, or of a broken mirror.
#[test]
fn a_short_wrong_or_endless_answer_leaves_nothing_behind() {
    const PAGE: &[u8] = b"<html>in";
    let sized = |body: &'static [u8]| {
        move |_: &str| answer("200 OK", &format!("content-length: {}\r\n", body.len()), body)
    };
    let unsized_ = |body: &'static [u8]| move |_: &str| answer("200 OK", "", body);
    let page = Server::start(sized(PAGE));
    let closed = Server::start(unsized_(PAGE));
    let empty = Server::start(sized(b""));
    let chunked = Server::start(|_| {
        answer("200 OK", "transfer-encoding: chunked\r\n", b"8\r\n<html>in\r\n0\r\n\r\n")
    });
    let endless = Server::start(|_| answer("200 OK", "", &CONTENTS.repeat(100_000)));
    for (server, sentence) in [
        (&page, "it is not the file that is expected: 8 bytes, not 11"),
        (&empty, "it is not the file that is expected: 0 bytes, not 11"),
        (&closed, "it is not the file that is expected, or broke off: 8 bytes, not 11"),
        (&chunked, "it is not the file that is expected, or broke off: 8 bytes, not 11"),
        (&endless, "it is not the file that is expected: more than 11 bytes"),
    ] {
        for half in ["", "hello "] {
            let dir = tempfile::tempdir().unwrap();
            let partial = dir.path().join("greeting.txt.partial");
            fs::write(&partial, half).unwrap();
            let told = get(dir.path(), &[&server.address]).unwrap_err().to_string();
            assert!(told.contains(sentence), "{told}");
            // What was half-way here before stays, and is gone on with at once.
            let left = there(dir.path());
            assert_eq!(left.len(), usize::from(!half.is_empty()), "{left:?}");
            assert!(left.iter().all(|(_, contents)| contents == half.as_bytes()), "{left:?}");
            let honest = Server::start(honest);
            assert_eq!(get(dir.path(), &[&server.address, &honest.address]).unwrap(), Got::Fetched);
            assert_eq!(there(dir.path()), whole());
        }
    }
}

#[test]
fn a_wrong_beginning_is_found_out_and_fetched_again_at_once() {
    for wrong in ["hexx", "hello wurld", "hello world, and more"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("greeting.txt.partial"), wrong).unwrap();
        let server = Server::start(honest);
        assert_eq!(get(dir.path(), &[&server.address]).unwrap(), Got::Fetched, "{wrong}");
        assert_eq!(there(dir.path()), whole());
    }
}

#[test]
fn a_part_is_taken_only_where_it_is_the_rest() {
    for (range, length) in [
        ("bytes 3-10/11", 8),
        ("bytes 2-9/11", 8),
        ("bytes 2-10/12", 9),
        ("bytes 2-10/11", 8),
        ("bytes */11", 9),
        ("pages 2-10/11", 9),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("greeting.txt.partial"), "he").unwrap();
        let server =
            Server::start(move |request| match request.to_lowercase().contains("range: ") {
                true => answer(
                    "206 Partial Content",
                    &format!("content-range: {range}\r\ncontent-length: {length}\r\n"),
                    &[b'x'; 9][..length],
                ),
                false => honest(request),
            });
        assert_eq!(get(dir.path(), &[&server.address]).unwrap(), Got::Fetched, "{range}");
        assert_eq!((there(dir.path()), server.asked().len()), (whole(), 2), "{range}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("greeting.txt.partial"), "he").unwrap();
    let refuses = Server::start(|request| match request.to_lowercase().contains("range: ") {
        true => answer("416 Range Not Satisfiable", "content-length: 0\r\n", b""),
        false => honest(request),
    });
    assert_eq!(get(dir.path(), &[&refuses.address]).unwrap(), Got::Fetched);
}

/// Sends a byte, or nothing, again and again.
#[test]
fn a_server_that_stalls_or_drips_is_left_for_the_next_one() {
    let slow = |every: u64| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = answer("200 OK", "content-length: 11\r\n", b"");
            let mut sent = stream.write_all(&head);
            for byte in CONTENTS {
                sent = sent.and_then(|()| stream.write_all(&[*byte]));
                thread::sleep(Duration::from_millis(every));
            }
        });
        address
    };
    for (every, sentence) in [(300, "it took longer than 800ms"), (1500, "timeout")] {
        let dir = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let told = get(dir.path(), &[&slow(every)]).unwrap_err().to_string();
        assert!(told.contains("it broke off after ") && told.contains(sentence), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(3));
        let honest = Server::start(honest);
        assert_eq!(get(dir.path(), &[&slow(every), &honest.address]).unwrap(), Got::Fetched);
        assert!(honest.asked()[0].to_lowercase().contains("range: bytes="), "{:?}", honest.asked());
        assert_eq!(there(dir.path()), whole());
    }
}

#[test]
fn two_at_once_do_not_write_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let partial = fs::File::create(dir.path().join("greeting.txt.partial")).unwrap();
    partial.lock().unwrap();
    let server = Server::start(honest);
    let told = get(dir.path(), &[&server.address]).unwrap_err().to_string();
    assert!(told.contains("another process is fetching it"), "{told}");
    drop(partial);
    assert_eq!(get(dir.path(), &[&server.address]).unwrap(), Got::Fetched);
}

#[test]
fn a_file_of_ones_own_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("greeting.txt"), "mine").unwrap();
    let told = get(dir.path(), &["http://127.0.0.1:1"]).unwrap_err().to_string();
    assert!(
        told.contains("greeting.txt is there, but is not the file that is published"),
        "{told}"
    );
    assert_eq!(there(dir.path()), [("greeting.txt".to_owned(), b"mine".to_vec())]);
}

/// Nobody listens on port 1: the encryption is set up, and the answer is an error, not a panic.
#[test]
fn encrypted_addresses_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let told = get(dir.path(), &["https://127.0.0.1:1/a/"]).unwrap_err().to_string();
    assert!(told.contains("https://127.0.0.1:1/a/greeting.txt: "), "{told}");
    assert!(there(dir.path()).is_empty());
}

#[test]
fn the_table_is_in_order_and_each_sum_is_one() {
    assert!(DOWNLOADS.is_sorted_by(|a, b| a.name < b.name));
    for file in DOWNLOADS.iter().flat_map(|download| download.files) {
        assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
