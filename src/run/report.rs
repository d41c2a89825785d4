//! A report of runs: one page of HTML that needs nothing else, neither files nor a network.
use super::setting;
use super::state::State;
use crate::render::plot::{Curve, Form, Framed, Group, Panel, framed, grouped};
use crate::wording;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder as _, DynamicImage, ImageFormat};
use params::plain;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use train::{RunDir, RunInfo};

/// Points of a curve that the page finds under the pointer; the line itself has all.
const HOVERED: usize = 500;

/// Bytes of the longest figure that is on the page.
const LONGEST_FIGURE: u64 = 8_000_000;

const STYLE: &str = include_str!("report/style.css");
pub(crate) const HOVER: &str = include_str!("report/hover.js");

/// The page of these runs, whose curves are drawn in these groups. `unit` is that of their steps.
///
/// # Errors
/// If a run, its metrics or a figure can't be read.
pub(crate) fn page(runs: &[PathBuf], groups: &[Group], unit: &str) -> Result<String> {
    let (title, body) = contents(runs, groups, unit, &embedded)?;
    Ok(framed_by(&title, &body, HOVER))
}

/// A page of this title and body, which are HTML, and this script.
pub(crate) fn framed_by(title: &str, body: &str, script: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n<script>\n{script}</script>\n</body>\n</html>\n"
    )
}

/// Address of a figure of the run of this number; `None` for one that is left out.
pub(crate) type Address<'a> = &'a dyn Fn(usize, &Path) -> Result<Option<String>>;

/// A figure as a part of the page, if it is not too large.
fn embedded(_: usize, path: &Path) -> Result<Option<String>> {
    if fs::metadata(path).is_ok_and(|file| file.len() > LONGEST_FIGURE) {
        return Ok(None);
    }
    let kind = kind(path).unwrap_or("png");
    let data = STANDARD.encode(train::read_file(path, LONGEST_FIGURE)?);
    Ok(Some(format!("data:image/{kind};base64,{data}")))
}

/// The kind of image of a figure that pages show.
pub(crate) fn kind(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "png" => Some("png"),
        "gif" => Some("gif"),
        _ => None,
    }
}

/// Title and body of a page, as HTML, with figures at their addresses.
///
/// # Errors
/// If a run, its metrics or a figure can't be read.
pub(crate) fn contents(
    runs: &[PathBuf],
    groups: &[Group],
    unit: &str,
    address: Address<'_>,
) -> Result<(String, String)> {
    let infos = runs.iter().map(|run| RunDir::info(run)).collect::<Result<Vec<_>>>()?;
    let mut panels = grouped(groups, &[], Form::default())?;
    panels.iter_mut().for_each(|panel| panel.x_label = unit.to_owned());
    let title = match &infos[..] {
        [one] => format!("{} on {}, seed {}", one.algorithm, one.subject, one.seed),
        all => format!("Report of {} runs", all.len()),
    };
    let body = [
        format!("<h1>{}</h1>", escaped(&title)),
        results(runs, &infos),
        curves(&panels)?,
        settings(&infos),
        figures(runs, address)?,
    ];
    Ok((escaped(&title), body.join("\n")))
}

/// Text as HTML shows it, in an attribute too.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let row = |tag: &str, cells: &[String]| {
        let cell = |cell: &String| format!("<{tag}>{}</{tag}>", escaped(cell));
        format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
    };
    let body: String = rows.iter().map(|cells| row("td", cells)).collect();
    format!("<table>\n{}{body}</table>", row("th", header))
}

/// A line for each run: what it is, in what it differs, and its result.
fn results(runs: &[PathBuf], infos: &[RunInfo]) -> String {
    let differing = setting::differing(&infos.iter().collect::<Vec<_>>());
    let differing = differing.into_iter().filter(|key| key != "algorithm" && key != "subject");
    let differing: Vec<String> = differing.collect();
    let mut header = ["run", "algorithm", "subject", "seed"].map(str::to_owned).to_vec();
    header.extend(differing.iter().cloned());
    header.extend(["steps", "state", "measure", "score"].map(str::to_owned));
    let row = |(run, info): (&PathBuf, &RunInfo)| {
        let value = |key: &str| setting::value(info, key).as_ref().map_or("-".to_owned(), plain);
        let steps = info.config.get("steps").and_then(Value::as_u64).unwrap_or(0);
        let state = State::of(run, steps);
        let scored = match &state {
            State::Done(result) => result.scored(),
            _ => None,
        };
        let [measure, score] = scored
            .map_or([(); 2].map(|()| "-".to_owned()), |(objective, score)| {
                [objective.measure.clone(), wording::measure(score)]
            });
        let mut row = vec![run.display().to_string()];
        row.extend(["algorithm", "subject", "seed"].map(value));
        row.extend(differing.iter().map(|key| value(key)));
        let step = state.step(run).map_or("-".to_owned(), |step| step.to_string());
        row.extend([step, state.name().replace('_', " "), measure, score]);
        row
    };
    let rows: Vec<_> = runs.iter().zip(infos).map(row).collect();
    format!("<h2>Results</h2>\n{}", table(&header, &rows))
}

