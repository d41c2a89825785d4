"""Sweeps of value iteration over a grid in Python's libraries: `solve.py CONTESTANT DIR`.

DIR holds the arrays that `benches/solve export` writes. Contestants: scipy (one sparse product for
each action, then the maximum), bettermdptools (its value_iteration, a loop in Python),
bettermdptools-vectorized (its value_iteration_vectorized; 200 sweeps a call, which turns its
dictionary into arrays once), and pymdptoolbox, which solves the whole problem at every step.
"""

import sys
import warnings
from pathlib import Path

import driver
import numpy as np

GAMMA = 0.99


def read(directory):
    """Pairs of each state, entries of each pair, next states, probabilities, rewards."""
    whole = [np.fromfile(directory / name, "<u8") for name in ("pairs", "entries", "next")]
    return *whole, *(np.fromfile(directory / name, "<f8") for name in ("prob", "reward"))


def matrices(directory):
    """For each action its matrix [S, S] and rewards [S]; rows of 0 for the end."""
    from scipy.sparse import csr_matrix

    pairs, entries, following, prob, reward = read(directory)
    states, counts = len(pairs) - 1, np.diff(pairs)
    actions = int(counts.max())
    products, rewards = [], np.zeros((actions, states))
    has = np.flatnonzero(counts)
    for action in range(actions):
        rows = (pairs[has] + action).astype(int)
        rewards[action, has] = reward[rows]
        lengths = np.zeros(states, int)
        lengths[has] = (entries[rows + 1] - entries[rows]).astype(int)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        places = np.concatenate([np.arange(entries[row], entries[row + 1]) for row in rows])
        places = places.astype(int)
        columns = following[places].astype(np.int32)
        products.append(csr_matrix((prob[places], columns, ends.astype(np.int32)), (states, states)))
    return products, rewards


def stochastic(products):
    """The same with rows that sum to 1: what ends leads to the end, which leads to itself."""
    from scipy.sparse import csr_matrix

    states = products[0].shape[0]
    end = int(np.flatnonzero(products[0].getnnz(axis=1) == 0)[0])
    left = [1.0 - product.sum(axis=1).A1 for product in products]
    rows = np.arange(states)
    to_end = [csr_matrix((share, (rows, np.full(states, end))), (states, states)) for share in left]
    return [product + share for product, share in zip(products, to_end)]


def scipy(directory):
    products, rewards = matrices(directory)
    values = np.zeros(rewards.shape[1])

    def step():
        nonlocal values
        best = rewards[0] + GAMMA * (products[0] @ values)
        for product, reward in zip(products[1:], rewards[1:]):
            np.maximum(best, reward + GAMMA * (product @ values), out=best)
        residual = np.abs(best - values).max()
        values = best
        return residual

    return step, 1


def pymdptoolbox(directory):
    from mdptoolbox.mdp import ValueIteration

    products, rewards = matrices(directory)
    products, rewards = stochastic(products), rewards.T

    def step():
        ValueIteration(products, rewards, GAMMA, epsilon=1e-6, max_iter=100_000).run()

    return step, 1


def dictionary(directory):
    """P[state][action]: (probability, next state, reward, whether it ends) each; an end stays."""
    pairs, entries, following, prob, reward = (values.tolist() for values in read(directory))
    result = {}
    for state, (first, last) in enumerate(zip(pairs, pairs[1:])):
        result[state] = {}
        for action, pair in enumerate(range(first, last)):
            row = range(entries[pair], entries[pair + 1])
            outcomes = [(prob[i], following[i], reward[pair], False) for i in row]
            left = 1.0 - sum(prob[i] for i in row)
            if left > 1e-12:
                outcomes.append((left, state, reward[pair], True))
            result[state][action] = outcomes
        if first == last:
            result[state] = {action: [(1.0, state, 0.0, True)] for action in range(4)}
    return result


def bettermdptools(directory):
    from bettermdptools.algorithms.planner import Planner

    planner = Planner(dictionary(directory))
    return lambda: planner.value_iteration(GAMMA, n_iters=2), 1


def bettermdptools_vectorized(directory):
    from bettermdptools.algorithms.planner import Planner

    planner = Planner(dictionary(directory))
    return lambda: planner.value_iteration_vectorized(GAMMA, n_iters=201, theta=0.0), 200


def main():
    contestant, directory = sys.argv[1:]
    # Sweeps are cut short on purpose.
    warnings.simplefilter("ignore")
    setup = globals()[contestant.replace("-", "_")]
    driver.serve_sweeps(lambda: setup(Path(directory)))


if __name__ == "__main__":
    main()
