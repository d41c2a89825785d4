//! The pictures that a run is looked at with.
use super::model::record;
use super::plot::ink;
use super::session::{Session, environment};
use super::trainee::{Thought, Trainee};
use crate::board::{Board, Charts, differs};
use crate::{gif, plot, sheet};
use ::train::{Outcome, Report, stream};
use agents::tabular::Table;
use agents::{Moment, Watched};
use anyhow::Result;
use generative::film::COLUMNS;
use generative::{Filmed, Sheet};
use std::io::{IsTerminal as _, Write};

/// Frames of `episode.gif` at most, and how many of them a second.
const GIF_FRAMES: usize = 600;
const GIF_RATE: u32 = 20;

/// Frames of `samples.gif` a second.
const FILM_RATE: u32 = 6;

/// The moments whose curves are drawn beside the last one's: as in figure 4.3 of Sutton & Barto the
/// first three and the 32nd.
const SHOWN: [usize; 4] = [0, 1, 2, 31];

impl Session {
    /// Shows what is thought of a known grid, in a terminal only: elsewhere it would be in the way,
    /// and `lab plot --text` shows it there too.
    pub(super) fn show(thought: Option<&Thought<'_>>, out: &mut dyn Write) -> Result<()> {
        if let Some((mdp, table)) = thought
            && std::io::stdout().is_terminal()
            && let Some(board) = Board::new(*mdp)?
            && let Some(text) = board.text(table, ink())
        {
            write!(out, "\n{text}")?;
        }
        Ok(())
    }

    /// Draws curves, and what is thought of a known problem and an episode, or what a model draws.
    pub(super) fn draw(
        &self,
        trainee: &Trainee,
        thought: Option<&Thought<'_>>,
        report: &Report,
    ) -> Result<()> {
        let path = self.dir.path();
        // A run too short for a row of metrics has no curve.
        if std::fs::metadata(path.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0) {
            let panels = plot::panels(&[path.to_owned()], &[])?;
            plot::draw(&panels, &path.join("curves.svg"))?;
            plot::draw(&panels, &path.join("curves.png"))?;
        }
        let agent = match trainee {
            Trainee::Agent { agent, .. } => &**agent,
            Trainee::Model(model) => return self.draw_model(model),
        };
        if let Some(thought) = thought {
            self.draw_table(agent, thought, report)?;
        }
        if report.outcome == Outcome::Interrupted {
            return Ok(());
        }
        let rng = stream(self.config.seed(), "test/0");
        let frames = record(agent, &environment(&self.config)?, rng, GIF_FRAMES)?;
        gif::write(&path.join("episode.gif"), &frames, GIF_RATE)
    }

    /// Draws what a model makes of pictures, where they lie for it, and what it drew on the way.
    fn draw_model(&self, filmed: &Filmed) -> Result<()> {
        let (path, model) = (self.dir.path(), filmed.model());
        for Sheet { name, images, columns } in model.sheets()? {
            sheet::write(&path.join(format!("{name}.png")), &images, columns)?;
        }
        if let Some(map) = model.map()? {
            let title = format!("{} on {}", self.algorithm.name, self.config.subject());
            for end in ["svg", "png"] {
                plot::scatter(&title, &map, &path.join(format!("latents.{end}")))?;
            }
        }
        if let Some(plane) = model.plane()? {
            let title = format!("{} on {}", self.algorithm.name, self.config.subject());
            for end in ["svg", "png"] {
                plot::plane(&title, &plane, &path.join(format!("plane.{end}")))?;
            }
        }
        let frames = filmed.frames()?;
        if frames.len() < 2 {
            return Ok(());
        }
        let frames: Vec<_> =
            frames.iter().map(|frame| sheet::frame(&frame.images, COLUMNS)).collect();
        gif::write(&path.join("samples.gif"), &frames, FILM_RATE)
    }

    /// Draws `values`, `q` and an animation of the values, as far as the problem has such pictures.
    fn draw_table(
        &self,
        agent: &Watched,
        (mdp, table): &Thought<'_>,
        report: &Report,
    ) -> Result<()> {
        let mdp = *mdp;
        let (charts, board) = (Charts::new(mdp), Board::new(mdp)?);
        let (name, unit) = (self.algorithm.name, self.algorithm.unit);
        let title = |what| {
            format!("{name} on {}: {what} after {} {unit}", self.config.subject(), report.steps)
        };
        let exact = agent.exact().filter(|exact| differs(table, exact));
        for end in ["svg", "png"] {
            let path = |what| self.dir.path().join(format!("{what}.{end}"));
            match (&charts, &board) {
                (Some(charts), _) => {
                    charts.draw_values(&title("values"), table, exact, &path("values"))?;
                }
                (None, Some(board)) => {
                    board.draw_values(&title("values"), table, exact, &path("values"))?;
                    board.draw_q(&title("action values"), table, &path("q"))?;
                }
                (None, None) => (),
            }
        }
        let before = agent.moments().iter().filter(|moment| moment.step < report.steps);
        let title = |step| format!("{name} after {step} {unit}");
        let thought = |moment: &Moment| {
            let (values, policy) = (moment.values.clone(), moment.policy.clone());
            (title(moment.step), Table { values, q: vec![f64::NAN; table.q.len()], policy })
        };
        let mut tables: Vec<_> = before.map(thought).collect();
        if let Some(charts) = charts {
            let early = SHOWN.iter().filter_map(|place| tables.get(*place).cloned());
            let moments: Vec<_> = early.chain([(title(report.steps), table.clone())]).collect();
            for end in ["svg", "png"] {
                charts.draw_moments(&moments, &self.dir.path().join(format!("moments.{end}")))?;
            }
        }
        if let Some(board) = board
            && !tables.is_empty()
            && report.outcome != Outcome::Interrupted
        {
            tables.push((title(report.steps), table.clone()));
            board.animate(&tables, &self.dir.path().join("values.gif"))?;
        }
        Ok(())
    }
}
