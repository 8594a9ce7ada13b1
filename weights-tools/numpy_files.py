"""NumPy's .npz: a zip archive of .npy files. Object arrays, which need pickle, are refused."""
import re

from errors import Refusal, shown
from tensors import NUMPY_TYPE, StoredTensor, element_count, item_size

# The header is a Python literal, always written in this form; nothing is evaluated.
HEADER = re.compile(rb"\{'descr': '([^']{1,16})', 'fortran_order': (True|False), "
                    rb"'shape': \(((?:\d{1,16}, ?)*(?:\d{1,16})?)\), \} *\n")
DTYPES = {numpy: ours for ours, numpy in NUMPY_TYPE.items() if ours != "BF16"}


def read_npz(archive):
    """archive: a zip_reader.Zip whose entries are .npy files. Returns {name: StoredTensor}."""
    return {name[:-len(".npy")]: read_npy(archive, name) for name in archive.entries}


def read_npy(archive, name):
    content = memoryview(archive.read(name, may_inflate=True))
    head = bytes(content[:12])
    if head[:6] != b"\x93NUMPY" or head[6:7] not in b"\x01\x02\x03" or len(head) < 12:
        raise Refusal(f"has an entry {shown(name)} that is not a NumPy array")
    start = 10 if head[6] == 1 else 12
    data_at = start + int.from_bytes(head[8:start], "little")
    match = HEADER.fullmatch(bytes(content[start:min(data_at, start + 4096)]))
    if match is None:
        raise Refusal(f"has an array {shown(name)} with a header that is not plain")
    dtype = DTYPES.get(match[1].decode("latin-1"))
    if dtype is None:
        raise Refusal(f"has an array {shown(name)} of type {shown(match[1].decode('latin-1'))}, "
                      "which is not a plain little-endian number")
    shape = tuple(int(n) for n in match[3].replace(b" ", b"").split(b",") if n)
    count = element_count(shape)
    if len(content) - data_at != count * item_size(dtype):
        raise Refusal(f"has an array {shown(name)} whose size does not fit its shape")
    strides = None
    if match[2] == b"True":
        strides = [element_count(shape[:i]) for i in range(len(shape))]
    try:
        return StoredTensor(lambda: content[data_at:], count, dtype, shape, strides)
    except Refusal as e:
        raise Refusal(f"has an array {shown(name)} that {e}") from None
