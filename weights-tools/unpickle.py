"""Reads the pickles that torch.save writes without running anything in them.

A pickle is a program for a stack machine. This module is a second machine for the same
programs that can only build plain values: None, bool, int, float, str, bytes, tuple, list,
dict, and tensors. A name that a pickle asks for (GLOBAL) is looked up in ALLOWED and becomes
one of our own marker values; it is never imported. "Calling" a marker (REDUCE) runs the few
lines below for that marker. Setting state (BUILD) is accepted for an OrderedDict, where torch
keeps its bookkeeping, and thrown away.

Training frameworks put more beside the weights: hyperparameters, paths, times. What their
classes (IGNORED) would make becomes an Ignored, which swallows everything that is put into it.
The modules of a TorchScript archive are objects of classes whose names start with __torch__; they
become a ScriptModule, which keeps its attributes and has no behaviour.

Opcodes: the Python standard library's pickletools documents them. Text opcodes of protocols 0
and 1, which torch.save never writes, are refused.
"""
import struct

from errors import Refusal, shown
from tensors import StoredTensor

MAX_BYTES = 64 << 20
MAX_STEPS = 2 << 20  # opcodes, and items copied by calls; large checkpoints need a tenth of it
MAX_INTEGER_BYTES = 16
KEY_LIMIT = 1 << 63

STORAGES = {
    "FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16",
    "BFloat16Storage": "BF16", "LongStorage": "I64", "IntStorage": "I32",
    "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
}


class Marker:
    """Stands for an allowed global: `kind` says what calling it does, `name` what it is called
    where it is of no use."""

    def __init__(self, kind, dtype=None, name=None):
        self.kind, self.dtype, self.name = kind, dtype, name


ALLOWED = {
    ("collections", "OrderedDict"): Marker("dict"),
    ("builtins", "set"): Marker("set"),
    ("__builtin__", "set"): Marker("set"),
    ("torch", "Size"): Marker("tuple"),
    ("torch._utils", "_rebuild_tensor"): Marker("tensor"),
    ("torch._utils", "_rebuild_tensor_v2"): Marker("tensor"),
    ("torch._utils", "_rebuild_parameter"): Marker("parameter"),
    ("torch.jit._pickle", "build_intlist"): Marker("list"),
    ("torch.jit._pickle", "build_doublelist"): Marker("list"),
    ("torch.jit._pickle", "build_boollist"): Marker("list"),
    ("torch.jit._pickle", "build_tensorlist"): Marker("list"),
    ("torch.jit._pickle", "restore_type_tag"): Marker("tagged"),
}
# Beside the weights, never in them: packages (all their names), and single names.
IGNORED_PACKAGES = ("argparse", "pytorch_lightning", "lightning", "lightning_fabric", "omegaconf",
                    "pathlib", "datetime")
IGNORED = {
    "builtins": ("dict", "list", "tuple", "int", "float", "bool", "str", "complex", "object"),
    "__builtin__": ("dict", "list", "tuple", "int", "float", "bool", "unicode", "complex",
                    "object"),
    "collections": ("defaultdict", "Counter", "deque"),
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("scalar", "_reconstruct"),
    "numpy._core.multiarray": ("scalar", "_reconstruct"),
    "_codecs": ("encode",),
    "typing": ("Any",),
    "torch": ("device", "float16", "float32", "float64", "bfloat16", "int32", "int64", "bool"),
}
for _module in ("torch", "torch.storage", "torch.cuda"):
    for _name, _dtype in STORAGES.items():
        ALLOWED[_module, _name] = Marker("storage", _dtype)


class Storage:
    """A flat buffer that the pickle names. fetch() returns its bytes."""

    def __init__(self, dtype, numel, fetch):
        self.dtype, self.numel, self.fetch = dtype, numel, fetch


class OrderedDict(dict):
    """What collections.OrderedDict becomes: a dict that takes (and drops) state."""


class Ignored:
    """What a call of an IGNORED name made: nothing is known of it but that name."""

    def __init__(self, name):
        self.name = name


