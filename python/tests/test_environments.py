"""Environments of lab in Gymnasium: `python -m unittest discover python/tests`."""

import unittest
import warnings

import gymnasium
import lab
import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode


class Environments(unittest.TestCase):
    def test_every_environment_passes_gymnasiums_check(self):
        self.assertIn("breakout", lab.environments())
        for name in lab.environments():
            with self.subTest(name), warnings.catch_warnings():
                # Bounds of observations are not stated, and a torque of 2 is not from -1 to 1.
                warnings.simplefilter("ignore")
                check_env(lab.make(name).unwrapped)

    def test_spaces(self):
        env = gymnasium.make("lab/Breakout-v0")
        self.assertEqual(env.observation_space, gymnasium.spaces.Box(0, 1, (10, 10, 4), np.bool_))
        self.assertEqual(env.spec.id, "lab/Breakout-v0")
        self.assertEqual(lab.make("frozen-lake").observation_space, gymnasium.spaces.Discrete(16))
        self.assertEqual(lab.make("cartpole").observation_space.shape, (4,))
        pendulum = lab.make("pendulum").action_space
        self.assertEqual(pendulum, gymnasium.spaces.Box(-2, 2, (1,), np.float32))
        self.assertEqual(lab.id_of("frozen-lake-8x8"), "lab/FrozenLake8x8-v0")

    def test_breakouts_channels_are_last(self):
        obs, _ = lab.make("breakout").reset(seed=1)
        paddle, ball, _, bricks = np.moveaxis(obs, -1, 0)
        self.assertEqual(np.argwhere(paddle).tolist(), [[9, 4]])
        self.assertIn(np.argwhere(ball).tolist(), [[[3, 0]], [[3, 9]]])
        self.assertEqual(bricks.sum(axis=1).tolist(), [0, 10, 10, 10, 0, 0, 0, 0, 0, 0])

    def test_terminated_and_truncated_are_kept_apart(self):
        env = lab.make("cartpole")
        env.reset(seed=0)
        while True:
            _, _, terminated, truncated, _ = env.step(0)
            if terminated or truncated:
                break
        self.assertEqual((terminated, truncated), (True, False))
        env = lab.make("frozen-lake", time_limit=3, slippery=False)
        env.reset(seed=0)
        ends = [env.step(0)[2:4] for _ in range(3)]
        self.assertEqual(ends, [(False, False), (False, False), (False, True)])

    def test_frames(self):
        env = lab.make("breakout", render_mode="rgb_array")
        env.reset(seed=1)
        self.assertEqual((env.render().shape, env.render().dtype), ((160, 160, 3), np.uint8))
        text = lab.make("breakout", render_mode="ansi")
        text.reset(seed=1)
        self.assertEqual(len(text.render().splitlines()), 10)

    def test_actions_that_a_state_lacks(self):
        env = lab.make("gamblers-problem")
        _, info = env.reset(seed=2)
        mask = info["action_mask"]
        self.assertTrue(0 < mask.sum() < len(mask))
        self.assertEqual(env.unwrapped.action_masks().tolist(), (mask == 1).tolist())
        # Counts as the nearest one that there is.
        env.step(len(mask) - 1)
        envs = lab.make_vec("gamblers-problem", num_envs=3)
        _, infos = envs.reset(seed=2)
        self.assertEqual(infos["action_mask"].shape, (3, len(mask)))
        envs.step(np.full(3, len(mask) - 1))

    def test_mistakes_are_named(self):
        with self.assertRaisesRegex(ValueError, "did you mean `breakout`"):
            lab.make("braekout")
        with self.assertRaisesRegex(TypeError, "speed: breakout has the options"):
            lab.make("breakout", speed=3)
        with self.assertRaisesRegex(ValueError, "^sticky=2: must lie between 0 and 1"):
            lab.make("breakout", sticky=2.0)
        with self.assertRaisesRegex(ValueError, "num_envs=0"):
            lab.make_vec("breakout", num_envs=0)
        with self.assertRaisesRegex(ValueError, "num_envs=1000000000000: .* of memory"):
            lab.make_vec("breakout", num_envs=10**12)
        env = lab.make("breakout").unwrapped
        with self.assertRaisesRegex(gymnasium.error.ResetNeeded, "no episode has begun"):
            env.step(0)
        env.reset(seed=1)
        with self.assertRaisesRegex(ValueError, "action 9: there are 0 to 2"):
            env.step(9)
        with self.assertRaisesRegex(ValueError, "action -1"):
            env.step(-1)
        with self.assertRaisesRegex(TypeError, "whole numbers are expected, not float64"):
            env.step(0.5)
        with self.assertRaisesRegex(ValueError, r"the shape \(2,\)"):
            env.step([0, 1])
        with self.assertRaisesRegex(ValueError, "a reset takes none"):
            env.reset(options={"sticky": 0.5})
        while not any(env.step(0)[2:4]):
            pass
        with self.assertRaisesRegex(gymnasium.error.ResetNeeded, "the episode is over"):
            env.step(0)
        pendulum = lab.make("pendulum").unwrapped
        pendulum.reset(seed=1)
        with self.assertRaisesRegex(ValueError, "a finite number is expected"):
            pendulum.step(np.array([np.nan], np.float32))


