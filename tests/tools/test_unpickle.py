"""Hostile pickles: nothing in them may run, and each is refused by name."""
import io
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import checkpoint
import torch_files
import unpickle
from conftest import TOOLS
from errors import Refusal

MAGIC = pickle.dumps(torch_files.LEGACY_MAGIC, 2) + pickle.dumps(1001, 2) + \
    pickle.dumps({"little_endian": True, "protocol_version": 1001, "type_sizes": {}}, 2)

ORDERED = b"\x80\x02ccollections\nOrderedDict\n"


def in_zip(program):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", bytes(64))
    return buffer.getvalue()


def in_legacy(program):
    return MAGIC + program + pickle.dumps(["0"], 2) + struct.pack("<q", 16) + bytes(64)


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state

    def __reduce__(self):
        return (self.function, self.arguments) + (() if self.state is None else (self.state,))


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def attack_programs(marker):
    """{name that must be refused: pickle} of programs that would create the file `marker`."""
    touch = f"touch {marker}"
    python = f"open({marker!r}, 'w')"
    programs = {
        "posix.system": pickle.dumps(Call(os.system, touch), 2),
        "subprocess.Popen": pickle.dumps(Call(subprocess.Popen, ["touch", marker]), 4),
        "builtins.eval": pickle.dumps({"a": [Call(eval, python)]}, 4),
        "__builtin__.eval": pickle.dumps({"a": [Call(eval, python)]}, 2),
        "builtins.exec": pickle.dumps((1, (2, Call(exec, python))), 5),
        "builtins.getattr": pickle.dumps(Call(getattr, Call(__import__, "os"), "system"), 4),
        "io.open": pickle.dumps(Call(open, marker, "w"), 4),
        "os.system": b"\x80\x02cos\nsystem\n(" + text(touch) + b"tR.",
        "nt.system": b"\x80\x02(" + text(touch) + b"int\nsystem\n.",
        "runpy._run_code": b"\x80\x04\x8c\x05runpy\x8c\x09_run_code\x93)R.",
        # the module name is right, the attribute walks away from it
        "torch._utils._rebuild_tensor_v2.__globals__": b"\x80\x04" + text("torch._utils") + text(
            "_rebuild_tensor_v2.__globals__") + b"\x93.",
        "collections.OrderedDict.fromkeys": b"\x80\x04" + text("collections") + text(
            "OrderedDict.fromkeys") + b"\x93)R.",
        "collections.namedtuple": b"\x80\x02ccollections\nnamedtuple\n.",
        "torch._utils._rebuild_qtensor": b"\x80\x02ctorch._utils\n_rebuild_qtensor\n.",
        "torch.load": b"\x80\x02ctorch\nload\n(" + text("/etc/passwd") + b"tR.",
        "copyreg._reconstructor": b"\x80\x02ccopyreg\n_reconstructor\n.",
        "torch.FloatStorage ": b"\x80\x02ctorch\nFloatStorage \n.",
    }
    # within the arguments of an allowed call, after it, and in state set on its result
    hidden = b"(" + text(touch) + b"tR"
    programs["os.system/argument"] = \
        ORDERED + b"(](" + text("k") + b"cos\nsystem\n" + hidden + b"\x86etR."
    programs["os.system/state"] = \
        ORDERED + b")R}" + text("__setstate__") + b"cos\nsystem\nsb."
    programs["os.system/storage"] = \
        b"\x80\x02(" + text("storage") + b"cos\nsystem\n" + text("0") + text("cpu") + b"K\x10tQ."
    return programs


def refusal(data):
    with pytest.raises(Refusal) as caught:
        checkpoint.read(memoryview(data))
    return str(caught.value)


@pytest.mark.parametrize("wrap", [in_zip, in_legacy])
def test_attacks_are_refused_by_name(wrap, tmp_path):
    marker = str(tmp_path / "executed")
    for name, program in attack_programs(marker).items():
        said = refusal(wrap(program))
        assert f"asks for {name.split('/')[0]}," in said, (name, said)
        assert "nothing was run" in said
        assert not os.path.exists(marker), name


def test_the_attacks_work_against_pickle(tmp_path):
    """So that the test above cannot pass because its programs are harmless."""
    marker = tmp_path / "executed"
    programs = attack_programs(str(marker))
    for name in ("posix.system", "builtins.eval", "os.system", "os.system/argument"):
        assert not marker.exists()
        pickle.loads(programs[name])
        assert marker.exists(), name
        marker.unlink()


