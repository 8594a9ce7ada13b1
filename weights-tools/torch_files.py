"""What torch.save writes, zip (since 1.6) and legacy, and TorchScript archives."""
import struct

from errors import Refusal, shown
from tensors import StoredTensor, item_size
from unpickle import ScriptModule, Storage, unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MAX_DEPTH = 64
MAX_ATTRIBUTES = 100_000


def read_zip(archive):
    """archive: a zip_reader.Zip. Returns the object that was saved, of a TorchScript archive the
    state_dict of its module."""
    names = [n for n in archive.entries if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(names) != 1:
        raise Refusal("is a zip archive without exactly one data.pkl: not made by torch.save")
    root = names[0][:-len("data.pkl")]
    if root + "byteorder" in archive.entries and \
            bytes(archive.read(root + "byteorder")) != b"little":
        raise Refusal("was written on a big-endian machine, which is not supported")
    cache = {}

    def storage(dtype, key, numel, _view):
        name = root + "data/" + key
        entry = archive.entries.get(name)
        if entry is None:
            raise Refusal(f"lacks the storage {shown(name)}")
        if entry.size != numel * item_size(dtype):
            raise Refusal(f"has a storage {shown(name)} of {entry.size} bytes where its pickle "
                          f"states {numel} elements of {dtype}")

        def fetch():
            if name not in cache:
                cache[name] = archive.read(name)
            return cache[name]

        return Storage(dtype, numel, fetch)

    value = unpickle(archive.read(names[0]), 0, storage)[0]
    return script_state(value) if root + "constants.pkl" in archive.entries else value


def script_state(module):
    """{dotted name: tensor} of a ScriptModule and the modules in it; other attributes are left
    out. The code of the archive is not looked at."""
    if not isinstance(module, ScriptModule):
        raise Refusal("is a TorchScript archive of something other than a module")
    state, todo, seen = {}, [("", module, 0)], 0
    while todo:
        prefix, inner, depth = todo.pop()
        seen += len(inner)
        if seen > MAX_ATTRIBUTES or depth > MAX_DEPTH:
            raise Refusal("is a TorchScript archive with far more modules than a network has")
        for name, value in inner.items():
            if isinstance(value, ScriptModule):
                todo.append((f"{prefix}{name}.", value, depth + 1))
            elif isinstance(value, StoredTensor):
                state[f"{prefix}{name}"] = value
    if not state:
        raise Refusal("is a TorchScript archive without named weights (a frozen one?): save the "
                      "state_dict() of the module it was made from")
    return state


def is_legacy(data):
    """The magic number is itself a small pickle of one long integer."""
    magic = LEGACY_MAGIC.to_bytes(10, "little")
    return bytes(data[:1]) == b"\x80" and magic in bytes(data[:32])


def read_legacy(data):
    """data: the whole file as a memoryview. Five pickles (magic, protocol, system, object, list
    of storage keys), then each storage in that order: int64 count and its elements."""
    magic, at = unpickle(data)
    protocol, at = unpickle(data, at)
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL:
        raise Refusal(f"has protocol {shown(protocol)} of torch.save, known is {LEGACY_PROTOCOL}")
    system, at = unpickle(data, at)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refusal("was written on a big-endian machine, which is not supported")
    named, places = {}, {}

    def storage(dtype, key, numel, view):
        if named.setdefault(key, (dtype, numel)) != (dtype, numel):
            raise Refusal(f"names the storage {shown(key)} in two different ways")
        first, count = 0, numel
        if view is not None:
            if not isinstance(view, tuple) or len(view) != 3:
                raise Refusal("has a damaged storage view")
            first, count = view[1:]
            if type(first) is not int or type(count) is not int or \
                    not 0 <= first <= first + count <= numel:
                raise Refusal("has a storage view that reaches outside its storage")
        size = item_size(dtype)

        def fetch():
            start = places[key] + first * size
            return data[start:start + count * size]

        return Storage(dtype, count, fetch)

    value, at = unpickle(data, at, storage)
    keys, at = unpickle(data, at)
    if not isinstance(keys, list) or any(not isinstance(k, str) for k in keys) or \
            len(set(keys)) != len(keys) or set(keys) != set(named):
        raise Refusal("is damaged: its list of storages does not fit its tensors")
    for key in keys:
        dtype, numel = named[key]
        if at + 8 > len(data):
            raise Refusal("is cut short: download it again")
        if struct.unpack_from("<q", data, at)[0] != numel:
            raise Refusal(f"is damaged: storage {shown(key)} states another size than its tensors")
        places[key] = at + 8
        at += 8 + numel * item_size(dtype)
        if at > len(data):
            raise Refusal("is cut short: download it again")
    if at != len(data):
        raise Refusal(f"has {len(data) - at} bytes after its last storage")
    return value