class Vectors(unittest.TestCase):
    def test_a_copy_plays_what_a_single_environment_plays(self):
        for name in lab.environments():
            with self.subTest(name):
                envs, env = lab.make_vec(name, num_envs=3), lab.make(name).unwrapped
                envs.action_space.seed(3)
                many, infos = envs.reset(seed=[4, 5, 6])
                one, _ = env.reset(seed=5)
                for _ in range(60):
                    np.testing.assert_array_equal(many[1], one)
                    actions = envs.action_space.sample()
                    many, rewards, terminated, truncated, infos = envs.step(actions)
                    one, reward, *ends, _ = env.step(actions[1])
                    self.assertEqual((rewards[1], terminated[1], truncated[1]), (reward, *ends))
                    if any(ends):
                        np.testing.assert_array_equal(infos["final_obs"][1], one)
                        self.assertTrue(infos["_final_obs"][1])
                        one, _ = env.reset()
                self.assertIn(many, envs.observation_space)

    def test_copies_reset_in_the_step_in_which_they_end(self):
        envs = lab.make_vec("frozen-lake", num_envs=2, time_limit=2, slippery=False)
        self.assertEqual(envs.metadata["autoreset_mode"], AutoresetMode.SAME_STEP)
        envs.reset(seed=1)
        left, down = 0, 1
        *_, infos = envs.step(np.array([left, down]))
        self.assertEqual(infos, {})
        obs, _, terminated, truncated, infos = envs.step(np.array([left, down]))
        self.assertEqual((obs.tolist(), terminated.tolist(), truncated.tolist()), ([0, 0], [False] * 2, [True] * 2))
        self.assertEqual(list(infos["final_obs"]), [0, 8])
        self.assertEqual(infos["final_info"]["episode"]["l"].tolist(), [2, 2])

    def test_seeds(self):
        envs = lab.make_vec("cartpole", num_envs=4)
        first, _ = envs.reset(seed=1)
        again, _ = envs.reset(seed=1)
        other, _ = envs.reset()
        np.testing.assert_array_equal(first, again)
        self.assertFalse(np.array_equal(first, other))
        self.assertEqual(len(np.unique(first[:, 0])), 4)
        np.testing.assert_array_equal(first[0], lab.make("cartpole").reset(seed=1)[0])
        with self.assertRaisesRegex(ValueError, "2 seeds for 4 environments"):
            envs.reset(seed=[1, 2])

    def test_mistakes_are_named(self):
        envs = lab.make_vec("cartpole", num_envs=2)
        with self.assertRaises(gymnasium.error.ResetNeeded):
            envs.step(np.zeros(2, np.int64))
        envs.reset(seed=1)
        with self.assertRaisesRegex(ValueError, r"the shape \(3,\), and \(2,\) is expected"):
            envs.step(np.zeros(3, np.int64))
        with self.assertRaisesRegex(TypeError, "not float32"):
            envs.step(np.zeros(2, np.float32))
        with self.assertRaisesRegex(ValueError, "action 2: there are 0 to 1"):
            envs.step(np.array([0, 2]))
        # Nothing was stepped.
        envs.step([0, 1])


class StableBaselines3(unittest.TestCase):
    def test_final_observations_and_truncation(self):
        try:
            from lab.sb3 import make_vec_env
        except ImportError:
            self.skipTest("stable-baselines3 is not installed")
        envs = make_vec_env("frozen-lake", n_envs=2, seed=1, time_limit=2, slippery=False)
        self.assertEqual(envs.reset().tolist(), [0, 0])
        envs.step(np.array([0, 1]))
        obs, _, dones, infos = envs.step(np.array([0, 1]))
        self.assertEqual((obs.tolist(), dones.tolist()), ([0, 0], [True, True]))
        self.assertEqual([info["terminal_observation"] for info in infos], [0, 8])
        self.assertEqual([info["TimeLimit.truncated"] for info in infos], [True, True])
        self.assertEqual(infos[1]["episode"]["l"], 2)


if __name__ == "__main__":
    unittest.main()
