"""Stand-in weights and inputs that anybody can make again: every tensor is drawn from a
generator seeded by the CRC-32 of its own name. The streams of numpy.random.RandomState are
frozen, so the values do not depend on NumPy's version."""
import zlib

import numpy as np


def generator(name):
    return np.random.RandomState(zlib.crc32(name.encode()))


def seeded_param(name, shape):
    """float32 array for the state_dict entry `name` (int64 zeros for num_batches_tracked).

    running_var: U[1, 1.1); running_mean: 0.1 N(0, 1); other tensors of rank 0 and 1:
    0.05 N(0, 1), around 1 if the name ends in "weight", else around 0; rank 2 and above:
    N(0, 2 / fan_in), fan_in being the product of all axes but the first.
    """
    rng = generator(name)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var"):
        values = 1 + 0.1 * rng.random_sample(shape)
    elif name.endswith("running_mean"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) <= 1:
        centre = 1.0 if name.endswith("weight") else 0.0
        values = centre + 0.05 * rng.standard_normal(shape)
    else:
        values = rng.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[1:]))
    return np.asarray(values, np.float32)


def seeded_state(shapes, overrides=()):
    """{name: array} for {name: shape}; arrays in `overrides`, {name: array}, replace drawn ones."""
    state = {name: seeded_param(name, tuple(shape)) for name, shape in shapes.items()}
    for name in overrides:
        state[name] = overrides[name].astype(state[name].dtype).reshape(state[name].shape)
    return state


def seeded_input(name, shape, low=0.0, high=1.0):
    """float32 input `name`, uniform in [low, high)."""
    return np.asarray(low + (high - low) * generator("input:" + name).random_sample(shape),
                      np.float32)
