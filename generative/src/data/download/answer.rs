//! Asking a server, and whether its answer can be the file.
use super::patience::Patience;
use anyhow::{Result, bail, ensure};
use std::sync::Arc;
use ureq::http::{Response, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

/// Answer of a server to a request for a file.
pub(super) struct Answer {
    pub(super) body: Body,
    /// The byte of the file that it begins with.
    pub(super) from: u64,
    /// It says that it goes on to the end of the file: where it breaks off, the rest can be asked for.
    pub(super) sized: bool,
}

/// Asks for a file of `bytes` bytes at `url`, from byte `from` on, or from its beginning where the server has
/// no such part.
///
/// # Errors
/// If the answer is not of that file.
pub(super) fn ask(url: &str, from: u64, bytes: u64, patience: &Patience) -> Result<Answer> {
    if from > 0 {
        let response = request(url, from, patience)?;
        if response.status() == StatusCode::PARTIAL_CONTENT && is_the_rest(&response, from, bytes) {
            return Ok(Answer { body: response.into_body(), from, sized: true });
        }
        if response.status() == StatusCode::OK {
            return whole(response, bytes);
        }
        // Another part than was asked for, or none: it may still have the whole file.
    }
    whole(request(url, 0, patience)?, bytes)
}

/// An answer that must be the file from its beginning.
fn whole(response: Response<Body>, bytes: u64) -> Result<Answer> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::PARTIAL_CONTENT => bail!("it sent a part, and the whole was asked for"),
        status => bail!("it answered {status}"),
    }
    let length = length(&response);
    ensure!(
        length.is_none_or(|length| length == bytes),
        "it is not the file that is expected: {} bytes, not {bytes}",
        length.unwrap_or_default()
    );
    Ok(Answer { body: response.into_body(), from: 0, sized: length.is_some() })
}

/// Returns `true` if a part goes from byte `from` to the end of a file of `bytes`.
fn is_the_rest(response: &Response<Body>, from: u64, bytes: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    let part = format!("bytes {from}-{}/", bytes - 1);
    let total = range.and_then(|range| range.trim().strip_prefix(&part));
    let whole = total.is_some_and(|total| total == "*" || total.parse() == Ok(bytes));
    whole && length(response).is_none_or(|length| length == bytes - from)
}

fn length(response: &Response<Body>) -> Option<u64> {
    response.headers().get("content-length")?.to_str().ok()?.trim().parse().ok()
}

fn request(url: &str, from: u64, patience: &Patience) -> Result<Response<Body>> {
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
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.answer))
        .timeout_per_read(Some(patience.stall))
        .build()
        .into();
    let request = agent.get(url);
    let request = match from {
        0 => request,
        from => request.header("Range", format!("bytes={from}-")),
    };
    Ok(request.call()?)
}

/// Returns `true` if the processor has what the cryptography in use asks for, which otherwise panics.
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

/// Returns `true` if the processor has what the cryptography in use asks for, which otherwise panics.
#[cfg(target_arch = "aarch64")]
fn can_encrypt() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}
