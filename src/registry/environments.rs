//! The environments.
use super::{BadOption, Fields, Options, config, no_options};
use agents::MakeEnv;
use anyhow::Result;
use envs::{
    Acrobot, Asterix, AsterixConfig, Bandit, BanditConfig, BipedalWalker, BipedalWalkerConfig,
    Blackjack, Breakout, BreakoutConfig, CartPole, CartPoleConfig, Catch, CliffWalking, Env,
    FiveStep, Freeway, FreewayConfig, FrozenLake, FrozenLakeConfig, GamblersConfig,
    GamblersProblem, Garnet, GarnetConfig, GridConfig, GridWorld, JacksCarRental, JacksConfig,
    LunarLander, LunarLanderConfig, Mdp, MdpEnv, MountainCar, MountainCarContinuous, Pendulum,
    Pointmass, PointmassConfig, RandomWalk, RandomWalkConfig, RiverSwim, Seaquest, SeaquestConfig,
    ShortCorridor, SpaceInvaders, SpaceInvadersConfig, Taxi, WrapperConfig,
};
use params::{Field, Parameters};
use serde_json::Value;
use std::sync::Arc;
use train::Memory;

/// An environment by name.
#[derive(Clone, Copy)]
pub struct EnvEntry {
    /// The name that `--env` takes.
    pub name: &'static str,
    /// Its names elsewhere, as Gymnasium's `CartPole-v1`; `--env` takes them in any case.
    pub ids: &'static [&'static str],
    /// One line about it.
    pub about: &'static str,
    /// Its options.
    pub options: Fields,
    /// Constructor.
    pub source: Source,
}

/// Constructor of an environment from its options.
#[derive(Clone, Copy)]
pub enum Source {
    /// Outcomes can only be drawn.
    Env(fn(&Options) -> Result<MakeEnv>),
    /// Outcomes are known, which is what planners need; played with a limit of so many steps, unless
    /// [`TIME_LIMIT`] says another, or the grid is so large that it grows.
    Mdp(fn(&Options) -> Result<Arc<dyn Mdp>>, u32),
}

/// The option that every environment with known outcomes has: steps after which an episode is cut off.
pub const TIME_LIMIT: &str = "time_limit";

/// The name before the id of an environment of Gymnasium, as in `gym:CartPole-v1`.
pub(crate) const GYM: &str = "gym";

impl EnvEntry {
    /// An environment without options.
    pub const fn of<E: Env + Default + 'static>(name: &'static str, about: &'static str) -> Self {
        let source = Source::Env(|_| Ok(Box::new(|| Box::new(E::default()))));
        Self { name, ids: &[], about, options: no_options, source }
    }

    /// An environment that is made from its options `C`.
    pub const fn with_options<C, E>(name: &'static str, about: &'static str) -> Self
    where
        C: Parameters + Clone + 'static,
        E: Env + From<C> + 'static,
    {
        let source = Source::Env(|options| {
            let config = config::<C>(options)?;
            Ok(Box::new(move || Box::new(E::from(config.clone()))))
        });
        Self { name, ids: &[], about, options: C::fields, source }
    }

    /// A problem without options whose outcomes are known, which planners solve and learners play, for
    /// `time_limit` steps at most unless told otherwise.
    pub const fn known<M: Mdp + Default + 'static>(
        name: &'static str,
        about: &'static str,
        time_limit: u32,
    ) -> Self {
        let source = Source::Mdp(|_| Ok(Arc::new(M::default())), time_limit);
        Self { name, ids: &[], about, options: limited_alone, source }
    }

    /// Returns `true` if it goes by `name`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.ids.iter().any(|id| id.eq_ignore_ascii_case(name))
    }

    /// The options that wrap it, beside its own. A problem whose outcomes are known has none: what planners
    /// solve, and learners are compared with, is the problem as it is.
    pub fn wrappers(&self) -> Vec<Field> {
        let own = (self.options)();
        let is_own = |wrapper: &Field| own.iter().any(|field| field.name == wrapper.name);
        match self.source {
            Source::Mdp(..) => Vec::new(),
            Source::Env(_) => {
                WrapperConfig::fields().into_iter().filter(|wrapper| !is_own(wrapper)).collect()
            }
        }
    }

    /// Makes a constructor of copies with these options.
    ///
    /// # Errors
    /// Invalid options.
    pub fn make(&self, options: &Options) -> Result<MakeEnv> {
        let wrappers = self.wrappers();
        let is_wrapper = |key: &str| wrappers.iter().any(|field| field.name == key);
        let (around, rest): (Options, Options) =
            options.clone().into_iter().partition(|(key, _)| is_wrapper(key));
        let options = &params::resolve(&(self.options)(), &rest)?;
        match self.source {
            Source::Env(make) => {
                let config: WrapperConfig =
                    serde_json::from_value(Value::Object(params::resolve(&wrappers, &around)?))?;
                config.check()?;
                let make = make(options)?;
                Ok(Box::new(move || config.wrap(make())))
            }
            Source::Mdp(make, usual) => {
                let mdp = make(&own(options))?;
                let given = options.get(TIME_LIMIT).and_then(Value::as_u64);
                let given = given.and_then(|steps| u32::try_from(steps).ok());
                let limit = given.unwrap_or_else(|| grown(usual, options, &*mdp));
                Ok(Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), Some(limit)))))
            }
        }
    }

    /// Its outcomes, where they are known.
    ///
    /// # Errors
    /// Invalid options.
    pub fn mdp(&self, options: &Options) -> Result<Option<Arc<dyn Mdp>>> {
        match self.source {
            Source::Env(_) => Ok(None),
            Source::Mdp(make, _) => {
                let options = params::resolve(&(self.options)(), options)?;
                Ok(Some(make(&own(&options))?))
            }
        }
    }
}

