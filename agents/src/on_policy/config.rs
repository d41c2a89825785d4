//! Hyper-parameters that policy gradients have in common.

/// States those that every policy gradient has around an algorithm's own, for
/// [`train::hyper_parameters!`], and what follows from them.
macro_rules! policy_parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        ::train::hyper_parameters! {
            $(#[$meta])*
            pub struct $name {
                /// Discount γ
                gamma: f64 = 0.99, in 0.0..=1.0;
                $($own)*
                /// Normalise observations by their running mean and standard deviation
                normalize_obs: bool = false;
                /// Clip (normalised) observations to this size; 0 leaves them as they are
                clip_obs: f64 = 0.0, in 0.0..;
                /// Divide rewards by the running standard deviation of the discounted return
                normalize_reward: bool = false;
                /// Clip (normalised) rewards to this size; 0 leaves them as they are
                clip_reward: f64 = 0.0, in 0.0..;
                /// Initial log σ of the Gaussian policy, for vectors of actions
                log_std: f64 = 0.0, in -20.0..=20.0;
                /// Initialisation of weights: orthogonal or fan-in
                init: $crate::Start = $crate::Start::Orthogonal;
                /// Network: mlp (dense layers), conv (MinAtar's), nature (Atari's), impala (residual blocks), or auto, by the
                /// observation
                network: $crate::NetworkName = $crate::NetworkName::Auto;
                /// Units in the hidden layers: 256,256 for two of them, 64, for one, none for a linear network; a
                /// number alone is that of each usual layer, two in mlp and one in the others
                hidden: $crate::Hidden = $crate::Hidden::Each(64);
                /// Activation of all layers but the last: relu, leaky-relu, tanh or silu [default: tanh in mlp, relu in the
                /// others]
                activation: Option<$crate::ActivationName> = None;
                /// Normalise the features of each dense layer, and of the last convolution, before the activation
                layer_norm: bool = false;
                /// Device that chooses actions: same (the one that learns) or cpu, faster for few environments beside a GPU
                act_device: $crate::ActDevice = $crate::ActDevice::Same;
                /// Episodes of an evaluation during training
                eval_episodes: usize = 20, in 1..=1_000_000;
                /// Episodes of the evaluation at the end
                test_episodes: usize = 100, in 1..=1_000_000;
            }
        }

        impl $name {
            pub(crate) fn shape(&self) -> $crate::on_policy::nets::Shape {
                let Self { network, activation, layer_norm, init: start, log_std, .. } = *self;
                let hidden = self.hidden.clone();
                $crate::on_policy::nets::Shape { network, hidden, activation, layer_norm, start, log_std }
            }

            pub(crate) fn scaling(&self) -> $crate::on_policy::scaling::Scaling {
                let Self { normalize_obs, clip_obs, normalize_reward, clip_reward, gamma, .. } = *self;
                $crate::on_policy::scaling::Scaling {
                    normalize_obs, clip_obs, normalize_reward, clip_reward, gamma,
                }
            }

            /// Episodes of an evaluation on `split`.
            pub(crate) fn episodes_of(&self, split: ::train::Split) -> usize {
                match split {
                    ::train::Split::Validation => self.eval_episodes,
                    ::train::Split::Test => self.test_episodes,
                }
            }
        }
    };
}

/// `policy_parameters` for learners that have an [`OnPolicyTrainer`](crate::on_policy::trainer::OnPolicyTrainer):
/// their own ones must have `rollout`, `entropy_coef`, `optimizer` and `lr`, whose defaults differ.
macro_rules! actor_parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        policy_parameters! {
            $(#[$meta])*
            pub struct $name {
                $($own)*
                /// ε of adam and rmsprop
                optimizer_eps: f64 = 1e-5, in ::train::above(0.0), with optimizer = "adam" | "rmsprop";
                /// Final learning rate, as a fraction of --lr
                lr_end: f64 = 1.0, in 0.0..;
                /// Transitions over which the learning rate changes
                lr_steps: u64 = 0, with lr_end not 1.0;
                /// Clip the gradient to this norm; 0 leaves it as it is
                max_grad_norm: f64 = 0.5, in 0.0..;
                /// Weight of the critic's loss
                value_coef: f64 = 0.5, in 0.0..;
                /// Environments stepped together
                n_envs: usize = 8, in 1..=1 << 14;
                /// Networks of policy and critic: separate, or shared up to the last layer
                sharing: $crate::Sharing = $crate::Sharing::Separate;
            }
        }

        impl $name {
            /// Refuses a learning rate that is 0 once the first rollout is there.
            fn check_learning_rate(&self) -> ::std::result::Result<(), ::train::BadValue> {
                let first = (self.rollout * self.n_envs) as u64;
                ::train::check_learning_rate(self.lr_end, self.lr_steps, first)
            }

            fn setup(&self, critic: $crate::Critic) -> $crate::on_policy::trainer::Setup {
                let Self { n_envs, rollout, sharing, act_device, .. } = *self;
                let Self { value_coef, entropy_coef, lr, lr_end, lr_steps, .. } = *self;
                let Self { optimizer, optimizer_eps, max_grad_norm, .. } = *self;
                $crate::on_policy::trainer::Setup {
                    n_envs,
                    rollout,
                    act_device,
                    critic,
                    sharing,
                    shape: self.shape(),
                    scaling: self.scaling(),
                    optimizer: optimizer.on_policy(lr, optimizer_eps, max_grad_norm),
                    lr,
                    lr_end,
                    lr_steps,
                    value_coef,
                    entropy_coef,
                }
            }
        }
    };
}
