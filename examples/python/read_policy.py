"""Outputs and greedy actions of a network that lab trained: python3 read_policy.py RUN [OBSERVATIONS.json]"""

import glob
import json
import os
import sys

import numpy as np
from safetensors.numpy import load_file

run = sys.argv[1]
newest = sorted(glob.glob(f"{run}/checkpoints/step-" + 12 * "[0-9]"))[-1]
model = load_file(f"{newest}/model.safetensors")

config = json.load(open(f"{run}/run.json"))["config"]
unread = config["algorithm"] == "pqn" or config.get("distribution", "mean") != "mean" or config["network"] == "impala"
if unread or any(config.get(flag) for flag in ("dueling", "activation", "layer_norm")):
    sys.exit(
        f"{run}: this script reads no network of pqn, --dueling, --distribution, --network impala, --activation or "
        "--layer-norm; lab export --onnx writes them"
    )


def dense(name, x):  # [N, inputs] to [N, outputs]
    return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]


def conv(name, x, stride=1):  # [N, C, H, W] to [N, filters, …], no padding
    weight = model[f"{name}.weight"]
    patches = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", patches, weight) + model[f"{name}.bias"][:, None, None]


def relu(x):
    return np.maximum(x, 0)


def network(body, last, activation, x):  # [N, …] to [N, outputs]
    for name, stride in (("conv", 1), ("conv1", 4), ("conv2", 2), ("conv3", 1)):
        if f"{body}{name}.weight" in model:  # an image
            x, activation = relu(conv(f"{body}{name}", x, stride)), relu
    x = x.reshape(len(x), -1)
    for name in ["hidden"] + [f"hidden{i}" for i in range(1, 65)]:
        if f"{body}{name}.weight" in model:
            x = activation(dense(f"{body}{name}", x))
    return dense(last, x)


def normalised(x):  # with --normalize-obs
    norm = json.load(open(f"{newest}/model.obs-norm.json"))
    count, mean, squares = (np.array([n[k] for n in norm["running"]]) for k in ("count", "mean", "squares"))
    x = (x.reshape(len(x), -1) - mean) / np.sqrt(squares / count + 1e-8)
    return x.clip(-norm["clip"], norm["clip"]).astype(np.float32)


if len(sys.argv) > 2:
    obs = np.array(json.load(open(sys.argv[2])), dtype=np.float32)
else:  # every state of a known MDP, one-hot
    first = [k for k in model if k.endswith("hidden1.weight")] or [k for k in model if k.endswith("out.weight")]
    obs = np.eye(model[first[0]].shape[1], dtype=np.float32)
if os.path.exists(f"{newest}/model.obs-norm.json"):
    obs = normalised(obs).reshape(obs.shape)

if "out.weight" in model:  # dqn
    answer = {"q": network("", "out", relu, obs)}
    answer["actions"] = answer["q"].argmax(axis=1)
else:  # actor-critic, ppo; reinforce, whose baseline is in a file of its own
    shared = any(name.startswith("shared.") for name in model)
    policy, critic = ("shared.", "shared.") if shared else ("policy.", "critic.")
    outputs = network(policy, "policy.out", np.tanh, obs)  # logits, or the mean of an action vector
    answer = {"outputs": outputs, "actions": outputs if "policy.log_std" in model else outputs.argmax(axis=1)}
    if "critic.out.weight" in model:
        answer["critic"] = network(critic, "critic.out", np.tanh, obs)  # [N, 1], with --critic q [N, A]
print(json.dumps({key: value.tolist() for key, value in answer.items()}))
