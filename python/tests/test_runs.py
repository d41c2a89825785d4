"""Runs of lab as functions of arrays, and its command line: `python -m unittest discover python/tests`."""

import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import unittest
from pathlib import Path

import lab
import numpy as np

LAB = Path(sysconfig.get_path("scripts")) / ("lab.exe" if os.name == "nt" else "lab")


class Runs(unittest.TestCase):
    """Short runs in a directory of their own, made once."""

    @classmethod
    def setUpClass(cls):
        cls._dir = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._dir.cleanup)
        cls.dir = Path(cls._dir.name)

    def run_of(self, line):
        """The directory of a run of this command, made where it is not there."""
        name = self.dir / line.replace(" ", "_").replace("/", "-")
        if not name.exists():
            command = [LAB, *line.split(), "--quiet", "--out", name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return name


DQN = "dqn --env catch --steps 1500 --warmup 100 --test-episodes 3"
PPO = "ppo --env pendulum --steps 512 --rollout 64 --n-envs 2 --batch 32 --test-episodes 2"
EXITS = "--env gridworld --layout chain"
MASKED = [
    f"dqn {EXITS} --steps 600 --warmup 100 --test-episodes 2",
    f"pqn {EXITS} --steps 512 --test-episodes 2",
    f"ppo {EXITS} --steps 512 --rollout 64 --n-envs 2 --batch 32 --test-episodes 2",
]
Q_LEARNING = "q-learning --env frozen-lake --steps 2000 --test-episodes 2"
STRIPES = "--data stripes --side 4 --n-train 100 --n-test 20 --steps 200 --batch 20 --eval-every 0"


class Agents(Runs):
    def test_a_q_network_acts_by_its_values(self):
        agent = lab.load(self.run_of(DQN))
        self.assertEqual(agent.offers, ("act", "q_values"))
        envs = lab.make_vec("catch", num_envs=5)
        obs, _ = envs.reset(seed=1)
        q = agent.q_values(obs)
        self.assertEqual((q.shape, q.dtype), ((5, 3), np.float64))
        actions = agent.act(obs)
        self.assertEqual(actions.tolist(), q.argmax(axis=1).tolist())
        self.assertEqual(agent.act(obs[2]), actions[2])
        self.assertEqual(agent.q_values(obs[2]).shape, (3,))
        self.assertEqual(agent.observation_space, envs.single_observation_space)

    def test_a_table_has_values_of_states(self):
        agent = lab.load(self.run_of(Q_LEARNING))
        q = agent.q_values(np.arange(16))
        self.assertEqual(q.shape, (16, 4))
        self.assertIn(agent.act(14), range(4))
        with self.assertRaisesRegex(ValueError, "state 16: there are 0 to 15"):
            agent.act(16)

    def test_densities_of_vectors(self):
        agent = lab.load(self.run_of(PPO))
        self.assertEqual(agent.offers, ("act", "log_prob"))
        obs = np.array([[1, 0, 0.5], [0, 1, -2]], np.float32)
        mean = agent.act(obs)
        self.assertEqual(mean.shape, (2, 1))
        # Of a normal distribution with deviation σ: log p(μ + d) = log p(μ) - d²/2σ².
        at, near, far = (agent.log_prob(obs, mean + d) for d in (0, 0.1, 0.2))
        np.testing.assert_allclose((at - far) / (at - near), 4, rtol=1e-2)
        agent.reseed(3)
        drawn = agent.act(obs, sampled=True)
        self.assertFalse(np.array_equal(drawn, mean))
        agent.reseed(3)
        np.testing.assert_array_equal(agent.act(obs, sampled=True), drawn)

    def test_actions_that_a_state_lacks_are_never_chosen(self):
        envs = lab.make_vec("gridworld", num_envs=8, layout="chain")
        for line in MASKED:
            agent = lab.load(self.run_of(line))
            obs, infos = envs.reset(seed=1)
            for sampled in [False, True] * 20:
                mask = infos["action_mask"]
                actions = agent.act(obs, sampled, mask=mask)
                self.assertTrue(mask[np.arange(8), actions].all(), line)
                obs, *_, infos = envs.step(actions)
            # Whatever its values are, what alone is allowed is taken.
            n = mask.shape[1]
            for only in range(n):
                self.assertEqual(agent.act(obs[0], mask=np.arange(n) == only), only)
            with self.assertRaisesRegex(ValueError, r'give mask=info\["action_mask"\]'):
                agent.act(obs)

    def test_masks_without_need(self):
        agent = lab.load(self.run_of(DQN))
        obs, _ = lab.make_vec("catch", num_envs=5).reset(seed=1)
        q = agent.q_values(obs)
        q[:, 1] = -np.inf
        actions = agent.act(obs, mask=np.tile([True, False, True], (5, 1)))
        self.assertEqual(actions.tolist(), q.argmax(axis=1).tolist())
        table = lab.load(self.run_of(Q_LEARNING))
        taken = table.act(14)
        self.assertEqual(table.act(14, mask=[1, 1, 1, 1]), taken)
        with self.assertRaisesRegex(ValueError, f"row 0 refuses action {taken}, which this q-learning takes"):
            table.act(14, mask=np.arange(4) != taken)

    def test_mistakes_are_named(self):
        agent = lab.load(self.run_of(DQN))
        with self.assertRaisesRegex(ValueError, r"mask has the shape \(2,\), and \(3,\) is expected"):
            agent.act(np.zeros(50), mask=[True, False])
        with self.assertRaisesRegex(ValueError, "mask: True or 1 is expected"):
            agent.act(np.zeros(50), mask=[1, 2, 0])
        with self.assertRaisesRegex(TypeError, "mask: True or 1 is expected.*not float64"):
            agent.act(np.zeros(50), mask=[0.5, 1, 0])
        with self.assertRaisesRegex(ValueError, "at least one action"):
            agent.act(np.zeros(50), mask=[0, 0, 0])
        with self.assertRaisesRegex(ValueError, "are vectors, of which none can be masked"):
            lab.load(self.run_of(PPO)).act(np.zeros(3), mask=[1])
        with self.assertRaisesRegex(ValueError, r"log_prob: this dqn has none; it has act, q_values"):
            agent.log_prob(np.zeros(50), 0)
        with self.assertRaisesRegex(ValueError, "sample: this dqn has none"):
            agent.sample(3)
        with self.assertRaisesRegex(ValueError, r"the shape \(7,\)"):
            agent.act(np.zeros(7))
        with self.assertRaisesRegex(TypeError, "numbers are expected"):
            agent.act(["left"] * 50)
        with self.assertRaisesRegex(FileNotFoundError, "is not a run directory"):
            lab.load(self.dir / "none")
        moved = self.dir / "moved"
        moved.mkdir()
        (moved / "run.json").write_bytes((self.run_of(DQN) / "run.json").read_bytes())
        with self.assertRaisesRegex(RuntimeError, "has no checkpoint yet"):
            lab.load(moved)


class Models(Runs):
    def test_vectors_of_a_variational_auto_encoder(self):
        model = lab.load(self.run_of(f"vae {STRIPES} --hidden 8 --latents 3"))
        self.assertEqual(model.offers, ("sample", "encode", "decode"))
        images = model.sample(7, seed=2)
        self.assertEqual((images.shape, images.dtype), ((7, 1, 4, 4), np.float32))
        self.assertTrue(0 <= images.min() and images.max() <= 1)
        np.testing.assert_array_equal(images, model.sample(7, seed=2))
        z = model.encode(images)
        self.assertEqual(z.shape, (7, 3))
        self.assertEqual(model.decode(z).shape, (7, 1, 4, 4))
        np.testing.assert_allclose(model.decode(z[1]), model.decode(z)[1], atol=1 / 255)
        with self.assertRaisesRegex(ValueError, r"the shape \(7, 16\)"):
            model.encode(images.reshape(7, 16))
        with self.assertRaisesRegex(ValueError, "from 0 for black to 1 for white"):
            model.encode(images + 1)
        with self.assertRaisesRegex(ValueError, "log_prob: this vae has none"):
            model.log_prob(images)

    def test_probabilities_of_an_autoregressive_model_sum_to_one(self):
        line = f"made {STRIPES.replace('--side 4', '--side 2')} --hidden 8"
        model = lab.load(self.run_of(line))
        self.assertEqual(model.offers, ("sample", "log_prob"))
        all_images = np.array([[(i >> bit) & 1 for bit in range(4)] for i in range(16)], np.float32)
        log_probs = model.log_prob(all_images.reshape(16, 1, 2, 2))
        self.assertAlmostEqual(np.exp(log_probs).sum(), 1, places=4)
        with self.assertRaisesRegex(ValueError, "this model knows 2 levels"):
            model.log_prob(np.full((1, 1, 2, 2), 0.5))
        with self.assertRaisesRegex(ValueError, "label=3: this model knows 0"):
            model.sample(2, label=3)

    def test_points(self):
        line = "gan --data gaussians-8 --steps 400 --batch 20 --hidden 8 --eval-every 0"
        model = lab.load(self.run_of(line))
        with self.assertRaisesRegex(ValueError, "n=1000000000000: .* of memory"):
            model.sample(10**12)
        points = model.sample(9)
        self.assertEqual((points.shape, points.dtype), ((9, 2), np.float32))


class Metrics(Runs):
    def test_rows_without_a_value_are_nan(self):
        metrics = lab.metrics(self.run_of(DQN))
        steps, returns = metrics["step"], metrics["eval/return"]
        self.assertTrue(np.issubdtype(steps.dtype, np.integer) and (np.diff(steps) >= 0).all())
        self.assertEqual({len(column) for column in metrics.values()}, {len(steps)})
        self.assertTrue(np.isfinite(returns).any())
        with self.assertRaisesRegex(FileNotFoundError, "can't read"):
            lab.metrics(self.dir / "none")


class CommandLine(Runs):
    def lab(self, line):
        return subprocess.run([LAB, *line.split()], cwd=self.dir, capture_output=True, text=True)

    def test_exit_codes(self):
        self.assertIn("breakout", self.lab("list envs").stdout)
        usage = self.lab("dqn --env braekout")
        self.assertEqual((usage.returncode, usage.stdout), (2, ""))
        self.assertIn("did you mean `breakout`?", usage.stderr)
        self.assertEqual(self.lab("dqn --gama 3").returncode, 2)
        self.assertEqual(self.lab("eval none").returncode, 1)

    def test_flags_are_named_as_they_were_typed(self):
        told = self.lab("dqn --env catch --learning-rate -1")
        self.assertEqual(told.returncode, 2)
        self.assertIn("--learning-rate", told.stderr)

    @unittest.skipIf(os.name == "nt", "SIGINT is of Unix")
    def test_ctrl_c_saves_and_ends_with_130(self):
        command = [LAB, *"dqn --env catch --steps 100M --out stopped".split()]
        process = subprocess.Popen(command, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rows = self.dir / "stopped" / "metrics.jsonl"
        while process.poll() is None and not (rows.exists() and rows.stat().st_size):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("lab resume stopped", out)
        self.assertNotIn("Traceback", err)
        self.assertEqual(lab.load(self.dir / "stopped").offers, ("act", "q_values"))

    @unittest.skipIf(os.name == "nt", "SIGINT is of Unix")
    def test_ctrl_c_ends_a_long_call(self):
        run = self.run_of(f"made {STRIPES} --hidden 8")
        program = (
            # A shell's background job is begun with SIGINT ignored, and Python leaves it so.
            "import lab, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"model = lab.load({str(run)!r})\nprint('begun', flush=True)\n"
            "try:\n    model.sample(3_000_000)\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
        )
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "begun\n")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("interrupted\n", 0))


if __name__ == "__main__":
    unittest.main()