/// The curves, and what the page needs to say their values under the pointer.
fn curves(panels: &[Panel]) -> Result<String> {
    let Framed { legend, panels: drawn } = framed(panels)?;
    let mut html =
        format!("<h2>Curves</h2>\n<div class=\"legend\">{}</div>\n", legend.unwrap_or_default());
    for (panel, (svg, frame)) in panels.iter().zip(drawn) {
        let curve = |curve: &Curve| {
            let finite = curve.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            let points: Vec<_> = finite.collect();
            let every = points.len().div_ceil(HOVERED).max(1);
            json!({"label": curve.label, "points": points.iter().step_by(every).collect::<Vec<_>>()})
        };
        let curves: Vec<_> = panel.curves.iter().map(curve).collect();
        let data = json!({"frame": frame, "curves": curves}).to_string();
        // A label must not end the script.
        let data = data.replace('<', "\\u003c");
        html += &format!(
            "<div class=\"panel\">{svg}<div class=\"cursor\"></div><div class=\"values\"></div>\
             <script type=\"application/json\">{data}</script></div>\n"
        );
    }
    Ok(html)
}

/// Every setting, and its values where the runs differ.
fn settings(infos: &[RunInfo]) -> String {
    let options = |info: &RunInfo| {
        let mut flat = BTreeMap::new();
        for (key, value) in &info.config {
            match value {
                Value::Object(options) => flat.extend(options.clone()),
                value => _ = flat.insert(key.clone(), value.clone()),
            }
        }
        flat
    };
    let all: Vec<BTreeMap<String, Value>> = infos.iter().map(options).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let row = |key: &&String| {
        let mut values = Vec::<(String, usize)>::new();
        for run in &all {
            let shown = run.get(*key).map_or("-".to_owned(), plain);
            match values.iter_mut().find(|(value, _)| *value == shown) {
                Some((_, count)) => *count += 1,
                None => values.push((shown, 1)),
            }
        }
        let shown = match &values[..] {
            [(value, _)] => value.clone(),
            several => {
                let counted = several.iter().map(|(value, count)| format!("{value} ({count})"));
                counted.collect::<Vec<_>>().join(", ")
            }
        };
        vec![(*key).clone(), shown]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    let header = ["setting", "value (runs that have it)"].map(str::to_owned);
    format!(
        "<h2>Settings</h2>\n<details><summary>{} settings</summary>\n{}</details>",
        rows.len(),
        table(&header, &rows)
    )
}

/// The figures in the run directories, but for curves.
fn figures(runs: &[PathBuf], address: Address<'_>) -> Result<String> {
    let mut html = "<h2>Figures</h2>\n".to_owned();
    for (place, run) in runs.iter().enumerate() {
        let mut images = String::new();
        for path in files(run)? {
            let is_curves = path.file_stem().is_some_and(|stem| stem == "curves");
            if is_curves || kind(&path).is_none() {
                continue;
            }
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = escaped(&name.unwrap_or_default());
            // A map of values over the sweeps is looked at sweep by sweep.
            if path.file_name().is_some_and(|name| name == "values.gif")
                && let Some(frames) = frames(&path)
            {
                images += &slider(&name, &frames);
                continue;
            }
            images += &match address(place, &path)? {
                Some(source) => format!(
                    "<figure><img alt=\"{name}\" src=\"{}\"><figcaption>{name}</figcaption></figure>\n",
                    escaped(&source)
                ),
                None => format!("<p>{name} is left out: it is larger than 8 MB.</p>\n"),
            };
        }
        let open = if place == 0 { " open" } else { "" };
        let run = escaped(&run.display().to_string());
        html += &format!("<details{open}><summary>{run}</summary>\n{images}</details>\n");
    }
    Ok(html)
}

/// Most frames of an animation that a page holds.
const MOST_FRAMES: usize = 40;

/// Frames of an animation as PNG, evenly chosen, the first and the last among them; `None` where it has one, or can't be read.
fn frames(path: &Path) -> Option<Vec<Vec<u8>>> {
    let data = train::read_file(path, LONGEST_FIGURE).ok()?;
    let frames = GifDecoder::new(Cursor::new(data)).ok()?.into_frames().collect_frames().ok()?;
    let n = frames.len().min(MOST_FRAMES);
    let chosen = (0..n).map(|i| i * (frames.len() - 1) / (n - 1).max(1));
    let png = |at: usize| {
        let mut png = Vec::new();
        let image = DynamicImage::from(frames[at].buffer().clone()).into_rgb8();
        image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).ok()?;
        Some(png)
    };
    if n < 2 { None } else { chosen.map(png).collect() }
}