/// The options of the problem itself.
fn own(options: &Options) -> Options {
    let mut options = options.clone();
    options.remove(TIME_LIMIT);
    options
}

/// Gymnasium's lakes of 4 × 4 and 8 × 8 have 100 and 200 steps, 25 for each row: so have larger grids,
/// where that is more than `usual`. A map that has a name keeps what is known by that name.
fn grown(usual: u32, options: &Options, mdp: &dyn Mdp) -> u32 {
    // Blackjack lies on a grid too, and has no map.
    let Some(map) = options.get("map") else { return usual };
    let named = map.as_str().is_some_and(|map| map.contains('x'));
    match mdp.grid() {
        Some(grid) if !named => {
            let steps = 25 * (grid.width as u64 + grid.height as u64) / 2;
            usual.max(u32::try_from(steps).unwrap_or(u32::MAX))
        }
        _ => usual,
    }
}

/// The options of a problem whose outcomes are known: its own, and the time limit.
fn limited<C: Parameters>() -> Vec<Field> {
    C::fields().into_iter().chain(limited_alone()).collect()
}

/// The time limit, where a problem has no options of its own.
fn limited_alone() -> Vec<Field> {
    let about = "Steps after which an episode is cut off";
    let limit = Field::of(TIME_LIMIT, &[about], &None::<std::num::NonZeroU32>, String::new());
    vec![limit]
}

/// Options that stand behind an id of Gymnasium's, where the environment of that id is another one with them.
pub fn options_of_id(id: &str) -> Vec<(&'static str, Value)> {
    let option = match id.to_ascii_lowercase().as_str() {
        "cliffwalkingslippery-v1" => ("slippery", Value::from(true)),
        "minatar/asterix-v0"
        | "minatar/breakout-v0"
        | "minatar/freeway-v0"
        | "minatar/spaceinvaders-v0" => ("actions", Value::from("full")),
        "cartpole-v0" => ("time_limit", Value::from(200)),
        "lunarlandercontinuous-v3" | "lunar-lander-continuous" => ("continuous", Value::from(true)),
        "bipedalwalkerhardcore-v3" => ("hardcore", Value::from(true)),
        "pointmassmedium-v0" => ("difficulty", Value::from("medium")),
        "pointmasshard-v0" => ("difficulty", Value::from("hard")),
        _ => return Vec::new(),
    };
    vec![option]
}

