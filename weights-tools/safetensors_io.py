"""Reads and writes safetensors files (docs/weights-format.md)."""
import json
import struct
import zlib

from errors import Refusal, shown
from output import complete_file
from tensors import NUMPY_TYPE, StoredTensor, element_count, encode, item_size

MAX_HEADER = 100_000_000
ALIGNMENT = 64


def looks_like(data):
    """8 bytes of header length, then a JSON object."""
    if len(data) < 10:
        return False
    length = struct.unpack_from("<Q", data)[0]
    return 2 <= length <= MAX_HEADER and bytes(data[8:9]) == b"{"


def strict_object(pairs):
    """For json.loads: an object in which no name comes twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name comes twice")
    return made


def parse_json(text):
    """json.loads, but strict: no NaN, no duplicate names. Raises ValueError."""
    def constant(name):
        raise ValueError(f"{name} is not JSON")
    try:
        return json.loads(text, object_pairs_hook=strict_object, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read(data):
    """data: the whole file as a memoryview. Returns ({name: StoredTensor}, metadata)."""
    length = struct.unpack_from("<Q", data)[0]
    if 8 + length > len(data):
        raise Refusal("is a safetensors file cut short: download it again")
    try:
        header = parse_json(bytes(data[8:8 + length]).decode("utf-8"))
    except ValueError as e:
        raise Refusal(f"has a damaged safetensors header: {shown(str(e))}") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or \
            any(not isinstance(v, str) for v in metadata.values()):
        raise Refusal("has a damaged safetensors header: __metadata__ is not a map of texts")
    body, tensors, spans = data[8 + length:], {}, []
    for name, fields in header.items():
        try:
            tensors[name], span = one_tensor(fields, body)
        except Refusal as e:
            raise Refusal(f"has a tensor {shown(name)} that {e}") from None
        spans.append(span)
    at = 0
    for start, end in sorted(spans):
        if start != at:
            raise Refusal("has tensors that overlap or leave holes")
        at = end
    if at != len(body):
        raise Refusal(f"has {len(body)} bytes of data where its header describes {at}: "
                      "download it again")
    return tensors, metadata


def one_tensor(fields, body):
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise Refusal("has other fields than dtype, shape and data_offsets")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in NUMPY_TYPE:
        raise Refusal(f"has the unknown type {shown(dtype)}")
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2 or \
            any(type(n) is not int or n < 0 for n in shape + offsets):
        raise Refusal("has a damaged shape or place")
    start, end = offsets
    if not start <= end <= len(body):
        raise Refusal("reaches outside the file: download it again")
    StoredTensor(None, 1 << 40, dtype, shape, [0] * len(shape))  # refuses absurd shapes
    count = element_count(shape)
    if count * item_size(dtype) != end - start:
        raise Refusal(f"has {end - start} bytes where its shape needs {count * item_size(dtype)}")
    return StoredTensor(lambda: body[start:end], count, dtype, shape), (start, end)


def layout(shapes, dtypes):
    """Names in file order (larger elements first, then by name, so that every tensor is aligned
    to its own element size) and the header entries."""
    order = sorted(shapes, key=lambda n: (-item_size(dtypes[n]), n.encode()))
    entries, at = {}, 0
    for name in order:
        size = element_count(shapes[name]) * item_size(dtypes[name])
        entries[name] = {"dtype": dtypes[name], "shape": list(shapes[name]),
                         "data_offsets": [at, at + size]}
        at += size
    return order, entries


def header_bytes(metadata, entries):
    """Length and JSON, padded with spaces so that the data starts on a multiple of ALIGNMENT."""
    text = json.dumps({"__metadata__": dict(sorted(metadata.items())), **entries},
                      ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def write(path, tensors, dtype, metadata, progress=lambda done, total: None):
    """Writes {name: StoredTensor} as `dtype` ("F32", "F16" or "BF16") with `metadata`, to which
    viseme.crc32 is added. The file appears under its name only when it is complete. The bytes
    depend on the arguments alone. Returns the file's size."""
    order, entries = layout({n: t.shape for n, t in tensors.items()}, dict.fromkeys(tensors, dtype))
    head = header_bytes({**metadata, "viseme.crc32": "00000000"}, entries)
    with complete_file(path) as out:
        out.write(head)
        crc = 0
        for done, name in enumerate(order):
            progress(done, len(order))
            raw = encode(name, tensors[name], dtype)
            crc = zlib.crc32(raw, crc)
            out.write(raw)
        progress(len(order), len(order))
        size = out.tell()
        out.seek(0)
        out.write(header_bytes({**metadata, "viseme.crc32": f"{crc:08x}"}, entries))
    return size
