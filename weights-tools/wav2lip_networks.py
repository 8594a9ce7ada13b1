"""Wav2Lip's generator, its discriminator and its expert SyncNet_color: the names and shapes of the
authors' checkpoints. Widths (channels of the stages) and the numbers of residual blocks are read
off the shapes, so that narrow variants convert too."""
from errors import EXIT_USAGE, Refusal

MAX_WIDTH = 4096
MAX_RESIDUALS = 64

GENERATOR_CONFIG = {
    "input_size": 96, "pixel_order": "bgr",
    "face_widths": [16, 32, 64, 128, 256, 512, 512], "face_residuals": [0, 2, 3, 2, 2, 1],
    "audio_widths": [32, 64, 128, 256, 512], "audio_residuals": [2, 2, 2, 1],
    "decoder_widths": [512, 512, 512, 384, 256, 128, 64],
    "decoder_residuals": [0, 1, 2, 2, 2, 2, 2], "output_width": 32,
}
DISC_CONFIG = {"input_size": 96, "pixel_order": "bgr",
               "widths": [32, 64, 128, 256, 512, 512, 512]}
EXPERT_CONFIG = {
    "input_size": 96, "pixel_order": "bgr",
    "face_widths": [32, 64, 128, 256, 512, 512, 512], "face_residuals": [0, 2, 3, 2, 2, 0],
    "audio_widths": [32, 64, 128, 256, 512], "audio_residuals": [2, 2, 2, 2],
}
DISC_KERNELS = (7, 5, 5, 5, 3, 3, 3)
EXPERT_KERNELS = (7, 5, 3, 3, 3, 3, 3)  # of the stages of its face encoder
BLOCK_WEIGHT = ".conv_block.0.weight"


# ---- parameters

def conv(name, out, channels, k):
    return {f"{name}.weight": (out, channels, k, k), f"{name}.bias": (out,)}