class ScriptModule(dict):
    """A module of a TorchScript archive: {attribute: value}."""


class Machine:
    """Runs one pickle.

    data, start  the bytes, and where the pickle starts in them
    storage      called with (dtype, key, numel, view) for every storage the pickle names;
                 returns a Storage. None: no storages allowed.
    """

    def __init__(self, data, start=0, storage=None):
        self.data, self.pos, self.end = data, start, min(len(data), start + MAX_BYTES)
        self.storage = storage
        self.steps = 0
        self.stack, self.marks, self.memo = [], [], {}

    def run(self):
        """The value, and the position after the pickle."""
        ops = self.OPS
        while True:
            self.step(1)
            code = self.take(1)[0]
            if code == 0x2E:  # STOP
                return self.pop(), self.pos
            op = ops.get(code)
            if op is None:
                raise Refusal(f"its pickle uses opcode 0x{code:02x}, which weights never need")
            op(self)

    def step(self, n):
        self.steps += n
        if self.steps > MAX_STEPS:
            raise Refusal("its pickle is far larger than weights need")

    # ---- reading the program

    def take(self, n):
        if n > self.end - self.pos:
            raise Refusal("its pickle is cut short or damaged")
        self.pos += n
        return bytes(self.data[self.pos - n:self.pos])

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self):
        window = bytes(self.data[self.pos:min(self.end, self.pos + 256)])
        cut = window.find(b"\n")
        if cut < 0:
            raise Refusal("its pickle is damaged: a name does not end")
        self.pos += cut + 1
        return self.text(window[:cut])

    @staticmethod
    def text(raw):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("its pickle is damaged: a text is not UTF-8") from None

    # ---- the stack

    def push(self, value):
        self.stack.append(value)

    def pop(self):
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Refusal("its pickle is damaged: the stack is empty")
        return self.stack.pop()

    def top(self, kind):
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Refusal("its pickle is damaged: the stack is empty")
        if not isinstance(self.stack[-1], kind):
            raise Refusal("its pickle is damaged: a value is put into something not a container")
        return self.stack[-1]

    def pop_mark(self):
        if not self.marks:
            raise Refusal("its pickle is damaged: a mark is missing")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def do_mark(self):
        self.marks.append(len(self.stack))

    def do_pop(self):
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.pop()

    # ---- containers

    def do_tuple(self, n):
        items = [self.pop() for _ in range(n)]
        self.push(tuple(reversed(items)))

    def do_append(self):
        value = self.pop()
        target = self.top((list, Ignored))
        if isinstance(target, list):
            target.append(value)

    def do_appends(self):
        items = self.pop_mark()
        target = self.top((list, Ignored))
        if isinstance(target, list):
            target.extend(items)

    @staticmethod
    def set_item(target, key, value):
        if isinstance(target, Ignored):
            return
        # Only keys whose hash is cheap and spread: nested tuples could take for ever.
        if not (isinstance(key, (str, Marker)) or key is None or
                (isinstance(key, int) and -KEY_LIMIT <= key < KEY_LIMIT)):
            raise Refusal("its pickle has a dictionary with keys other than texts and integers")
        target[key] = value

    def do_setitem(self):
        value, key = self.pop(), self.pop()
        self.set_item(self.top((dict, Ignored)), key, value)

    def do_setitems(self):
        items = self.pop_mark()
        if len(items) % 2:
            raise Refusal("its pickle is damaged: a dictionary has a key without a value")
        target = self.top((dict, Ignored))
        for i in range(0, len(items), 2):
            self.set_item(target, items[i], items[i + 1])

    # ---- memo

    def put(self, index):
        self.memo[index] = self.top(object)

    def get(self, index):
        if index not in self.memo:
            raise Refusal("its pickle is damaged: it refers to a value it never made")
        self.push(self.memo[index])

    # ---- names, calls, state

    def find(self, module, name):
        marker = ALLOWED.get((module, name)) if isinstance(name, str) else None
        if marker is None and isinstance(name, str):
            if name in IGNORED.get(module, ()) or module.split(".")[0] in IGNORED_PACKAGES:
                marker = Marker("ignored", name=f"{module}.{name}")
            elif module.split(".")[0] == "__torch__":
                marker = Marker("module")
        if marker is None:
            raise Refusal(
                f"its pickle asks for {shown(module)}.{shown(name)}, which is neither a tensor nor "
                "a plain container; nothing was run: save only the state_dict and convert that")
        self.push(marker)

    def do_global(self):
        module = self.line()
        self.find(module, self.line())

    def do_inst(self):
        self.do_global()
        raise Refusal("its pickle makes objects in a way torch.save does not")

    def do_stack_global(self):
        name, module = self.pop(), self.pop()
        if not isinstance(module, str):
            raise Refusal("its pickle is damaged: a global has no name")
        self.find(module, name)

    def do_reduce(self):
        args, function = self.pop(), self.pop()
        if not isinstance(function, Marker) or not isinstance(args, tuple):
            raise Refusal("its pickle calls something that cannot be called")
        if function.kind == "ignored":
            self.push(Ignored(function.name))
        else:
            self.push(getattr(self, "call_" + function.kind)(args))

    def do_newobj(self):
        args, made = self.pop(), self.pop()
        if not isinstance(made, Marker) or made.kind not in ("ignored", "module", "dict") or \
                not isinstance(args, tuple):
            raise Refusal("its pickle makes objects of something that is no class")
        self.push(ScriptModule() if made.kind == "module" else
                  OrderedDict() if made.kind == "dict" else Ignored(made.name))

    def do_newobj_ex(self):
        self.pop()  # arguments by name
        self.do_newobj()

    def call_module(self, _args):
        raise Refusal("its pickle makes TorchScript objects in a way torch does not")

    def call_list(self, args):
        if len(args) != 1 or not isinstance(args[0], list):
            raise Refusal("its pickle is damaged: a list is made of something else")
        return args[0]

    def call_tagged(self, args):
        if len(args) != 2:
            raise Refusal("its pickle is damaged: a value has no type")
        return args[0]

    def call_dict(self, args):
        made = OrderedDict()
        self.step(sum(len(a) for a in args if isinstance(a, (list, tuple))))
        if len(args) > 1 or (args and not isinstance(args[0], (list, tuple))):
            raise Refusal("its pickle is damaged: a dictionary is made of something else")
        for pair in args[0] if args else ():
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise Refusal("its pickle is damaged: a dictionary is made of something else")
            self.set_item(made, pair[0], pair[1])
        return made

    def call_set(self, args):
        if len(args) != 1 or not isinstance(args[0], list):
            raise Refusal("its pickle is damaged: a set is made of something else")
        return args[0]

    def call_tuple(self, args):
        if len(args) != 1 or not isinstance(args[0], (list, tuple)):
            raise Refusal("its pickle is damaged: a shape is made of something else")
        self.step(len(args[0]))
        return tuple(args[0])

    def call_storage(self, _args):
        raise Refusal("its pickle holds a storage in place of a tensor")

    def call_tensor(self, args):
        if len(args) < 4 or not isinstance(args[0], Storage):
            raise Refusal("its pickle is damaged: a tensor has no storage")
        storage, offset, shape, strides = args[:4]
        if len(args) > 6 and args[6]:
            raise Refusal("its pickle has a tensor that waits to be conjugated or negated")
        if not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise Refusal("its pickle is damaged: a tensor has no shape")
        try:
            return StoredTensor(storage.fetch, storage.numel, storage.dtype, shape, strides, offset)
        except Refusal as e:
            raise Refusal(f"a tensor in its pickle {e}") from None

    def call_parameter(self, args):
        if not args or not isinstance(args[0], StoredTensor):
            raise Refusal("its pickle is damaged: a parameter has no tensor")
        return args[0]

    def do_build(self):
        state, target = self.pop(), self.top(object)
        if isinstance(target, ScriptModule):
            if not isinstance(state, dict):
                raise Refusal("its pickle has a TorchScript object with a state of its own")
            self.step(len(state))
            target.update(state)
        elif not isinstance(target, (OrderedDict, Ignored)):  # torch's _metadata is not needed
            raise Refusal("its pickle sets the state of something that has none")

    def do_persistent_id(self):
        pid = self.pop()
        if (self.storage is None or not isinstance(pid, tuple) or len(pid) not in (5, 6)
                or pid[0] != "storage" or not isinstance(pid[1], Marker)
                or pid[1].kind != "storage" or not isinstance(pid[2], str)
                or type(pid[4]) is not int or pid[4] < 0):
            raise Refusal("its pickle names a storage in a way torch.save does not")
        view = pid[5] if len(pid) == 6 else None
        self.push(self.storage(pid[1].dtype, pid[2], pid[4], view))

    def do_proto(self):
        version = self.take(1)[0]
        if version > 5:
            raise Refusal(f"its pickle has protocol {version}, known are 2 to 5")

    def do_long(self, length):
        if not 0 <= length <= MAX_INTEGER_BYTES:
            raise Refusal("its pickle has an integer that is too large")
        self.push(int.from_bytes(self.take(length), "little", signed=True))

    OPS = {
        0x80: do_proto,
        0x95: lambda m: m.take(8),  # FRAME: only a hint
        0x28: do_mark,
        0x30: do_pop,
        0x31: pop_mark,
        0x32: lambda m: m.push(m.top(object)),  # DUP
        0x4E: lambda m: m.push(None),
        0x88: lambda m: m.push(True),
        0x89: lambda m: m.push(False),
        0x4A: lambda m: m.push(m.number("<i")),
        0x4B: lambda m: m.push(m.number("<B")),
        0x4D: lambda m: m.push(m.number("<H")),
        0x8A: lambda m: m.do_long(m.number("<B")),
        0x8B: lambda m: m.do_long(m.number("<i")),
        0x47: lambda m: m.push(m.number(">d")),
        0x55: lambda m: m.push(m.text(m.take(m.number("<B")))),  # SHORT_BINSTRING (Python 2)
        0x54: lambda m: m.push(m.text(m.take(m.number("<I")))),  # BINSTRING
        0x58: lambda m: m.push(m.text(m.take(m.number("<I")))),  # BINUNICODE
        0x8C: lambda m: m.push(m.text(m.take(m.number("<B")))),
        0x8D: lambda m: m.push(m.text(m.take(m.number("<Q")))),
        0x43: lambda m: m.push(m.take(m.number("<B"))),  # SHORT_BINBYTES
        0x42: lambda m: m.push(m.take(m.number("<I"))),
        0x8E: lambda m: m.push(m.take(m.number("<Q"))),
        0x5D: lambda m: m.push([]),
        0x61: do_append,
        0x65: do_appends,
        0x29: lambda m: m.push(()),
        0x74: lambda m: m.push(tuple(m.pop_mark())),
        0x85: lambda m: m.do_tuple(1),
        0x86: lambda m: m.do_tuple(2),
        0x87: lambda m: m.do_tuple(3),
        0x7D: lambda m: m.push({}),
        0x73: do_setitem,
        0x75: do_setitems,
        0x8F: lambda m: m.push([]),  # EMPTY_SET: a list will do, only tensors are looked for
        0x90: do_appends,  # ADDITEMS
        0x91: lambda m: m.push(m.pop_mark()),  # FROZENSET
        0x71: lambda m: m.put(m.number("<B")),
        0x72: lambda m: m.put(m.number("<I")),
        0x94: lambda m: m.put(len(m.memo)),  # MEMOIZE
        0x68: lambda m: m.get(m.number("<B")),
        0x6A: lambda m: m.get(m.number("<I")),
        0x63: do_global,
        0x93: do_stack_global,
        0x69: do_inst,
        0x52: do_reduce,
        0x81: do_newobj,
        0x92: do_newobj_ex,
        0x62: do_build,
        0x51: do_persistent_id,
    }


def unpickle(data, start=0, storage=None):
    """Runs the pickle at `start`; returns (value, position after it)."""
    return Machine(data, start, storage).run()
