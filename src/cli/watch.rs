//! `lab watch`: a report that follows its runs, for a browser on this machine.
use super::plot::unit_of;
use crate::run::machine::tell;
use crate::run::report;
use crate::study::named::{Begun, begun, grouped, named};
use anyhow::{Result, anyhow};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tiny_http::{Header, Request, Response, Server};

/// Show runs in a browser while they train
///
/// The page of `lab report`, which follows the runs, from a server that only this machine reaches. Ctrl-C ends it.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories of runs or of studies
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Settings that make a group: runs with equal values are one curve, as in `--by env,lr`
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    by: Vec<String>,
    /// Port of the server [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    // A path that is nothing is refused before there is a server.
    let runs = named(&args.runs)?;
    runs.iter().filter_map(|run| run.state.why()).for_each(|why| tell(&format!("note: {why}")));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let server = Server::http(address)
        .map_err(|error| anyhow!("--port {}: cannot listen: {error}", args.port))?;
    let port = server.server_addr().to_ip().map_or(args.port, |address| address.port());
    writeln!(out, "http://127.0.0.1:{port} (Ctrl-C ends it)")?;
    out.flush()?;
    for request in server.incoming_requests() {
        let response = if is_of_this_machine(&request, port) {
            answer(args, request.url())
        } else {
            plain(403, "this server is for this machine")
        };
        // A browser that has gone needs no answer.
        let _ = request.respond(response);
    }
    Ok(())
}

type Answer = Response<std::io::Cursor<Vec<u8>>>;

/// Test whether a request names this server: a page from elsewhere, whose name leads here, does not.
fn is_of_this_machine(request: &Request, port: u16) -> bool {
    let host = request.headers().iter().find(|header| header.field.equiv("Host"));
    let named = host.map(|header| header.value.as_str());
    named.is_some_and(|host| {
        ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{port}"))
    })
}

fn answer(args: &Args, url: &str) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match parts[..] {
        [""] => page(args),
        ["page"] => {
            let (version, body) = body(args);
            match query == format!("version={version}") {
                true => plain(304, ""),
                false => with(html(200, &body), "X-Version", &version),
            }
        }
        ["figure", run, name, ..] => {
            figure(args, run, name).unwrap_or_else(|| plain(404, "there is no such figure"))
        }
        _ => plain(404, "there is no such page"),
    }
}

/// The whole page.
fn page(args: &Args) -> Answer {
    let (version, body) = body(args);
    let body = format!("<main data-version=\"{version}\">\n{body}\n</main>");
    let script = format!("{}{}", report::HOVER, include_str!("../run/report/watch.js"));
    html(200, &report::framed_by("lab watch", &body, &script))
}

/// The state of all files, and the body of the page; a sentence where nothing can be shown yet.
fn body(args: &Args) -> (String, String) {
    let told = |error: &anyhow::Error| format!("<p>{}</p>", report::escaped(&format!("{error:#}")));
    let Begun { runs, notes } = match named(&args.runs).and_then(begun) {
        Ok(begun) => begun,
        Err(error) => return ("none".to_owned(), told(&error)),
    };
    let version = version(&runs);
    let notes = notes.iter().map(|note| format!("<p>{}</p>\n", report::escaped(note)));
    let body = contents(args, &runs).unwrap_or_else(|error| told(&error));
    (version, notes.collect::<String>() + &body)
}

fn contents(args: &Args, runs: &[PathBuf]) -> Result<String> {
    let groups = grouped(&args.runs, runs, &args.by)?;
    let address = |run: usize, path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        // What is after the name makes a browser ask again for a figure that was drawn anew.
        Ok(name.map(|name| format!("/figure/{run}/{name}/{}", version(&[path.to_owned()]))))
    };
    let (_, body) = report::contents(runs, &groups, unit_of(runs).unwrap_or("step"), &address)?;
    Ok(body)
}

/// Changes with the length and the time of any file in these directories, or of these files.
fn version(paths: &[PathBuf]) -> String {
    let mut state = DefaultHasher::new();
    for path in paths {
        let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<_> =
            entries.chain([path.clone()]).filter(|path| path.is_file()).collect();
        files.sort();
        for file in files {
            let about = fs::metadata(&file).ok();
            let about = about.map(|about| (about.len(), about.modified().ok()));
            (file, about).hash(&mut state);
        }
    }
    format!("{:016x}", state.finish())
}

/// A figure by the number of its run and its name: of the names in that directory, no path.
fn figure(args: &Args, run: &str, name: &str) -> Option<Answer> {
    let Begun { runs, .. } = begun(named(&args.runs).ok()?).ok()?;
    let dir = runs.get(run.parse::<usize>().ok()?)?;
    let mut entries = fs::read_dir(dir).ok()?.flatten();
    let path = entries.find(|entry| entry.file_name().to_str() == Some(name))?.path();
    let kind = report::kind(&path)?;
    let data = fs::read(&path).ok()?;
    Some(with(Response::from_data(data), "Content-Type", &format!("image/{kind}")))
}

fn with(answer: Answer, name: &str, value: &str) -> Answer {
    match Header::from_bytes(name, value) {
        Ok(header) => answer.with_header(header),
        // Only what is not ASCII is none.
        Err(()) => answer,
    }
}

fn html(code: u16, text: &str) -> Answer {
    let response = Response::from_data(text.as_bytes()).with_status_code(code);
    with(response, "Content-Type", "text/html; charset=utf-8")
}

fn plain(code: u16, text: &str) -> Answer {
    let response = Response::from_data(text.as_bytes()).with_status_code(code);
    with(response, "Content-Type", "text/plain; charset=utf-8")
}
