//! Fetching the public sets: from the first mirror that answers, resumed where it broke off, checked
//! by SHA-256 before a file takes its name.
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Response, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

/// A set that can be fetched.
pub struct Download {
    /// What `lab data get` takes, and `--data` before the colon.
    pub name: &'static str,
    /// Its files.
    pub files: &'static [Remote],
    /// Addresses that the files' names are appended to, in the order in which they are tried.
    pub mirrors: &'static [&'static str],
}

/// A file of a set.
pub struct Remote {
    /// Its name, there and here.
    pub name: &'static str,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
}

const fn remote(name: &'static str, bytes: u64, sha256: &'static str) -> Remote {
    Remote { name, bytes, sha256 }
}

/// The sets that can be fetched.
pub const DOWNLOADS: &[Download] = &[
    Download {
        name: "cifar-10",
        files: &[remote(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        )],
        mirrors: &["https://www.cs.toronto.edu/~kriz/"],
    },
    Download {
        name: "fashion-mnist",
        files: &[
            remote(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            remote(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            remote(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            remote(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ],
        mirrors: &[
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ],
    },
    Download {
        name: "mnist",
        files: &[
            remote(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            remote(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            remote(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            remote(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ],
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
    },
];

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// It was there already.
    There,
    /// It was fetched.
    Fetched,
}

impl Download {
    /// Brings the files into `dir`, from `mirror` alone where one is given, and says of each what
    /// became of it. What is half-way here is kept as `….partial` and gone on with the next time.
    ///
    /// # Errors
    /// Names the file, and what each mirror had against it.
    pub fn get(
        &self,
        dir: &Path,
        mirror: Option<&str>,
        mut tell: impl FnMut(&Remote, Got),
    ) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let mirrors = mirror.as_ref().map_or(self.mirrors, std::slice::from_ref);
        for file in self.files {
            tell(file, file.get(dir, mirrors)?);
        }
        Ok(())
    }
}

impl Remote {
    fn get(&self, dir: &Path, mirrors: &[&str]) -> Result<Got> {
        let path = dir.join(self.name);
        if path.exists() {
            ensure!(
                self.is(&path)?,
                "{} is there, but is not the file that is published (its SHA-256 differs); move it \
                 away, or use it as it is",
                path.display()
            );
            return Ok(Got::There);
        }
        let mut why = Vec::new();
        for mirror in mirrors {
            match self.fetch(&path, mirror) {
                Ok(()) => return Ok(Got::Fetched),
                Err(error) => why.push(format!("{}: {error:#}", self.url(mirror))),
            }
        }
        bail!("cannot download {}: {}", path.display(), why.join("; "))
    }

    fn url(&self, mirror: &str) -> String {
        format!("{}/{}", mirror.trim_end_matches('/'), self.name)
    }

    /// Fetches what is missing, and gives the file its name once it is right.
    fn fetch(&self, path: &Path, mirror: &str) -> Result<()> {
        let partial = path.with_file_name(format!("{}.partial", self.name));
        let there = fs::metadata(&partial).map_or(0, |file| file.len());
        if there < self.bytes {
            let response = ask(&self.url(mirror), there)?;
            // Whoever ignores the range sends the file from its beginning.
            let resumes = response.status() == StatusCode::PARTIAL_CONTENT;
            ensure!(
                !resumes || begins_at(&response, there),
                "it sent another part than was asked for"
            );
            let mut file = OpenOptions::new()
                .create(true)
                .append(resumes)
                .write(true)
                .truncate(!resumes)
                .open(&partial)
                .with_context(|| format!("cannot write {}", partial.display()))?;
            let left = if resumes { self.bytes - there } else { self.bytes };
            // A byte more than is expected shows that it is another file.
            let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
            let copied = std::io::copy(&mut body.by_ref().take(left + 1), &mut file);
            file.flush().and_then(|()| file.sync_all())?;
            let copied = copied.with_context(|| self.cut_short(&partial))?;
            ensure!(copied >= left, self.cut_short(&partial));
        }
        let right = self.is(&partial)?;
        if !right {
            let bytes = fs::metadata(&partial)?.len();
            fs::remove_file(&partial)?;
            ensure!(
                bytes == self.bytes,
                "it is not the file that is expected: more than {} bytes",
                self.bytes
            );
            bail!("it is not the file that is expected: its SHA-256 is not {}", self.sha256)
        }
        fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn cut_short(&self, partial: &Path) -> String {
        let bytes = fs::metadata(partial).map_or(0, |file| file.len());
        format!(
            "it broke off after {bytes} of {} bytes; the same command goes on from there",
            self.bytes
        )
    }

    /// Whether the file at `path` has the right bits.
    fn is(&self, path: &Path) -> Result<bool> {
        let mut hash = Sha256::new();
        File::open(path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hash))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(hex == self.sha256)
    }
}

/// Asks for what is at `url`, from byte `from` on.
fn ask(url: &str, from: u64) -> Result<Response<Body>> {
    ensure!(
        !url.starts_with("https://") || can_encrypt(),
        "this processor is too old for the encryption that https needs; give a --mirror with http:// \
         (the checksum tells whether the file is right), or download it by other means"
    );
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls_graviola::default_provider()));
    let agent: Agent = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .into();
    let request = agent.get(url);
    let request = match from {
        0 => request,
        from => request.header("Range", format!("bytes={from}-")),
    };
    let response = request.call()?;
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
        status => bail!("it answered {status}"),
    }
}

/// Whether an answer to a range begins where it should.
fn begins_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// Whether the processor has what the cryptography in use asks for, which otherwise panics.
#[cfg(target_arch = "x86_64")]
fn can_encrypt() -> bool {
    is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx")
}

/// Whether the processor has what the cryptography in use asks for, which otherwise panics.
#[cfg(target_arch = "aarch64")]
fn can_encrypt() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::thread;

    const CONTENTS: &[u8] = b"hello world";

    const FILES: &[Remote] = &[remote(
        "greeting.txt",
        11,
        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    )];

    /// How a server behaves, and what it was asked.
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
                    stream.write_all(&answer(&request)).unwrap();
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
                let range = format!(
                    "content-range: bytes {from}-10/11\r\ncontent-length: {}\r\n",
                    11 - from
                );
                answer("206 Partial Content", &range, &CONTENTS[from..])
            }
        }
    }

    /// Fetches the greeting into `dir`.
    fn get(dir: &Path, mirrors: &[&str]) -> Result<Got> {
        FILES[0].get(dir, mirrors)
    }

    /// What lies in a directory.
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
        let download =
            Download { name: "greeting", files: FILES, mirrors: &["http://127.0.0.1:1"] };
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
        assert!(
            server.asked()[0].to_lowercase().contains("range: bytes=4-"),
            "{:?}",
            server.asked()
        );
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
            (&long, "it is not the file that is expected: more than 11 bytes"),
            (&absent, "it answered 404 Not Found"),
        ] {
            let told = get(dir.path(), &[&server.address]).unwrap_err().to_string();
            assert!(told.contains(sentence) && told.contains(&server.address), "{told}");
            assert!(there(dir.path()).is_empty());
        }
        fs::write(dir.path().join("greeting.txt.partial"), "he").unwrap();
        let told = get(dir.path(), &[&shifted.address]).unwrap_err().to_string();
        assert!(told.contains("it sent another part than was asked for"), "{told}");
        let server = Server::start(honest);
        let mirrors = [&absent, &wrong, &server].map(|server| server.address.as_str());
        assert_eq!(get(dir.path(), &mirrors).unwrap(), Got::Fetched);
        assert_eq!(there(dir.path()), whole());
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
}
