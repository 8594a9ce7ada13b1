"""The networks that read sentences and words in the layout of SyncVSR's authors: tensors, sizes."""
from errors import EXIT_USAGE, Refusal

MAX_WIDTH = 8192
MAX_LAYERS = 64
MAX_KERNEL = 63
MAX_TOKENS = 65536

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
RESNET18_WIDTHS = [64, 128, 256, 512]

# Names as upstream's, where it has one. input_size: 96 for SyncVSR's crops, 88 for Auto-AVSR's, 44
# for those halved. space: what stands for a space in units. audio_outputs: of the head that learns
# audio tokens.
SYNCVSR_CONFIG = {"adim": 768, "aheads": 12, "eunits": 3072, "elayers": 12,
                  "cnn_module_kernel": 31, "dheads": 12, "dunits": 3072, "dlayers": 6,
                  "odim": 5049, "frontend_widths": RESNET18_WIDTHS, "audio_outputs": 0,
                  "input_size": 96, "frame_rate": 25, "space": "\u2581"}
SYNCVSR_UNUSED = ("wav2vec.",)
# How mouths are cut out for it; without it syncvsr_lrs3 for 96 pixels, autoavsr for 88.
SYNCVSR_CROPS = ("syncvsr_lrs2", "syncvsr_lrs3", "autoavsr")
# ctc_weight: of the joint search where the user gives none.
SYNCVSR_OPTIONAL = ("crop", "ctc_weight", "min_confidence", "window_frames")
WORDS_OPTIONAL = ("min_confidence",)
# word_boundary: a mask of the frames of the word is an input. hidden: of the feed-forward parts,
# four times the width where it is left out.
LRW_CONFIG = {"depth": 12, "heads": 8, "num_labels": 500, "word_boundary": 1,
              "frontend_widths": RESNET18_WIDTHS, "hidden": 2052, "audio_outputs": 2560,
              "input_size": 96, "frame_rate": 25}
# The authors' state_dict has a whole ResNet-18, of which the stages are used.
LRW_UNUSED = ("wav2vec.", "resnet.conv1.", "resnet.bn1.", "resnet.fc.")
LRW_HEAD, LRW_ROTATED = 64, 32
LANDMARK_CONFIG = {"layers": 8, "dim": 320, "heads": 4, "hidden": 1280, "labels": 500,
                   "input_features": 1434, "word_boundary": 1, "audio_outputs": 2560,
                   "frame_rate": 25}
AUDIO_CODES = 320


# ---- parameters

def batch_norm(name, width):
    return {f"{name}.{part}": (width,) for part in BATCH_NORM}