/// The environments of lab. Limits are Gymnasium's where it has one.
pub(super) const ENVS: &[EnvEntry] = &[
    EnvEntry {
        name: "acrobot",
        ids: &["Acrobot-v1"],
        about: "Acrobot-v1: swing two joined rods up (6 numbers, at most 500 steps)",
        options: no_options,
        source: Source::Env(|_| Ok(Box::new(|| Box::new(Acrobot::default())))),
    },
    EnvEntry {
        ids: &["MinAtar/Asterix-v0", "MinAtar/Asterix-v1"],
        ..EnvEntry::with_options::<AsterixConfig, Asterix>(
            "asterix",
            "MinAtar's Asterix: gather treasure, avoid enemies (10×10, 4 channels)",
        )
    },
    EnvEntry {
        name: "bandit",
        ids: &[],
        about: "Bandit: find the best of several arms (Sutton & Barto, section 2.3)",
        options: BanditConfig::fields,
        source: Source::Env(|options| {
            let bandit = read(options, |config: BanditConfig| {
                // A mean, and a name for each of those who play.
                room([config.arms, 256])?;
                Ok(Bandit::new(config)?)
            })?;
            Ok(Box::new(move || Box::new(bandit.clone())))
        }),
    },
    EnvEntry {
        ids: &["BipedalWalker-v3", "BipedalWalkerHardcore-v3"],
        ..EnvEntry::with_options::<BipedalWalkerConfig, BipedalWalker>(
            "bipedal-walker",
            "BipedalWalker-v3: walk on two legs with knees (24 numbers, at most 1,600 steps)",
        )
    },
    EnvEntry {
        name: "blackjack",
        ids: &["Blackjack-v1"],
        about: "Blackjack with an infinite deck (Sutton & Barto, example 5.1)",
        options: limited_alone,
        source: Source::Mdp(|_| Ok(Arc::new(Blackjack::default())), 100),
    },
    EnvEntry {
        name: "breakout",
        ids: &["MinAtar/Breakout-v0", "MinAtar/Breakout-v1"],
        about: "MinAtar's Breakout: keep the ball in play, clear the bricks (10×10, 4 channels)",
        options: BreakoutConfig::fields,
        source: Source::Env(|options| {
            let config = config::<BreakoutConfig>(options)?;
            config.check()?;
            Ok(Box::new(move || Box::new(Breakout::new(config))))
        }),
    },
    EnvEntry {
        ids: &["CartPole-v0", "CartPole-v1"],
        ..EnvEntry::with_options::<CartPoleConfig, CartPole>(
            "cartpole",
            "CartPole-v1: balance a pole on a cart (4 numbers, at most 500 steps)",
        )
    },
    EnvEntry {
        name: "catch",
        ids: &[],
        about: "bsuite's Catch: move a paddle under a falling ball (10×5)",
        options: no_options,
        source: Source::Env(|_| Ok(Box::new(|| Box::new(Catch::default())))),
    },
    EnvEntry {
        name: "cliff-walking",
        ids: &["CliffWalking-v1", "CliffWalkingSlippery-v1"],
        about: "CliffWalking-v1 of Gymnasium: along the cliff, not into it (4×12)",
        options: limited::<CliffWalking>,
        source: Source::Mdp(|options| known(options, |c: CliffWalking| Ok(c)), 1_000),
    },
    EnvEntry {
        name: "five-step",
        ids: &[],
        about: "The test environment of CS234's DQN assignment: five steps, best return 4.1",
        options: no_options,
        source: Source::Mdp(|_| Ok(Arc::new(FiveStep {})), 5),
    },
    EnvEntry {
        ids: &["MinAtar/Freeway-v0", "MinAtar/Freeway-v1"],
        ..EnvEntry::with_options::<FreewayConfig, Freeway>(
            "freeway",
            "MinAtar's Freeway: cross a road of eight lanes (10×10, 7 channels)",
        )
    },
    EnvEntry {
        name: "frozen-lake",
        ids: &["FrozenLake-v1"],
        about: "FrozenLake-v1 of Gymnasium: over the ice, not into a hole (4×4 or a map of your own)",
        options: limited::<FrozenLakeConfig>,
        source: Source::Mdp(
            |options| known(options, |c: FrozenLakeConfig| Ok(FrozenLake::new(&c)?)),
            100,
        ),
    },
    EnvEntry {
        name: "frozen-lake-8x8",
        ids: &["FrozenLake8x8-v1"],
        about: "FrozenLake8x8-v1 of Gymnasium",
        options: || {
            let large = |field: Field| match field.name {
                "map" => field.with_default(Value::from("8x8")),
                _ => field,
            };
            limited::<FrozenLakeConfig>().into_iter().map(large).collect()
        },
        source: Source::Mdp(
            |options| known(options, |c: FrozenLakeConfig| Ok(FrozenLake::new(&c)?)),
            200,
        ),
    },
    EnvEntry {
        name: "gamblers-problem",
        ids: &[],
        about: "Gambler's problem: stake on coin flips to reach a goal (Sutton & Barto, example 4.3)",
        options: limited::<GamblersConfig>,
        source: Source::Mdp(
            |options| {
                known(options, |c: GamblersConfig| {
                    room([c.goal, c.goal / 2, PAIR])?;
                    Ok(GamblersProblem::new(c)?)
                })
            },
            1_000,
        ),
    },
    EnvEntry {
        name: "garnet",
        ids: &[],
        about: "A random MDP of any size (Archibald et al. 1995)",
        options: limited::<GarnetConfig>,
        source: Source::Mdp(
            |options| {
                known(options, |c: GarnetConfig| {
                    let outcome = size_of::<u32>() + size_of::<f64>();
                    room([c.states, c.actions, c.branching, outcome])?;
                    Ok(Garnet::new(c)?)
                })
            },
            1_000,
        ),
    },
    EnvEntry {
        name: "gridworld",
        ids: &[],
        about: "A grid of the literature (layout) or of your own (map)",
        options: limited::<GridConfig>,
        source: Source::Mdp(
            |options| {
                known(options, |c: GridConfig| {
                    room([c.width.unwrap_or(1), c.height.unwrap_or(1), STATE])?;
                    Ok(GridWorld::new(&c)?)
                })
            },
            1_000,
        ),
    },
    EnvEntry {
        name: "jacks-car-rental",
        ids: &[],
        about: "Jack's car rental: move cars between two lots (Sutton & Barto, example 4.2)",
        options: limited::<JacksConfig>,
        source: Source::Mdp(
            |options| known(options, |c: JacksConfig| Ok(JacksCarRental::new(c))),
            1_000,
        ),
    },
    EnvEntry {
        ids: &["LunarLander-v3", "LunarLanderContinuous-v3", "lunar-lander-continuous"],
        ..EnvEntry::with_options::<LunarLanderConfig, LunarLander>(
            "lunar-lander",
            "LunarLander-v3: come down gently between two flags (8 numbers, at most 1,000 steps)",
        )
    },
    EnvEntry {
        ids: &["MountainCar-v0"],
        ..EnvEntry::of::<MountainCar>(
            "mountain-car",
            "MountainCar-v0: swing a weak car out of a valley (2 numbers, at most 200 steps)",
        )
    },
    EnvEntry {
        ids: &["MountainCarContinuous-v0"],
        ..EnvEntry::of::<MountainCarContinuous>(
            "mountain-car-continuous",
            "MountainCarContinuous-v0: the same with a force that costs (2 numbers, at most 999 steps)",
        )
    },
    EnvEntry {
        name: "pendulum",
        ids: &["Pendulum-v1"],
        about: "Pendulum-v1: swing a rod up by a weak motor (3 numbers, a torque, 200 steps)",
        options: no_options,
        source: Source::Env(|_| Ok(Box::new(|| Box::new(Pendulum::default())))),
    },
    EnvEntry {
        ids: &["PointmassEasy-v0", "PointmassMedium-v0", "PointmassHard-v0"],
        ..EnvEntry::with_options::<PointmassConfig, Pointmass>(
            "pointmass",
            "Pointmass of CS285: explore a maze with noisy steps (2 numbers)",
        )
    },
    EnvEntry {
        name: "random-walk",
        ids: &[],
        about: "A random walk to be predicted (Sutton & Barto, example 6.2)",
        options: limited::<RandomWalkConfig>,
        source: Source::Mdp(
            |options| known(options, |c: RandomWalkConfig| Ok(RandomWalk::new(c)?)),
            1_000_000,
        ),
    },
    EnvEntry::known::<RiverSwim>(
        "river-swim",
        "RiverSwim: swim against the current to a far reward (Strehl & Littman 2008)",
        1_000,
    ),
    EnvEntry {
        ids: &["MinAtar/Seaquest-v0", "MinAtar/Seaquest-v1"],
        ..EnvEntry::with_options::<SeaquestConfig, Seaquest>(
            "seaquest",
            "MinAtar's Seaquest: rescue divers, shoot enemies, mind the air (10×10, 10 channels)",
        )
    },
    EnvEntry {
        name: "short-corridor",
        ids: &[],
        about: "Short corridor with switched actions (Sutton & Barto, example 13.1)",
        options: limited_alone,
        source: Source::Mdp(|_| Ok(Arc::new(ShortCorridor {})), 1_000),
    },
    EnvEntry {
        ids: &["MinAtar/SpaceInvaders-v0", "MinAtar/SpaceInvaders-v1"],
        ..EnvEntry::with_options::<SpaceInvadersConfig, SpaceInvaders>(
            "space-invaders",
            "MinAtar's Space Invaders: shoot down aliens that shoot back (10×10, 6 channels)",
        )
    },
    EnvEntry {
        name: "taxi",
        ids: &["Taxi-v3", "Taxi-v4"],
        about: "Taxi-v4 of Gymnasium: fetch a passenger and bring him where he wants (500 states)",
        options: limited::<Taxi>,
        source: Source::Mdp(
            |options| {
                known(options, |taxi: Taxi| {
                    taxi.check().map_err(|error| error.to_string())?;
                    Ok(taxi)
                })
            },
            200,
        ),
    },
];

