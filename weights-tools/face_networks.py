"""BlazeFace and FaceMesh, as the PyTorch conversions of MediaPipe's models name their tensors."""
from errors import EXIT_USAGE, Refusal

# Pixels; of every channel x / 255.
BLAZEFACE_CONFIG = {"input_size": 128, "pixel_order": "rgb"}
FACEMESH_CONFIG = {"input_size": 192, "pixel_order": "rgb"}

# (channels out, stride) of the blocks.
BLAZEFACE_STAGES = {
    "backbone1": (2, [(24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2), (56, 1), (64, 1),
                      (72, 1), (80, 1), (88, 1)]),
    "backbone2": (0, [(96, 2), (96, 1), (96, 1), (96, 1), (96, 1)]),
}
FACEMESH_BACKBONE = [(16, 1), (16, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1),
                     (128, 2), (128, 1), (128, 1), (128, 2), (128, 1), (128, 1)]
POINTS = 468


def check(config, default):
    for key in default:
        if config[key] != default[key]:
            raise Refusal(f"--config: {key} must be {default[key]}, the only one this network "
                          "can have", EXIT_USAGE)


def blazeface_check(config):
    check(config, BLAZEFACE_CONFIG)


def facemesh_check(config):
    check(config, FACEMESH_CONFIG)


def conv(name, out, channels, kernel):
    return {f"{name}.weight": (out, channels, kernel, kernel), f"{name}.bias": (out,)}


def block(name, channels, out, prelu):
    """A BlazeBlock: depthwise 3 x 3, pointwise, with PReLU a slope per channel."""
    shapes = {**conv(f"{name}.convs.0", channels, 1, 3),
              **conv(f"{name}.convs.1", out, channels, 1)}
    return {**shapes, f"{name}.act.weight": (out,)} if prelu else shapes


def blazeface_parameters(_config):
    shapes, channels = conv("backbone1.0", 24, 3, 5), 24
    for name, (first, stages) in BLAZEFACE_STAGES.items():
        for i, (out, _stride) in enumerate(stages, first):
            shapes.update(block(f"{name}.{i}", channels, out, False))
            channels = out
    for name, out, inputs in (("classifier_8", 2, 88), ("classifier_16", 6, 96),
                              ("regressor_8", 32, 88), ("regressor_16", 96, 96)):
        shapes.update(conv(name, out, inputs, 1))
    return shapes


def facemesh_parameters(_config):
    shapes, channels = {**conv("backbone1.0", 16, 3, 3), "backbone1.1.weight": (16,)}, 16
    for i, (out, _stride) in enumerate(FACEMESH_BACKBONE, 2):
        shapes.update(block(f"backbone1.{i}", channels, out, True))
        channels = out
    for name, blocks, out in (("backbone2a", 3, 3 * POINTS), ("backbone2b", 1, 1)):
        for i in range(blocks):
            shapes.update(block(f"{name}.{i}", 128, 128, True))
        shapes.update(conv(f"{name}.{blocks}", 32, 128, 1))
        shapes[f"{name}.{blocks + 1}.weight"] = (32,)
        shapes.update(block(f"{name}.{blocks + 2}", 32, 32, True))
        shapes.update(conv(f"{name}.{blocks + 3}", out, 32, 3))
    return shapes
