"""SyncNet, its end-to-end streams and their classifier, as syncnet_python's model S names its
tensors. Widths are read off the shapes, so that narrow variants convert too."""
from errors import EXIT_USAGE, Refusal

MAX_WIDTH = 4096
MAX_MATRIX = 256
MAX_OFFSETS = 255

STREAMS_CONFIG = {"frame_size": 224, "frame_rate": 25, "pixel_order": "bgr",
                  "lip_widths": [96, 256, 256, 256, 256, 512],
                  "aud_widths": [64, 192, 384, 256, 256, 512], "head_widths": [512, 1024]}
SYNCNET_CONFIG = dict(STREAMS_CONFIG)
CLS_CONFIG = {"matrix": 16, "cls_widths": [256, 256, 128], "offsets": 11}
# matrix 0: no classifier.
SYNCE2E_CONFIG = {**STREAMS_CONFIG, "audio_trunk": "s", **CLS_CONFIG, "matrix": 0}
FBANK_WIDTHS = [96, 256, 384, 256, 256, 512]

LAYERS = (0, 4, 8, 11, 14, 18)  # where the convolutions of a trunk are in its row
LIP_KERNELS = ((5, 7, 7), (1, 5, 5), (1, 3, 3), (1, 3, 3), (1, 3, 3))
S_KERNELS = ((3, 3),) * 5
FBANK_KERNELS = ((5, 7), (5, 5)) + ((3, 3),) * 3


def lip_map(frame_size):
    """Side of the map in front of the last convolution of the lip trunk: 6 for 224."""
    side = frame_size
    for kernel, stride, pad in ((7, 2, 0), (3, 2, 0), (5, 2, 1), (3, 2, 1), (3, 2, 0)):
        side = (side + 2 * pad - kernel) // stride + 1
    return side


# ---- parameters

def layer(row, at, out, channels, kernel):
    """A convolution (of no kernel: a fully connected layer) and its batch norm."""
    return {f"{row}.{at}.weight": (out, channels, *kernel), f"{row}.{at}.bias": (out,),
            **{f"{row}.{at + 1}.{part}": (out,)
               for part in ("weight", "bias", "running_mean", "running_var")}}


def trunk(row, channels, widths, kernels):
    shapes = {}
    for at, width, kernel in zip(LAYERS, widths, kernels):
        shapes.update(layer(row, at, width, channels, kernel))
        channels = width
    return shapes


def head(row, inputs, widths):
    return {**layer(row, 0, widths[0], inputs, ()),
            f"{row}.3.weight": (widths[1], widths[0]), f"{row}.3.bias": (widths[1],)}


def streams(config, audio_kernels):
    side = lip_map(config["frame_size"])
    return {**trunk("netcnnaud", 1, config["aud_widths"], audio_kernels),
            **head("netfcaud", config["aud_widths"][5], config["head_widths"]),
            **head("netfclip", config["lip_widths"][5], config["head_widths"]),
            **trunk("netcnnlip", 3, config["lip_widths"], LIP_KERNELS + ((1, side, side),))}


def syncnet_parameters(config):
    return streams(config, S_KERNELS + ((5, 4),))


def cls_parameters(config):
    w, m = config["cls_widths"], config["matrix"]
    return {**layer("cls", 0, w[0], 1, (3, 3)), **layer("cls", 3, w[1], w[0], (m, m)),
            **layer("cls", 6, w[2], w[1], (1, 1)),
            "cls.9.weight": (config["offsets"], w[2], 1, 1), "cls.9.bias": (config["offsets"],)}


def synce2e_parameters(config):
    fbank = config["audio_trunk"] == "fbank"
    kernels = FBANK_KERNELS + ((4, 1),) if fbank else S_KERNELS + ((18, 4),)
    return {**streams(config, kernels), **(cls_parameters(config) if config["matrix"] else {})}


# ---- what shapes tell

def widths(shapes, names):
    """The widths of the layers of these names, or None where there are not all of them."""
    found = [shapes.get(f"{name}.bias", ()) for name in names]
    return [s[0] for s in found] if all(len(s) == 1 for s in found) else None


def known(facts):
    return {key: value for key, value in facts.items() if value is not None}


def streams_from_shapes(shapes):
    return known({"lip_widths": widths(shapes, [f"netcnnlip.{i}" for i in LAYERS]),
                  "aud_widths": widths(shapes, [f"netcnnaud.{i}" for i in LAYERS]),
                  "head_widths": widths(shapes, ["netfclip.0", "netfclip.3"])})


def cls_from_shapes(shapes):
    second, last = shapes.get("cls.3.weight", ()), shapes.get("cls.9.bias", ())
    return known({"cls_widths": widths(shapes, ["cls.0", "cls.3", "cls.6"]),
                  "matrix": second[2] if len(second) == 4 else None,
                  "offsets": last[0] if len(last) == 1 else None})


def synce2e_from_shapes(shapes):
    first = shapes.get("netcnnaud.0.weight", ())
    trunk_kind = {"audio_trunk": "fbank"} if tuple(first[2:]) == FBANK_KERNELS[0] else {}
    return {**streams_from_shapes(shapes), **trunk_kind, **cls_from_shapes(shapes)}


# ---- checks

def check_whole(config, key, low, high):
    if type(config[key]) is not int or not low <= config[key] <= high:
        raise Refusal(f"--config: {key} must be a whole number from {low} to {high}", EXIT_USAGE)


def check_widths(config, key, count):
    value = config[key]
    if not isinstance(value, list) or len(value) != count or \
            any(type(w) is not int or not 1 <= w <= MAX_WIDTH for w in value):
        raise Refusal(f"--config: {key} must be a list of {count} whole numbers from 1 to "
                      f"{MAX_WIDTH}", EXIT_USAGE)


def syncnet_check(config):
    check_whole(config, "frame_size", 64, 512)
    check_whole(config, "frame_rate", 25, 25)
    if config["pixel_order"] not in ("bgr", "rgb"):
        raise Refusal('--config: pixel_order must be "bgr" or "rgb"', EXIT_USAGE)
    for key, count in (("lip_widths", 6), ("aud_widths", 6), ("head_widths", 2)):
        check_widths(config, key, count)


def cls_check(config, least=1):
    check_whole(config, "matrix", least, MAX_MATRIX)
    check_whole(config, "offsets", 2, MAX_OFFSETS)
    check_widths(config, "cls_widths", 3)


def synce2e_check(config):
    syncnet_check(config)
    cls_check(config, 0)
    if config["audio_trunk"] not in ("s", "fbank"):
        raise Refusal('--config: audio_trunk must be "s" or "fbank"', EXIT_USAGE)
