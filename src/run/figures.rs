//! Figures of a run, written at its end.
use super::build::environment;
use super::config::Config;
use super::episode::record;
use super::machine::tell;
use super::solution;
use super::trainee::{Thought, Trainee};
use crate::registry::Algorithm;
use crate::render::board::{Board, Charts, Ink, differs};
use crate::render::gif::{self, Animation};
use crate::render::{plot, sheet};
use crate::told;
use agents::tabular::Table;
use agents::{Agent, ObservedAgent, Snapshot};
use anyhow::Result;
use envs::{Rgb, Spec};
use generative::snapshots::{COLUMNS, frames};
use generative::{ImageGrid, ObservedModel};
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use train::{Report, stream, write_atomic};

/// Frames of `episode.gif` at most, and how many of them a second.
const GIF_FRAMES: usize = 600;
const GIF_RATE: u32 = 20;

/// Pixels in all frames of `episode.gif` at most, and numbers in all observations that are acted on for it:
/// some tenths of a second's work. A longer one is asked for by `lab play`.
const GIF_PIXELS: usize = 150_000_000;
const GIF_NUMBERS: usize = 20_000_000;

/// Numbers in q up to which a run writes it without being asked.
const MOST_Q: usize = 1_000_000;

/// Frames of `samples.gif` a second.
const FILM_RATE: u32 = 6;

/// The moments whose curves are drawn beside the last one's: as in figure 4.3 of Sutton & Barto the
/// first three and the 32nd.
const SHOWN: [usize; 4] = [0, 1, 2, 31];

/// The figures of a run.
pub(crate) struct Figures<'a> {
    /// The algorithm that was trained.
    pub(crate) algorithm: &'a Algorithm,
    /// Its configuration.
    pub(crate) config: &'a Config,
    /// The run directory.
    pub(crate) dir: &'a Path,
}