/// Bytes that a state takes with all that is known and learned of it, and an action of it.
const STATE: usize = 512;
const PAIR: usize = 128;

/// Reasons why an environment can't be made.
enum Wrong {
    /// An option.
    Option(String),
    /// All of them together need too much memory.
    Size(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Option(why)
    }
}

/// Refuses to make something that takes the product of `factors` in bytes, where there is not so much.
fn room(factors: impl IntoIterator<Item = usize>) -> Result<(), Wrong> {
    let mut memory = Memory::default();
    memory.part("env", "", factors);
    memory.check().map_err(|error| Wrong::Size(error.expected().to_owned()))
}

/// The result of `make` for these options.
fn read<C: Parameters, T>(options: &Options, make: fn(C) -> Result<T, Wrong>) -> Result<T> {
    let fields = &C::fields();
    let made = |options: &Options| -> Result<Result<T, Wrong>> { Ok(make(config(options)?)) };
    Ok(match made(options)? {
        Ok(made) => made,
        Err(Wrong::Size(why)) => {
            return Err(BadOption::too_large(options, &C::fields(), why).into());
        }
        Err(Wrong::Option(why)) => {
            let well = |options: &Options| matches!(made(options), Ok(Ok(_)));
            return Err(BadOption::blamed(options, fields, why, well).into());
        }
    })
}

/// An MDP from its options.
fn known<C: Parameters, M: Mdp + 'static>(
    options: &Options,
    make: fn(C) -> Result<M, Wrong>,
) -> Result<Arc<dyn Mdp>> {
    let mdp = read(options, make)?;
    let (states, actions) = (mdp.n_states(), mdp.n_actions());
    let each = actions.saturating_mul(PAIR).saturating_add(STATE);
    let large = |why| BadOption::too_large(options, &C::fields(), why);
    if let Err(Wrong::Size(why) | Wrong::Option(why)) = room([states, each]) {
        return Err(large(why).into());
    }
    if states >= u32::MAX as usize || actions > usize::from(u16::MAX) {
        let most = [u32::MAX as usize - 1, u16::MAX.into()];
        return Err(large(format!(
            "{states} states with {actions} actions: there may be {} and {} at most",
            most[0], most[1]
        ))
        .into());
    }
    Ok(Arc::new(mdp))
}