def test_no_interpreter_event_while_reading(tmp_path):
    """A whole process that watches itself: no exec, eval, process or pickle while refusing."""
    marker = str(tmp_path / "executed")
    for i, (name, program) in enumerate(attack_programs(marker).items()):
        (tmp_path / f"{i}.pt").write_bytes(in_zip(program) if i % 2 else in_legacy(program))
    watcher = """
import os, sys
sys.path.insert(0, sys.argv[1])
import convert
files = sorted(os.listdir(sys.argv[2]))
events = set()
watching = False
def hook(event, args):
    if watching and event.split(".")[0] in ("exec", "compile", "os", "subprocess", "pickle",
                                            "ctypes", "socket", "marshal", "import", "pty"):
        events.add((event, str(args)[:200]))
sys.addaudithook(hook)
convert.main(["none"])  # loads what argparse loads on its first use
watching = True
codes = {convert.main([os.path.join(sys.argv[2], f), "-o", os.path.join(sys.argv[2], "out")])
         for f in files}
watching = False
print(codes, events)
"""
    result = subprocess.run([sys.executable, "-c", watcher, TOOLS, tmp_path], capture_output=True,
                            text=True)
    assert result.stdout == "{6} set()\n", result.stdout + result.stderr
    assert not os.path.exists(marker)


# ---- allowed names used wrongly

def tensor(shape=b"(K\x04K\x04t", strides=b"(K\x04K\x01t", offset=b"K\x00", kind=b"FloatStorage",
           key=b"0", count=b"K\x10"):
    """A state_dict {"a": tensor} over the 16 floats of storage 0."""
    return (b"\x80\x02}" + text("a") + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
            + b"ctorch\n" + kind + b"\n" + text(key.decode()) + text("cpu") + count + b"tQ" + offset
            + shape + strides + b"\x89ccollections\nOrderedDict\n)RtRs.")


@pytest.mark.parametrize("wrap", [in_zip, in_legacy])
def test_tensor_is_read(wrap):
    for program in (tensor(), tensor(shape=b")", strides=b")"), tensor(shape=b"(K\x00K\x04t"),
                    tensor(offset=b"K\x0c", shape=b"(K\x04t", strides=b"(K\x01t"),
                    tensor(strides=b"(K\x00K\x00t")):
        made, _, _ = checkpoint.read(memoryview(wrap(program)))
        assert made["a"].f32().shape == made["a"].shape


@pytest.mark.parametrize("wrap", [in_zip, in_legacy])
@pytest.mark.parametrize("program, words", [
    (tensor(shape=b"(K\x05K\x04t"), "outside its storage of 16"),
    (tensor(strides=b"(K\x05K\x01t"), "outside its storage"),
    (tensor(offset=b"K\x01"), "outside its storage"),
    (tensor(offset=b"J\xff\xff\xff\xff"), "sensible"),
    (tensor(strides=b"(J\xfc\xff\xff\xffK\x01t", offset=b"K\x0c"), "sensible"),
    (tensor(shape=b"(J\xff\xff\xff\xffK\x04t"), "sensible"),
    (tensor(shape=b"(\x8a\x09" + b"\xff" * 8 + b"\x00K\x04t", strides=b"(K\x00K\x00t"), "sensible"),
    (tensor(shape=b"(G" + struct.pack(">d", 4) + b"K\x04t"), "sensible"),
    (tensor(shape=b"(\x88K\x04t"), "sensible"),
    (tensor(shape=b"(K\x04t"), "axes"),
    (tensor(shape=b"]"), "no shape"),
    (tensor(shape=b"N"), "no shape"),
    (tensor(count=b"K\x11"), "states"),
    (tensor(count=b"J\xff\xff\xff\xff"), "storage"),
    (tensor(kind=b"DoubleStorage"), ""),
    (tensor(key=b"../0"), ""),
    (tensor(kind=b"UntypedStorage"), "torch.UntypedStorage"),
])
def test_tensors_that_reach_outside(wrap, program, words):
    assert words in refusal(wrap(program))


@pytest.mark.parametrize("program", [
    b"", b".", b"\x80\x02", b"\x80\x02N", b"\x80\x06N.", b"N.", b"\x80\x02}b.", b"\x80\x02NNb.",
    b"\x80\x02]NK\x01s.", b"\x80\x02}K\x01s.", b"\x80\x02}(K\x01u.", b"\x80\x02}(K\x01NK\x02u.",
    b"\x80\x02t.", b"\x80\x02\x85.", b"\x80\x02(.", b"\x80\x021.", b"\x80\x02e.", b"\x80\x02N)R.",
    ORDERED + b"NR.", ORDERED + b")\x81.", ORDERED + b"(K\x01tR.", ORDERED + b"(]K\x01atR.",
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NNNNtR.",
    b"\x80\x02ctorch._utils\n_rebuild_parameter\n(NtR.", b"\x80\x02ctorch\nFloatStorage\n)R.",
    b"\x80\x02ctorch\nSize\n(NtR.", b"\x80\x02c__builtin__\nset\n)R.", b"\x80\x02NQ.",
    b"\x80\x02h\x00.", b"\x80\x02q\x00.", b"\x80\x02X\xff\xff\xff\x7fabc.",
    b"\x80\x02X\x01\x00\x00\x00\xff.",
    b"\x80\x02\x8b\xff\xff\xff\xff.", b"\x80\x02\x8b\xff\xff\xff\x7f.",
    b"\x80\x02\x8a\xff" + bytes(300), b"\x80\x02cos", b"\x80\x02c" + b"x" * 400 + b"\n",
    b"\x80\x04NN\x93.", b"\x80\x02ccollections\n.",
    b"\x80\x02}}Ns.", b"\x80\x02})Ns.", b"\x80\x02(icollections\nOrderedDict\n.", b"\x80\x05\x97.",
    b"\x80\x02(oN.", b"\x80\x02\x82\x01.", b"\x80\x02P1\n.", b"\x80\x02I1\n.", b"\x80\x02F1\n.",
])
def test_nonsense(program):
    for data in (in_zip(program), in_legacy(program)):
        refusal(data)