/// An animation with a slider over its frames.
fn slider(name: &str, frames: &[Vec<u8>]) -> String {
    let sources =
        frames.iter().map(|frame| format!("data:image/png;base64,{}", STANDARD.encode(frame)));
    let sources: Vec<_> = sources.collect();
    let last = sources.len() - 1;
    format!(
        "<figure class=\"frames\"><img alt=\"{name}\" src=\"{}\"><br><input type=\"range\" min=\"0\" max=\"{last}\" \
         value=\"{last}\" aria-label=\"frame\"><figcaption>{name}, from the first sweep to the last</figcaption>\
         <script type=\"application/json\">{}</script></figure>\n",
        sources[last],
        json!(sources)
    )
}

/// Files of a directory, by name.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", dir.display());
    let entries = fs::read_dir(dir).with_context(cannot)?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = paths.with_context(cannot)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::gif;
    use envs::Rgb;

    #[test]
    fn names_are_text() {
        assert_eq!(
            escaped("<b>'a' & \"b\"</b>"),
            "&lt;b&gt;&#39;a&#39; &amp; &quot;b&quot;&lt;/b&gt;"
        );
    }

    #[test]
    fn a_page_holds_all_of_a_run_and_runs_nothing_of_it() {
        let root = tempfile::tempdir().unwrap();
        let evil = "</script><script>alert(1)</script>";
        let run = root.path().join("<b>run");
        fs::create_dir(&run).unwrap();
        let info = json!({
            "algorithm": "dqn", "subject": "catch", "seed": 7, "config": {"env": "catch", "lr": 0.5, "note": evil},
            "lab_version": "", "lab_commit": "", "device": "cpu", "threads": 1, "started": "",
        });
        fs::write(run.join("run.json"), info.to_string()).unwrap();
        fs::write(
            run.join("metrics.jsonl"),
            "{\"step\":1,\"train/loss\":0.5}\n{\"step\":2,\"train/loss\":0.25}\n",
        )
        .unwrap();
        let result = json!({
            "algorithm": "dqn", "subject": "catch", "seed": 7, "wall_seconds": 1.0, "steps_per_second": 2.0, "updates": 1,
            "params_hash": "", "run": "", "steps": 2, "outcome": "finished", "objective": {"measure": "return", "direction": "maximise"},
            "eval": {"return": {"mean": 3.0, "ci95": [2.0, 4.0], "n": 9}},
        });
        fs::write(run.join("result.json"), result.to_string()).unwrap();
        image::RgbImage::new(2, 2).save(run.join("values.png")).unwrap();
        let frame = |red| Rgb { width: 2, height: 2, pixels: [red, 0, 0].repeat(4) };
        gif::write(&run.join("values.gif"), &[frame(0), frame(120), frame(240)], 10).unwrap();
        let runs = [run];
        let groups = [Group { label: evil.to_owned(), runs: runs.to_vec(), is_counted: false }];
        let page = page(&runs, &groups, "transitions").unwrap();
        for text in [
            "<title>dqn on catch, seed 7</title>",
            "<td>2</td><td>finished</td><td>return</td>",
            "<td>3.00 (95 % between 2.00 and 4.00, n = 9)</td>",
            "&lt;b&gt;run",
            "<td>lr</td><td>0.5</td>",
            "<figcaption>values.png</figcaption>",
            "data:image/png;base64,iVBORw0KGgo",
            "[1.0,0.5],[2.0,0.25]",
            "max=\"2\" value=\"2\"",
            "transitions",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("<b>run") && !page.contains("<script>alert"));
        assert_eq!(page.matches("</script>").count(), page.matches("<script").count());
        // Nothing is fetched from elsewhere.
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    }
}
