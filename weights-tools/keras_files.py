"""Keras's HDF5 files (save_weights, or save with the weights under model_weights).

Keras 2 itself loads such files by order, not by name, because names depend on its version and on
what else was built in the same process: layers that have weights in the order of the attribute
layer_names, and of each layer its weights in the order of weight_names. So does read_h5().
"""
import io

from errors import EXIT_INPUT, Refusal, shown
from tensors import NUMPY_TYPE, StoredTensor

MAX_WEIGHTS = 4096
MAX_ELEMENTS = 1 << 28
DTYPES = {"<f8": "F64", "<f4": "F32", "<f2": "F16"}


def read_h5(data):
    """data: the whole file. Returns {layer/weight name: StoredTensor} in the order of the file."""
    try:
        import h5py
    except ImportError:
        raise Refusal("is an HDF5 (Keras) file: reading it needs the Python package h5py "
                      "(Debian's python3-h5py)", EXIT_INPUT) from None
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return read_weights(h5py, file)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as e:
        raise Refusal(f"is a damaged HDF5 file: {shown(str(e), 120)}") from None


def read_weights(h5py, file):
    root = file
    if "layer_names" not in root.attrs and "layer_names0" not in root.attrs:
        if "model_weights" not in file:
            raise Refusal("is an HDF5 file without Keras's layer_names: save the weights with "
                          "save_weights()")
        root = inside(h5py, file, "model_weights")
    tensors = {}
    for layer in names(root, "layer_names"):
        group = inside(h5py, root, layer)
        for weight in names(group, "weight_names"):
            key = f"{layer}/{weight}"
            if key in tensors or len(tensors) == MAX_WEIGHTS:
                raise Refusal(f"lists the weight {shown(key)} twice, or far too many")
            tensors[key] = tensor(inside(h5py, group, weight), key)
    return tensors


def names(group, attribute):
    """A list of texts; Keras splits long ones over attribute0, attribute1, ..."""
    if attribute in group.attrs:
        found = list(group.attrs[attribute])
    else:
        found, n = [], 0
        while f"{attribute}{n}" in group.attrs:
            found += list(group.attrs[f"{attribute}{n}"])
            n += 1
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in found]


def inside(h5py, group, path):
    """What `path` in `group` is, following hard links only: others lead to other files."""
    for part in path.split("/"):
        link = group.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise Refusal(f"has no {shown(path)}, or only a link in its place")
        group = group[part]
    return group


def tensor(dataset, key):
    dtype = DTYPES.get(dataset.dtype.str)
    if dtype is None:
        raise Refusal(f"has a weight {shown(key)} of type {shown(str(dataset.dtype))}")
    if dataset.external or dataset.is_virtual:
        raise Refusal(f"has a weight {shown(key)} that lies in another file")
    if dataset.size > MAX_ELEMENTS:
        raise Refusal(f"has a weight {shown(key)} of {dataset.size} elements, which is too large")
    values = dataset[()].astype(NUMPY_TYPE[dtype], order="C")
    return StoredTensor(values.tobytes, values.size, dtype, values.shape)