def norm(name, out):
    return {f"{name}.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}


def block(name, out, channels, k):
    return {**conv(f"{name}.conv_block.0", out, channels, k), **norm(f"{name}.conv_block.1", out)}


def residuals(name, first, count, width):
    shapes = {}
    for i in range(first, first + count):
        shapes.update(block(f"{name}.{i}", width, width, 3))
    return shapes


def encoder(name, channels, widths, counts, kernels):
    """Stages in one numbered row: a block and residual ones behind it; the last width has a block
    over the whole map and one of 1 x 1."""
    shapes, at = {}, 0
    for width, count, k in zip(widths, (*counts, 0), kernels):
        shapes.update(block(f"{name}.{at}", width, channels, k))
        shapes.update(residuals(name, at + 1, count, width))
        channels, at = width, at + 1 + count
    return {**shapes, **block(f"{name}.{at}", channels, channels, 1)}


def audio_encoder(config):
    return encoder("audio_encoder", 1, config["audio_widths"], config["audio_residuals"], (3,) * 5)


def generator_parameters(config):
    face, decoder = config["face_widths"], config["decoder_widths"]
    shapes, channels = {}, 6
    for i, (width, count) in enumerate(zip(face, (*config["face_residuals"], 0))):
        name = f"face_encoder_blocks.{i}"
        shapes.update(block(f"{name}.0", width, channels, 3 if i else 7))
        shapes.update(residuals(name, 1, count, width))
        channels = width
    shapes.update(block("face_encoder_blocks.6.1", channels, channels, 1))
    shapes.update(audio_encoder(config))
    channels = config["audio_widths"][-1]
    for i, (width, count) in enumerate(zip(decoder, config["decoder_residuals"])):
        name = f"face_decoder_blocks.{i}"
        if i == 0:
            shapes.update(block(f"{name}.0", width, channels, 1))
        else:  # transposed: [in out k k]
            shapes[f"{name}.0.conv_block.0.weight"] = (channels, width, 3, 3)
            shapes[f"{name}.0.conv_block.0.bias"] = (width,)
            shapes.update(norm(f"{name}.0.conv_block.1", width))
        shapes.update(residuals(name, 1, count, width))
        channels = width + face[-1 - i]
    shapes.update(block("output_block.0", config["output_width"], channels, 3))
    return {**shapes, **conv("output_block.1", 3, config["output_width"], 1)}


def disc_parameters(config):
    shapes, channels = {}, 3
    for i, (width, k) in enumerate(zip(config["widths"], DISC_KERNELS)):
        name = f"face_encoder_blocks.{i}"
        shapes.update(conv(f"{name}.0.conv_block.0", width, channels, k))
        if i:
            shapes.update(conv(f"{name}.1.conv_block.0", width, width, k if i < 6 else 1))
        channels = width
    return {**shapes, **conv("binary_pred.0", 1, channels, 1)}


def expert_parameters(config):
    return {**encoder("face_encoder", 15, config["face_widths"], config["face_residuals"],
                      EXPERT_KERNELS), **audio_encoder(config)}


# ---- what shapes tell

def width_of(shapes, name):
    """Channels out of the block `name`, None where there is no such block."""
    shape = shapes.get(name + BLOCK_WEIGHT, ())
    return shape[0] if len(shape) == 4 else None


def blocks_in(shapes, name):
    return sum(n.startswith(name + ".") and n.endswith(BLOCK_WEIGHT) for n in shapes)


def row_widths(shapes, name, counts):
    """Widths of an encoder whose blocks are numbered in one row, `counts` residual ones behind the
    first of each stage: the row itself does not tell where its stages begin."""
    starts = [i + sum(counts[:i]) for i in range(len(counts) + 1)]
    return [width_of(shapes, f"{name}.{i}") for i in starts]


def told(**lists):
    """Those of the lists that are complete."""
    return {key: values for key, values in lists.items()
            if values and None not in values and min(values) >= 0}


def generator_from_shapes(shapes):
    face, decoder = ([f"{name}.{i}" for i in range(7)]
                     for name in ("face_encoder_blocks", "face_decoder_blocks"))
    # [in out k k] of a transposed convolution
    grown = [shapes.get(f"{name}.0{BLOCK_WEIGHT}", ())[1:2] for name in decoder[1:]]
    output = width_of(shapes, "output_block.0")
    return {
        **told(face_widths=[width_of(shapes, f"{name}.0") for name in face],
               face_residuals=[blocks_in(shapes, name) - 1 for name in face[:6]],
               audio_widths=row_widths(shapes, "audio_encoder",
                                       GENERATOR_CONFIG["audio_residuals"]),
               decoder_widths=[width_of(shapes, f"{decoder[0]}.0"),
                               *(g[0] if g else None for g in grown)],
               decoder_residuals=[blocks_in(shapes, name) - 1 for name in decoder]),
        **({} if output is None else {"output_width": output})}


def disc_from_shapes(shapes):
    return told(widths=[width_of(shapes, f"face_encoder_blocks.{i}.0") for i in range(7)])


def expert_from_shapes(shapes):
    return told(face_widths=row_widths(shapes, "face_encoder", EXPERT_CONFIG["face_residuals"]),
                audio_widths=row_widths(shapes, "audio_encoder", EXPERT_CONFIG["audio_residuals"]))


# ---- checks

def check(config, default):
    for key in ("input_size", "pixel_order"):
        if config[key] != default[key]:
            raise Refusal(f"--config: {key} must be {default[key]}, the only one this network "
                          "can have", EXIT_USAGE)
    for key, value in default.items():
        if "width" not in key and "residuals" not in key:
            continue
        low, high = (1, MAX_WIDTH) if "width" in key else (0, MAX_RESIDUALS)
        given = config[key] if isinstance(value, list) else [config[key]]
        count = len(value) if isinstance(value, list) else 1
        if not isinstance(given, list) or len(given) != count or \
                any(type(n) is not int or not low <= n <= high for n in given):
            raise Refusal(f"--config: {key} must be {count} whole numbers from {low} to {high}",
                          EXIT_USAGE)


def generator_check(config):
    check(config, GENERATOR_CONFIG)


def disc_check(config):
    check(config, DISC_CONFIG)


def expert_check(config):
    check(config, EXPERT_CONFIG)
