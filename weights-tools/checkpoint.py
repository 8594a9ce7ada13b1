"""Opens a checkpoint of any kind known and finds the tensors in it. Kinds are told by content."""
import mmap
import os
import stat

import keras_files
import numpy_files
import safetensors_io
import torch_files
from errors import EXIT_INPUT, Refusal, listed, shown
from tensors import StoredTensor
from unpickle import Ignored, Marker
from zip_reader import Zip

# Where training scripts keep the state_dict inside a larger checkpoint.
STATE_KEYS = ("state_dict", "model_state_dict", "model")


def open_bytes(path):
    """The content of a regular file as a read-only memoryview."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe must not hang
    except (OSError, ValueError) as e:
        raise Refusal(f"cannot be opened: {getattr(e, 'strerror', None) or e}",
                      EXIT_INPUT) from None
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            kind = "a folder" if stat.S_ISDIR(info.st_mode) else "not a regular file"
            raise Refusal(f"is {kind}; a file is needed", EXIT_INPUT)
        if info.st_size == 0:
            raise Refusal("is empty: download it again")
        return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
    except OSError as e:
        raise Refusal(f"cannot be read: {e.strerror}", EXIT_INPUT) from None
    finally:
        os.close(handle)


def read(data):
    """data: the file as a memoryview. Returns ({name: StoredTensor}, metadata, kind)."""
    head = bytes(data[:512])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = Zip(data)
        if archive.entries and all(n.endswith(".npy") for n in archive.entries):
            return numpy_files.read_npz(archive), {}, "npz"
        return state_dict(torch_files.read_zip(archive)), {}, "torch zip"
    if torch_files.is_legacy(data):
        return state_dict(torch_files.read_legacy(data)), {}, "torch legacy"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return keras_files.read_h5(data), {}, "keras h5"
    if safetensors_io.looks_like(data):
        return *safetensors_io.read(data), "safetensors"
    raise Refusal(what_else(head))


def what_else(head):
    """A sentence about a file that is none of the kinds known."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself: run `git lfs pull` where it is from"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<!--")):
        return "is a web page, not weights: the download got the page of the link, fetch it again"
    if head[257:262] == b"ustar":
        return "is a tar archive: unpack it first (torch before 0.1.10 is not supported)"
    for magic, name in ((b"\x1f\x8b", "gzip-compressed: unpack it first"),
                        (b"\x89HDF", "a damaged HDF5 file: download it again"),
                        (b"\x93NUMPY", "a single NumPy array: put the tensors into a .npz"),
                        (b"GGUF", "a GGUF file, which is not supported"),
                        (b"\x80", "a Python pickle that torch.save did not write; it was not run")):
        if head.startswith(magic):
            return "is " + name
    return "is neither a torch checkpoint nor .npz nor safetensors, or its beginning is damaged"


def state_dict(value):
    """The tensors in what torch.save saved: the state_dict itself or a checkpoint around it."""
    if not isinstance(value, dict):
        raise Refusal("holds something other than a state_dict: save model.state_dict() instead")
    inner = [value[k] for k in STATE_KEYS if has_tensors(value.get(k))]
    if inner:
        value = inner[0]
    elif not has_tensors(value):
        raise Refusal("holds no state_dict; its keys are "
                      f"{listed([k for k in value if isinstance(k, str)]) or 'none'}")
    others = [shown(k) + (f": {v.name}" if isinstance(v, (Marker, Ignored)) and v.name else "")
              for k, v in value.items()
              if not isinstance(k, str) or not isinstance(v, StoredTensor)]
    if others:
        raise Refusal(f"has a state_dict with {len(others)} entries that are no tensors "
                      f"({listed(others)})")
    return value


def has_tensors(value):
    return isinstance(value, dict) and any(isinstance(v, StoredTensor) for v in value.values())
