"""Q values of a DQN that lab trained: python3 read_policy.py RUN [OBSERVATIONS.json]"""

import glob
import json
import sys

import numpy as np
from safetensors.numpy import load_file

run = sys.argv[1]
newest = sorted(glob.glob(f"{run}/checkpoints/step-" + 12 * "[0-9]"))[-1]
model = load_file(f"{newest}/model.safetensors")


def dense(name, x):  # [N, inputs] to [N, outputs]
    return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]


def conv(name, x):  # [N, C, H, W] to [N, 16, H-2, W-2]: 3×3, stride 1, no padding
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    bias = model[f"{name}.bias"][:, None, None]
    return np.einsum("nchwij,ocij->nohw", patches, model[f"{name}.weight"]) + bias


def q_values(x):  # [N, …] to [N, actions]
    if "conv.weight" in model:  # an image
        x = np.maximum(conv("conv", x), 0).reshape(len(x), -1)
        x = np.maximum(dense("hidden", x), 0)
    else:  # a vector
        x = np.maximum(dense("hidden1", x), 0)
        x = np.maximum(dense("hidden2", x), 0)
    return dense("out", x)


if len(sys.argv) > 2:
    obs = np.array(json.load(open(sys.argv[2])), dtype=np.float32)
else:  # every state of a known MDP, one-hot
    obs = np.eye(model["hidden1.weight"].shape[1], dtype=np.float32)
q = q_values(obs)
print(json.dumps({"q": q.tolist(), "actions": q.argmax(axis=1).tolist()}))
