//! `lab play`: watch a trained agent.
use super::Interpreter;
use crate::render::gif::Animation;
use crate::run::episode::{play, record};
use crate::run::machine::tell;
use crate::run::trained::{Elsewhere, Trained};
use crate::usage::Usage;
use crate::wording;
use ::train::{Which, stream, write_atomic};
use agents::actions_rng;
use anyhow::Result;
use envs::{Action, Actions, Env, Rgb, Spec, VecEnv};
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Watch a trained agent, in the terminal or as a GIF
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
    run: PathBuf,
    /// Write an animated GIF instead of showing it
    #[arg(long, value_name = "FILE")]
    gif: Option<PathBuf>,
    /// Episodes to show, or to choose from
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = super::positive)]
    episodes: u32,
    /// Frames a second
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    fps: u32,
    /// Frames of an episode at most
    #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    frames: u32,
    /// Seed of the episodes [default: that of the run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Play the checkpoint with the best validation score, not the newest
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    interpreter: Interpreter,
}

/// Frames after which no further episode is added to a GIF: a quarter of an hour at 20 a second.
const MOST_FRAMES: usize = 20_000;

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let which = if args.best { Which::Best } else { Which::Latest };
    let elsewhere =
        Elsewhere { python: args.interpreter.python.as_deref(), ..Elsewhere::default() };
    let trained = Trained::load(&args.run, which, elsewhere)?;
    let (agent, make) = trained.agent()?;
    let seed = args.seed.unwrap_or(trained.config.seed());
    let rng = |i| stream(seed, &format!("play/{i}"));
    if let Some(path) = &args.gif {
        if path.extension().is_some_and(|end| !end.eq_ignore_ascii_case("gif")) {
            let path = path.display();
            let sentence = format!("--gif {path}: an animation; give a name that ends in .gif");
            return Err(Usage(sentence).into());
        }
        let mut animation = Animation::new(args.fps)?;
        let most = |_: &Spec, _: &Rgb| args.frames as usize;
        for i in 0..args.episodes {
            if animation.len() >= MOST_FRAMES {
                let sentence = format!("it shows the first {i} of {} episodes", args.episodes);
                tell(&format!("note: {}: {sentence}", path.display()));
                break;
            }
            record((agent, make), rng(i), &most, &mut animation)?;
        }
        let shown = animation.len();
        write_atomic(path, &animation.finish()?)?;
        writeln!(out, "{} ({shown} frames)", path.display())?;
        return Ok(());
    }
    let screen = Screen { terminal: std::io::stdout().is_terminal(), fps: args.fps };
    for i in 0..args.episodes {
        let mut env = VecEnv::new(vec![rng(i)], make);
        let actions = env.spec().actions.clone();
        screen.clear(out)?;
        screen.show(env.env(0), "", out)?;
        let (mut ret, mut frames) = (0.0, 1);
        play(agent, &mut env, actions_rng(&rng(i)), |transition| {
            ret += f64::from(transition.reward);
            frames += 1;
            let ret = wording::rounded(ret);
            let caption = format!("{}, return {ret}", action_text(&actions, transition.action));
            screen.show(transition.env, &caption, out)?;
            Ok(frames < args.frames)
        })?;
        let ret = wording::rounded(ret);
        writeln!(out, "episode {}: return {ret} in {} steps", i + 1, frames - 1)?;
    }
    Ok(())
}

/// A numbered action by its name, a vector by its numbers.
fn action_text(actions: &Actions, action: Action<'_>) -> String {
    match (actions, action) {
        (Actions::Discrete(names), Action::Discrete(action)) => names[action].clone(),
        (_, action) => {
            let numbers: Vec<_> = action.continuous().iter().map(|x| format!("{x:+.2}")).collect();
            numbers.join(" ")
        }
    }
}

/// Output of frames.
struct Screen {
    /// Terminal with colours that can be drawn over; else each frame follows the last.
    terminal: bool,
    fps: u32,
}

impl Screen {
    fn clear(&self, out: &mut dyn Write) -> Result<()> {
        if self.terminal {
            write!(out, "\x1b[2J")?;
        }
        Ok(())
    }

    fn show(&self, env: &dyn Env, caption: &str, out: &mut dyn Write) -> Result<()> {
        if self.terminal {
            // From the top left corner; what is left of a longer caption is cleared.
            writeln!(out, "\x1b[H{}{caption}\x1b[K", env.cells().ansi())?;
            out.flush()?;
            std::thread::sleep(Duration::from_secs(1) / self.fps);
        } else {
            writeln!(out, "{}{caption}\n", env.cells())?;
        }
        Ok(())
    }
}