def test_hostile_sizes_are_quick():
    """Programs whose meaning is far larger than their text end soon and without much memory."""
    grow = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                    for i in range(60))
    programs = {
        "tuple of 2^60 leaves as a key": b"\x80\x02}N\x85q\x00" + grow + b"Ns.",
        "one list copied again and again": ORDERED + b"q\x00](" + b"NN\x86" * 20000 + b"e\x85q\x01"
         + b"h\x00h\x01R0" * 20000 + b".",
        "millions of lists": b"\x80\x02(" + b"]" * (6 << 20) + b"t.",
        "deep nesting": b"\x80\x02" + b"]" * 300000 + b"a" * 299999 + b".",
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "a dictionary in itself": b"\x80\x02}q\x00" + text("state_dict") + b"h\x00s.",
    }
    for name, program in programs.items():
        start = time.process_time()
        refusal(in_zip(program))
        assert time.process_time() - start < 10, name


def test_mutated_pickles_in_a_whole_container():
    """Damage behind a right checksum, so that it reaches the reader of pickles."""
    rng, good = np.random.RandomState(11), tensor()
    opcodes = list(unpickle.Machine.OPS) + [0x2E]
    refusals, runs, end = 0, 0, time.monotonic() + 2
    while time.monotonic() < end and runs < 10000:
        program, runs = bytearray(good), runs + 1
        for _ in range(rng.randint(1, 6)):
            at, choice = rng.randint(len(program)), rng.randint(4)
            if choice == 0:
                program[at] ^= 1 << rng.randint(8)
            elif choice == 1:
                program[at] = opcodes[rng.randint(len(opcodes))]
            elif choice == 2:
                program.insert(at, opcodes[rng.randint(len(opcodes))])
            else:
                del program[at]
        try:
            for wrap in (in_zip, in_legacy):
                made, _, _ = checkpoint.read(memoryview(wrap(bytes(program))))
                for stored in made.values():
                    stored.f32()
        except Refusal:
            refusals += 1
    assert runs > 200 and refusals > runs // 4


# ---- the legacy container

def legacy(keys=("0",), count=16, data=bytes(64), magic=MAGIC, program=None):
    return (magic + (program or tensor()) + pickle.dumps(list(keys), 2)
            + struct.pack("<q", count) + data)


@pytest.mark.parametrize("data, words", [
    (legacy(keys=("1",)), "list of storages"),
    (legacy(keys=()), "list of storages"),
    (legacy(keys=("0", "0")), "list of storages"),
    (legacy(count=15), "another size"),
    (legacy(count=-1), "another size"),
    (legacy(data=bytes(63)), "cut short"),
    (legacy(data=bytes(65)), "1 bytes after"),
    (legacy(magic=MAGIC.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2))), "1002"),
    (legacy(magic=MAGIC.replace(b"\x88", b"\x89")), "big-endian"),
    (legacy(program=tensor(count=b"M\xff\xff")), "another size"),
])
def test_legacy_containers(data, words):
    checkpoint.read(memoryview(legacy()))
    assert words in refusal(data)


def test_legacy_storage_views():
    """Files before torch 0.4 keep views of storages: key, first element, count."""
    def viewed(view):
        return legacy(program=b"\x80\x02}" + text("a") + b"ctorch._utils\n_rebuild_tensor\n(("
                      + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
                      + b"K\x10" + view + b"tQK\x01(K\x02t(K\x01ttRs.",
                      data=np.arange(16, dtype=np.float32).tobytes())
    made, _, _ = checkpoint.read(memoryview(viewed(b"(" + text("v") + b"K\x05K\x03t")))
    assert made["a"].f32().tolist() == [6, 7]
    for bad in (b"(" + text("v") + b"K\x05K\x0ct", b"(" + text("v") + b"K\x05K\x02t",
                b"(" + text("v") + b"J\xff\xff\xff\xffK\x03t", b"(" + text("v") + b"NNt", b"K\x01"):
        refusal(viewed(bad))
