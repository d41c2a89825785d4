"""Outputs and greedy actions of an exported policy: python3 run_onnx.py MODEL.onnx [OBSERVATIONS.json]"""

import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
about = session.get_modelmeta().custom_metadata_map  # algorithm, env, actions, …
names = [output.name for output in session.get_outputs()]
if len(sys.argv) > 2:
    obs = np.array(json.load(open(sys.argv[2])), dtype=np.float32)
else:  # every state of a known MDP, one-hot
    obs = np.eye(session.get_inputs()[0].shape[1], dtype=np.float32)

answer = dict(zip(names, session.run(None, {"observation": obs})))
actions = json.loads(about["actions"])  # names, or the bounds of a vector
if "mean" in answer:
    answer["actions"] = answer["mean"].clip(actions["low"], actions["high"])
else:  # logits, or Q values where there are none
    answer["actions"] = answer[names[0]].argmax(axis=1)
print(json.dumps({key: value.tolist() for key, value in answer.items()}))