def linear(name, out, inputs):
    return {f"{name}.weight": (out, inputs), f"{name}.bias": (out,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def resnet18(trunk, widths):
    """The four stages of a ResNet-18, names as torchvision's."""
    shapes, channels = {}, widths[0]
    for stage, width in enumerate(widths, 1):
        for i in range(2):
            block = f"{trunk}layer{stage}.{i}"
            shapes[f"{block}.conv1.weight"] = (width, channels, 3, 3)
            shapes.update(batch_norm(f"{block}.bn1", width))
            shapes[f"{block}.conv2.weight"] = (width, width, 3, 3)
            shapes.update(batch_norm(f"{block}.bn2", width))
            if i == 0 and (stage > 1 or width != channels):
                shapes[f"{block}.downsample.0.weight"] = (width, channels, 1, 1)
                shapes.update(batch_norm(f"{block}.downsample.1", width))
            channels = width
    return shapes


def stem(conv, batch, width):
    return {f"{conv}.weight": (width, 1, 5, 7, 7), **batch_norm(batch, width)}


def feed_forward(name, width, hidden):
    return {**linear(f"{name}.w_1", hidden, width), **linear(f"{name}.w_2", width, hidden)}


def attention(name, width):
    shapes = {}
    for part in "qkv":
        shapes.update(linear(f"{name}.linear_{part}", width, width))
    return {**shapes, **linear(f"{name}.linear_out", width, width)}


def conformer_block(name, config):
    width, heads, kernel = config["adim"], config["aheads"], config["cnn_module_kernel"]
    conv = f"{name}.conv_module"
    shapes = {f"{name}.self_attn.pos_bias_{part}": (heads, width // heads) for part in "uv"}
    shapes.update(attention(f"{name}.self_attn", width))
    shapes[f"{name}.self_attn.linear_pos.weight"] = (width, width)
    shapes.update({f"{conv}.pointwise_cov1.weight": (2 * width, width, 1),
                   f"{conv}.pointwise_cov1.bias": (2 * width,),
                   f"{conv}.depthwise_conv.weight": (width, 1, kernel),
                   f"{conv}.depthwise_conv.bias": (width,),
                   **batch_norm(f"{conv}.norm", width),
                   f"{conv}.pointwise_cov2.weight": (width, width, 1),
                   f"{conv}.pointwise_cov2.bias": (width,)})
    for part in ("feed_forward", "feed_forward_macaron"):
        shapes.update(feed_forward(f"{name}.{part}", width, config["eunits"]))
    for part in ("ff", "mha", "ff_macaron", "conv", "final"):
        shapes.update(norm(f"{name}.norm_{part}", width))
    return shapes


def decoder_block(name, config):
    width = config["adim"]
    shapes = {}
    for part in ("self_attn", "src_attn"):
        shapes.update(attention(f"{name}.{part}", width))
    shapes.update(feed_forward(f"{name}.feed_forward", width, config["dunits"]))
    for i in (1, 2, 3):
        shapes.update(norm(f"{name}.norm{i}", width))
    return shapes


def syncvsr_parameters(config):
    width, tokens = config["adim"], config["odim"]
    widths = config["frontend_widths"]
    shapes = {**resnet18("encoder.frontend.trunk.", widths),
              **stem("encoder.frontend.frontend3D.0", "encoder.frontend.frontend3D.1", widths[0]),
              **linear("encoder.embed.0", width, widths[3])}
    for i in range(config["elayers"]):
        shapes.update(conformer_block(f"encoder.encoders.{i}", config))
    shapes.update({**norm("encoder.after_norm", width), "decoder.embed.0.weight": (tokens, width)})
    for i in range(config["dlayers"]):
        shapes.update(decoder_block(f"decoder.decoders.{i}", config))
    shapes.update({**norm("decoder.after_norm", width),
                   **linear("decoder.output_layer", tokens, width),
                   **linear("ctc.ctc_lo", tokens, width)})
    if config["audio_outputs"]:
        shapes.update(linear("audio_classifier", config["audio_outputs"], width))
    return shapes


def lrw_parameters(config):
    widths, inner = config["frontend_widths"], LRW_HEAD * config["heads"]
    width = widths[3] + config["word_boundary"]
    shapes = {"cls_token": (1, 1, width), **stem("stem3d.0", "stem3d.1", widths[0]),
              **resnet18("resnet.", widths)}
    if config["audio_outputs"]:
        shapes.update(linear("audio_projection", config["audio_outputs"], width))
    for i in range(2 * config["depth"]):
        layer = f"encoder.layers.{i}"
        shapes[f"{layer}.0.0.g"] = (width,)
        if i % 2:
            shapes.update(linear(f"{layer}.1.ff.0.proj", 2 * config["hidden"], width))
            shapes.update(linear(f"{layer}.1.ff.3", width, config["hidden"]))
        else:
            shapes.update({f"{layer}.1.to_{part}.weight": (inner, width) for part in "qkv"})
            shapes[f"{layer}.1.to_out.weight"] = (width, inner)
    shapes["encoder.rotary_pos_emb.inv_freq"] = (LRW_ROTATED // 2,)
    return {**shapes, **linear("category_classifier", config["num_labels"], width)}


def dense(name, inputs, out):
    return {f"{name}/kernel": (*inputs, *out), f"{name}/bias": out}


def landmark_parameters(config):
    heads, dim, hidden = config["heads"], config["dim"], config["hidden"]
    width, head = dim + config["word_boundary"], (heads, dim // heads)
    root = "params/model"
    shapes = {f"{root}/cls_token": (1, 1, width),
              **dense(f"{root}/wte", (1, config["input_features"]), (dim,))}

    def layer_norm(name):
        return {f"{name}/scale": (width,), f"{name}/bias": (width,)}

    for i in range(config["layers"]):
        layer = f"{root}/layer_{i}"
        shapes.update(layer_norm(f"{layer}/norm_attn"))
        for part in "qkv":
            shapes.update(dense(f"{layer}/attn/w{part}", (width,), head))
        shapes.update({**dense(f"{layer}/attn/wo", head, (width,)),
                       **layer_norm(f"{layer}/norm_ff"),
                       **dense(f"{layer}/ff/w1", (width,), (hidden,)),
                       **dense(f"{layer}/ff/w2", (hidden,), (width,))})
    shapes.update({**layer_norm(f"{root}/norm"),
                   **dense(f"{root}/head", (width,), (config["labels"],))})
    if config["audio_outputs"]:
        shapes.update(dense("params/audio_classifier", (width,), (config["audio_outputs"],)))
    return shapes


# ---- what shapes tell

def size(shapes, name, axis, rank):
    """One axis of a tensor; None where there is no such tensor of that rank."""
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) == rank and shape[axis] > 0 else None


def layer_count(shapes, start, most=MAX_LAYERS):
    """How many numbers 0, 1, ... follow `start` in names."""
    numbers = {name[len(start):].split(".")[0] for name in shapes if name.startswith(start)}
    count = 0
    while str(count) in numbers and count < most:
        count += 1
    return count or None


def resnet18_widths(shapes, trunk):
    found = [size(shapes, f"{trunk}layer{i}.0.conv2.weight", 0, 4) for i in (1, 2, 3, 4)]
    return found if all(found) else None


def known(facts):
    return {key: value for key, value in facts.items() if value is not None}


def syncvsr_from_shapes(shapes):
    """No shape tells the decoder's heads: as many as the encoder's."""
    heads = size(shapes, "encoder.encoders.0.self_attn.pos_bias_u", 0, 2)
    block = "encoder.encoders.0"
    return known({
        "adim": size(shapes, "encoder.embed.0.weight", 0, 2), "aheads": heads, "dheads": heads,
        "eunits": size(shapes, f"{block}.feed_forward.w_1.bias", 0, 1),
        "elayers": layer_count(shapes, "encoder.encoders."),
        "cnn_module_kernel": size(shapes, f"{block}.conv_module.depthwise_conv.weight", 2, 3),
        "dunits": size(shapes, "decoder.decoders.0.feed_forward.w_1.bias", 0, 1),
        "dlayers": layer_count(shapes, "decoder.decoders."),
        "odim": size(shapes, "ctc.ctc_lo.bias", 0, 1),
        "frontend_widths": resnet18_widths(shapes, "encoder.frontend.trunk."),
        "audio_outputs": size(shapes, "audio_classifier.bias", 0, 1)})


def lrw_from_shapes(shapes):
    widths = resnet18_widths(shapes, "resnet.")
    width = size(shapes, "cls_token", 2, 3)
    inner = size(shapes, "encoder.layers.0.1.to_q.weight", 0, 2)
    layers = layer_count(shapes, "encoder.layers.", 2 * MAX_LAYERS)
    return known({
        "depth": layers and layers // 2, "heads": inner and inner // LRW_HEAD,
        "num_labels": size(shapes, "category_classifier.bias", 0, 1),
        "word_boundary": int(width != widths[3]) if width and widths else None,
        "frontend_widths": widths,
        "hidden": size(shapes, "encoder.layers.1.1.ff.3.weight", 1, 2),
        "audio_outputs": size(shapes, "audio_projection.bias", 0, 1) or 0})


def landmark_from_shapes(shapes):
    root = "params/model"
    dim, width = size(shapes, f"{root}/wte/bias", 0, 1), size(shapes, f"{root}/cls_token", 2, 3)
    count = 0
    while f"{root}/layer_{count}/norm_ff/scale" in shapes and count < MAX_LAYERS:
        count += 1
    return known({
        "layers": count or None, "dim": dim,
        "heads": size(shapes, f"{root}/layer_0/attn/wq/bias", 0, 2),
        "hidden": size(shapes, f"{root}/layer_0/ff/w1/bias", 0, 1),
        "labels": size(shapes, f"{root}/head/bias", 0, 1),
        "input_features": size(shapes, f"{root}/wte/kernel", 1, 3),
        "word_boundary": int(width != dim) if width and dim else None,
        "audio_outputs": size(shapes, "params/audio_classifier/bias", 0, 1) or 0})


# ---- checks

def check_whole(config, key, low, high):
    if type(config[key]) is not int or not low <= config[key] <= high:
        raise Refusal(f"--config: {key} must be a whole number from {low} to {high}", EXIT_USAGE)


def check_widths(config, key):
    value = config[key]
    if not isinstance(value, list) or len(value) != 4 or \
            any(type(w) is not int or not 1 <= w <= MAX_WIDTH for w in value):
        raise Refusal(f"--config: {key} must be a list of 4 whole numbers from 1 to {MAX_WIDTH}",
                      EXIT_USAGE)


def check_rate(config):
    rate = config["frame_rate"]
    if type(rate) not in (int, float) or not 1 <= rate <= 1000:
        raise Refusal("--config: frame_rate must be a number from 1 to 1000", EXIT_USAGE)


def check_part(config, key, low):
    value = config.get(key, low)
    if type(value) not in (int, float) or not low <= value <= 1:
        raise Refusal(f"--config: {key} must be a number from {low} to 1", EXIT_USAGE)


def syncvsr_check(config):
    for key in ("adim", "aheads", "eunits", "dheads", "dunits"):
        check_whole(config, key, 1, MAX_WIDTH)
    for key in ("elayers", "dlayers"):
        check_whole(config, key, 1, MAX_LAYERS)
    check_whole(config, "cnn_module_kernel", 1, MAX_KERNEL)
    check_whole(config, "odim", 3, MAX_TOKENS)
    check_whole(config, "audio_outputs", 0, MAX_TOKENS)
    check_widths(config, "frontend_widths")
    check_rate(config)
    for key in ("aheads", "dheads"):
        if config["adim"] % config[key]:
            raise Refusal(f"--config: adim ({config['adim']}) must be a multiple of {key} "
                          f"({config[key]})", EXIT_USAGE)
    if config["cnn_module_kernel"] % 2 == 0:
        raise Refusal("--config: cnn_module_kernel must be odd", EXIT_USAGE)
    if config["input_size"] not in (44, 88, 96):
        raise Refusal("--config: input_size must be 96 (SyncVSR's crops), 88 (Auto-AVSR's) or 44 "
                      "(half of that)", EXIT_USAGE)
    if config.get("crop", "autoavsr") not in SYNCVSR_CROPS:
        raise Refusal(f"--config: crop must be one of {', '.join(SYNCVSR_CROPS)}", EXIT_USAGE)
    check_part(config, "min_confidence", 0)
    check_part(config, "ctc_weight", 0.01)
    if "window_frames" in config:
        check_whole(config, "window_frames", 120, 3000)
    if not isinstance(config["space"], str) or not 1 <= len(config["space"]) <= 16:
        raise Refusal("--config: space must be the 1 to 16 letters that stand for a space in units",
                      EXIT_USAGE)


def check_words(config):
    check_whole(config, "word_boundary", 0, 1)
    check_whole(config, "hidden", 1, 4 * MAX_WIDTH)
    check_whole(config, "audio_outputs", 0, MAX_TOKENS)
    check_rate(config)
    check_part(config, "min_confidence", 0)
    if config["audio_outputs"] % AUDIO_CODES:
        raise Refusal(f"--config: audio_outputs must be a multiple of {AUDIO_CODES}", EXIT_USAGE)


def lrw_check(config):
    check_words(config)
    check_whole(config, "depth", 1, MAX_LAYERS)
    check_whole(config, "heads", 1, MAX_WIDTH // LRW_HEAD)
    check_whole(config, "num_labels", 1, MAX_TOKENS)
    check_widths(config, "frontend_widths")
    check_whole(config, "input_size", 96, 96)


def landmark_check(config):
    check_words(config)
    check_whole(config, "layers", 1, MAX_LAYERS)
    check_whole(config, "labels", 1, MAX_TOKENS)
    for key in ("dim", "heads", "input_features"):
        check_whole(config, key, 1, MAX_WIDTH)
    if config["dim"] % (2 * config["heads"]):
        raise Refusal(f"--config: dim ({config['dim']}) must be an even multiple of heads "
                      f"({config['heads']})", EXIT_USAGE)


# ---- vocabulary

def syncvsr_texts(config):
    """How many texts the vocabulary has, and which of them are fixed."""
    return config["odim"], {0: "<blank>", config["odim"] - 1: "<eos>"}


def lrw_texts(config):
    return config["num_labels"], {}


def landmark_texts(config):
    return config["labels"], {}


def words_vocab(text):
    """The words of a labels.txt, one in each line."""
    return [line.strip() for line in text.splitlines()]


def units_vocab(text):
    """The token list of a units.txt, whose lines are a unit and its number, from 1 on."""
    units = []
    for number, line in enumerate(text.splitlines(), 1):
        unit, _, stated = line.rpartition(" ")
        if not unit or stated != str(number):
            raise ValueError(f"line {number} is not a unit and the number {number}")
        units.append(unit)
    if not units:
        raise ValueError("it has no units")
    return ["<blank>", *units, "<eos>"]
