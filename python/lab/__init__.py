"""lab in Python: its environments for Gymnasium, and its runs as functions of NumPy arrays.

>>> import lab
>>> env = lab.make("breakout", sticky=0.0)
>>> envs = lab.make_vec("breakout", num_envs=8)
>>> agent = lab.load("runs/dqn-breakout-s1")
"""

import gymnasium

from lab_native import _lab

from .model import Model, load
from .runs import metrics

__all__ = ["Model", "environments", "id_of", "load", "make", "make_vec", "metrics", "options"]

_ENVIRONMENTS = {name: (about, dict(options)) for name, about, options in _lab.environments()}


def environments():
    """Every environment: its name and a line about it."""
    return {name: about for name, (about, _) in _ENVIRONMENTS.items()}


def options(name):
    """The options of an environment, with their defaults."""
    import json

    return {option: json.loads(default) for option, default in _known(name)[1].items()}


def id_of(name):
    """The id by which Gymnasium knows an environment: `lab/Breakout-v0` is `breakout`."""
    _known(name)
    return "lab/" + "".join(part[0].upper() + part[1:] for part in name.split("-")) + "-v0"


def make(name, render_mode=None, **options):
    """An environment as `gymnasium.Env`, made by `gymnasium.make`."""
    return gymnasium.make(id_of(name), render_mode=render_mode, **options)


def make_vec(name, num_envs=1, render_mode=None, **options):
    """Copies of an environment as `gymnasium.vector.VectorEnv`, which Rust steps in one call."""
    return gymnasium.make_vec(
        id_of(name),
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        render_mode=render_mode,
        **options,
    )


def _known(name):
    if name in _ENVIRONMENTS:
        return _ENVIRONMENTS[name]
    # Names the nearest one.
    _lab.Env(name, {})
    raise ValueError(f"{name}: give it by lab's own name; there are {', '.join(_ENVIRONMENTS)}")


for _name in _ENVIRONMENTS:
    gymnasium.register(
        id=id_of(_name),
        entry_point="lab.env:Env",
        vector_entry_point="lab.vector:VectorEnv",
        kwargs={"name": _name},
    )
del _name
