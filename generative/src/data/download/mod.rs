//! Fetching the public sets: from the first mirror that answers, resumed where it broke off, checked
//! by SHA-256 before a file takes its name. An answer that can't be the file is thrown away.
mod answer;
mod patience;
mod transfer;

use anyhow::{Context, Result};
use patience::Patience;
use std::fs;
use std::path::Path;

/// A set that can be fetched.
pub struct Download {
    /// Name for `lab data get`, and for `--data` before the colon.
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

/// Outcome of a download, per file.
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
            tell(file, file.get(dir, mirrors, &Patience::DEFAULT)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