impl Figures<'_> {
    /// Shows what is thought of a known grid, in a terminal only: elsewhere it would be in the way,
    /// and `lab plot --text` shows it there too.
    pub(crate) fn show(thought: Option<&Thought<'_>>, out: &mut dyn Write) -> Result<()> {
        if let Some((mdp, table)) = thought
            && std::io::stdout().is_terminal()
            && let Some(board) = Board::new(*mdp)?
            && let Some(text) = board.text(table, Ink::of_stdout())
        {
            write!(out, "\n{text}")?;
        }
        Ok(())
    }

    /// Writes `solution.json`; of a large problem without q, which the values imply.
    pub(crate) fn write_solution(&self, (mdp, table): &Thought<'_>) -> Result<()> {
        let path = self.dir.join("solution.json");
        if table.q.len() <= MOST_Q {
            return solution::write(*mdp, table.clone(), &path);
        }
        let (n, run) = (table.q.len(), told::path(self.dir));
        tell(&format!(
            "note: solution.json is without q, which would be {n} numbers; \
             `lab plot {run} --solution FILE` writes them"
        ));
        let (values, policy) = (table.values.clone(), table.policy.clone());
        solution::write(*mdp, Table { values, q: Vec::new(), policy }, &path)
    }

    /// Draws curves, and what is thought of a known problem and an episode, or what a model draws. The
    /// result is there already: a figure that fails is named, and the others are drawn.
    pub(crate) fn draw(&self, trainee: &Trainee, thought: Option<&Thought<'_>>, report: &Report) {
        self.drawing("the learning curves", || self.draw_curves());
        let agent = match trainee {
            Trainee::Agent { agent, .. } => &**agent,
            Trainee::Model { model, .. } => return self.draw_model(model),
        };
        if let Some(thought) = thought {
            self.draw_table(agent, thought, report);
        }
        self.drawing("an episode", || self.draw_episode(agent.learner()));
    }

    /// Draws something; where that fails, tells why, and that no more than this is missing.
    fn drawing(&self, what: &str, draw: impl FnOnce() -> Result<()>) {
        if let Err(error) = draw() {
            let run = self.dir.display();
            tell(&format!("warning: no figure of {what}: {error:#}; all else of {run} is there"));
        }
    }

    fn draw_curves(&self) -> Result<()> {
        let path = self.dir;
        // A run too short for a row of metrics has no curve.
        if std::fs::metadata(path.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0) {
            let panels = plot::panels(&[path.to_owned()], &[])?;
            plot::draw(&panels, &path.join("curves.svg"))?;
            plot::draw(&panels, &path.join("curves.png"))?;
        }
        Ok(())
    }

    /// Draws an episode from its start, as far as that costs little.
    fn draw_episode(&self, agent: &dyn Agent) -> Result<()> {
        let most = |spec: &Spec, frame: &Rgb| {
            let pixels = GIF_PIXELS / (frame.width * frame.height).max(1);
            GIF_FRAMES.min(pixels).min(GIF_NUMBERS / spec.obs_len().max(1)).max(2)
        };
        let rng = stream(self.config.seed(), "test/0");
        let mut animation = Animation::new(GIF_RATE)?;
        let played = (agent, &environment(self.config)?);
        let over = record(played, rng, &most, &mut animation)?;
        if !over {
            let (steps, run) = (animation.len() - 1, told::path(self.dir));
            tell(&format!(
                "note: episode.gif shows the first {steps} steps of an episode; \
                 `lab play {run} --gif FILE` shows more"
            ));
        }
        write_atomic(&self.dir.join("episode.gif"), &animation.finish()?)
    }

    /// Draws reconstructions, samples and latent vectors of a model, and its snapshots along the run.
    fn draw_model(&self, observed: &ObservedModel) {
        let (path, model) = (self.dir, observed.learner());
        let title = format!("{} on {}", self.algorithm.name, self.config.subject());
        self.drawing("reconstructions and samples", || {
            let sheets = model.image_grids()?;
            if model.autoregressive().is_some()
                && sheets.iter().all(|sheet| sheet.name != "samples")
            {
                let run = told::path(path);
                tell(&format!(
                    "note: samples.png is left out: drawing it takes long beside this run; \
                     `lab sample {run}` draws samples"
                ));
            }
            for ImageGrid { name, images, columns } in sheets {
                sheet::write(&path.join(format!("{name}.png")), &images, columns)?;
            }
            Ok(())
        });
        self.drawing("the latent space", || {
            let Some(latents) = model.latent_map() else { return Ok(()) };
            let Some(map) = latents.map()? else { return Ok(()) };
            let draw = |end| plot::scatter(&title, &map, &path.join(format!("latents.{end}")));
            ["svg", "png"].into_iter().try_for_each(draw)
        });
        self.drawing("the plane", || {
            let Some(points) = model.point_sampler() else { return Ok(()) };
            let plane = points.plane()?;
            let draw = |end| plot::plane(&title, &plane, &path.join(format!("plane.{end}")));
            ["svg", "png"].into_iter().try_for_each(draw)
        });
        self.drawing("what was drawn in the course of training", || {
            let frames = frames(observed)?;
            if frames.len() < 2 {
                return Ok(());
            }
            let frames: Vec<_> =
                frames.iter().map(|frame| sheet::frame(&frame.images, COLUMNS)).collect();
            gif::write(&path.join("samples.gif"), &frames, FILM_RATE)
        });
    }

    /// Draws `values`, `q` and an animation of the values, as far as the problem has such figures.
    fn draw_table(&self, agent: &ObservedAgent, (mdp, table): &Thought<'_>, report: &Report) {
        let (name, unit) = (self.algorithm.name, self.algorithm.unit);
        let title = |what| {
            format!("{name} on {}: {what} after {} {unit}", self.config.subject(), report.steps)
        };
        let exact = agent.observer().exact().filter(|exact| differs(table, exact));
        let title_of = |step| format!("{name} after {step} {unit}");
        let before = agent.timeline().snapshots.iter().filter(|moment| moment.step < report.steps);
        let moment = |moment: &Snapshot| {
            let (values, policy) = (moment.values.clone(), moment.policy.clone());
            (title_of(moment.step), Table { values, q: vec![f64::NAN; table.q.len()], policy })
        };
        let mut tables: Vec<_> = before.map(moment).collect();
        let paths = |what| ["svg", "png"].map(|end| self.dir.join(format!("{what}.{end}")));
        if let Some(charts) = Charts::new(*mdp) {
            self.drawing("the values", || {
                let draw =
                    |path: &PathBuf| charts.draw_values(&title("values"), table, exact, path);
                paths("values").iter().try_for_each(draw)
            });
            let early = SHOWN.iter().filter_map(|place| tables.get(*place).cloned());
            let moments: Vec<_> = early.chain([(title_of(report.steps), table.clone())]).collect();
            self.drawing("the values at some moments", || {
                paths("moments")
                    .iter()
                    .try_for_each(|path| Ok(_ = charts.draw_moments(&moments, path)?))
            });
        }
        let board = match Board::new(*mdp) {
            Ok(Some(board)) => board,
            Ok(None) => return,
            Err(error) => return self.drawing("the values", || Err(error)),
        };
        if mdp.chart().is_none() {
            self.drawing("the values", || {
                board.draw_values(&title("values"), table, exact, &paths("values"))
            });
            self.drawing("the action values", || {
                Ok(_ = board.draw_q(&title("action values"), table, &paths("q"))?)
            });
        }
        if !tables.is_empty() {
            tables.push((title_of(report.steps), table.clone()));
            self.drawing("the values in the course of time", || {
                board.animate(&tables, &self.dir.join("values.gif"))
            });
        }
    }
}
