"""The language model beside SyncVSR's sentence reader: tensors, sizes."""
from errors import EXIT_USAGE, Refusal
from sentence_networks import (MAX_LAYERS, MAX_TOKENS, MAX_WIDTH, attention, check_whole,
                               feed_forward, known, layer_count, linear, norm, size)

# Names as upstream's but odim, the number of tokens. No shape tells head and pos_enc.
LM_CONFIG = {"layer": 16, "unit": 2048, "att_unit": 512, "embed_unit": 128, "head": 8,
             "pos_enc": "none", "odim": 5049}


def lm_parameters(config):
    width = config["att_unit"]
    shapes = {"embed.weight": (config["odim"], config["embed_unit"]),
              **linear("encoder.embed.0", width, config["embed_unit"]),
              **norm("encoder.embed.1", width)}
    for i in range(config["layer"]):
        block = f"encoder.encoders.{i}"
        shapes.update({**attention(f"{block}.self_attn", width),
                       **feed_forward(f"{block}.feed_forward", width, config["unit"]),
                       **norm(f"{block}.norm_ff", width), **norm(f"{block}.norm_mha", width)})
    return {**shapes, **norm("encoder.after_norm", width),
            **linear("decoder", config["odim"], width)}


def lm_from_shapes(shapes):
    return known({
        "layer": layer_count(shapes, "encoder.encoders."),
        "unit": size(shapes, "encoder.encoders.0.feed_forward.w_1.bias", 0, 1),
        "att_unit": size(shapes, "encoder.embed.0.weight", 0, 2),
        "embed_unit": size(shapes, "embed.weight", 1, 2),
        "odim": size(shapes, "embed.weight", 0, 2)})


def lm_check(config):
    for key in ("unit", "att_unit", "embed_unit", "head"):
        check_whole(config, key, 1, MAX_WIDTH)
    check_whole(config, "layer", 1, MAX_LAYERS)
    check_whole(config, "odim", 3, MAX_TOKENS)
    if config["att_unit"] % config["head"]:
        raise Refusal(f"--config: att_unit ({config['att_unit']}) must be a multiple of head "
                      f"({config['head']})", EXIT_USAGE)
    if config["pos_enc"] not in ("none", "sinusoidal"):
        raise Refusal('--config: pos_enc must be "none" or "sinusoidal"', EXIT_USAGE)
