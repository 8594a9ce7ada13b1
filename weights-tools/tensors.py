"""Tensors as they lie in a file, and their conversion to the types viseme reads."""
import numpy as np

from errors import Refusal, shown

MAX_RANK = 8
MAX_ELEMENTS = 1 << 40

# Types by their safetensors names. BF16 is handled as its 16-bit pattern.
NUMPY_TYPE = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1",
}
FLOATING = ("F64", "F32", "F16", "BF16")


def item_size(dtype):
    return np.dtype(NUMPY_TYPE[dtype]).itemsize


def element_count(shape):
    count = 1
    for n in shape:
        count *= n
    return count


def row_major_strides(shape):
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(shape[i + 1], 1)
    return tuple(strides)


class StoredTensor:
    """A view of a flat buffer: nothing is copied until f32() is called.

    fetch    returns the buffer (bytes-like); called by f32() only
    numel    elements in the buffer
    dtype    a key of NUMPY_TYPE
    shape, strides (both in elements), offset: as in torch.as_strided
    """

    def __init__(self, fetch, numel, dtype, shape, strides=None, offset=0):
        shape = tuple(shape)
        strides = row_major_strides(shape) if strides is None else tuple(strides)
        check_view(numel, shape, strides, offset)
        self.fetch, self.dtype, self.shape = fetch, dtype, shape
        self.strides, self.offset = strides, offset

    def f32(self):
        """The values as a new contiguous float32 array of self.shape."""
        if self.dtype not in FLOATING:
            raise Refusal(f"holds {self.dtype} integers where floating point values are needed")
        flat = np.frombuffer(self.fetch(), NUMPY_TYPE[self.dtype])
        view = np.lib.stride_tricks.as_strided(
            flat[self.offset:], self.shape, [s * flat.itemsize for s in self.strides],
            writeable=False)
        if self.dtype == "BF16":
            return bf16_to_f32(np.ascontiguousarray(view).reshape(self.shape))
        with np.errstate(over="ignore"):  # a double that is too large becomes Inf, checked later
            return np.array(view, np.float32, order="C")


def check_view(numel, shape, strides, offset):
    """Refuses a view that reaches outside a buffer of `numel` elements."""
    if len(shape) != len(strides) or len(shape) > MAX_RANK:
        raise Refusal(f"has {len(shape)} axes and {len(strides)} strides, at most {MAX_RANK} each")
    numbers = (numel, offset, *shape, *strides)
    if any(type(n) is not int or not 0 <= n <= MAX_ELEMENTS for n in numbers):
        raise Refusal("has a size, stride or offset that is not a sensible whole number")
    count = element_count(shape)
    if count > MAX_ELEMENTS:
        raise Refusal("has a shape that is too large")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides))
    if offset > numel or (count and last >= numel):
        raise Refusal(f"reaches outside its storage of {numel} elements")


def bf16_to_f32(bits):
    """uint16 bit patterns of bfloat16 -> float32, exact."""
    return (bits.reshape(-1).astype(np.uint32) << 16).view(np.float32).reshape(bits.shape)


def f32_to_bf16(values):
    """float32 -> uint16 bit patterns of bfloat16, round to nearest, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16).reshape(values.shape)


def encode(name, tensor, dtype):
    """Little-endian bytes of `tensor` in `dtype` (F32, F16 or BF16). Refuses values that are not
    finite: such weights come from a damaged file or a training run that diverged."""
    try:
        values = tensor.f32()
    except Refusal as e:
        raise Refusal(f"tensor {shown(name)} {e}") from None
    if dtype == "BF16":
        stored = f32_to_bf16(values)
        finite = (stored & 0x7F80) != 0x7F80
    else:
        with np.errstate(over="ignore"):
            stored = values.astype(NUMPY_TYPE[dtype], copy=False)
        finite = np.isfinite(stored)
    if not finite.all():
        bad = int(finite.size - np.count_nonzero(finite))
        raise Refusal(f"tensor {shown(name)} has {bad} values that are NaN, Inf or too large "
                      f"for {dtype}")
    return stored.astype(NUMPY_TYPE[dtype], copy=False).tobytes()
