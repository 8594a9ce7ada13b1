"""The networks viseme knows: their tensors, their hyperparameters, how to tell them apart.

An Architecture has
    config      default hyperparameters; with `optional` the keys are all there are
    optional    keys that have no default and may be left out
    from_shapes (shapes) -> the hyperparameters that shapes tell
    check       (config) -> None, or refuses what cannot be
    parameters  (config) -> {tensor name: shape}, names and shapes of the original's state_dict
    vocab       (config) -> the default vocabulary, None where there is none for this config; None
                for a network that has no vocabulary at all
    texts       (config) -> how many texts a vocabulary has, and {index: text} of those that are
                fixed
    text_vocab  (text) -> the vocabulary in a text file of the original's, or ValueError
    by_order    True: the original loads its weights by order, not by name
    unused      starts of names that checkpoints may have and the network does not use
"""
import face_detectors
import face_networks
import language_networks
import sentence_networks
import sync_networks
import wav2lip_networks
from errors import EXIT_USAGE, Refusal, listed, shown

MAX_CLASSES = 65536


def ctc_texts(config):
    return config["classes"], {config["blank"]: ""}


class Architecture:
    def __init__(self, config, from_shapes, check, parameters, vocab, by_order=False,
                 optional=(), texts=ctc_texts, text_vocab=None, unused=()):
        self.texts, self.text_vocab, self.unused = texts, text_vocab, unused
        self.optional = optional
        self.config, self.from_shapes, self.check = config, from_shapes, check
        self.parameters, self.vocab, self.by_order = parameters, vocab, by_order


# ---- lipnet: three spatio-temporal convolutions, two bidirectional GRUs, one linear layer

LIPNET_CONFIG = {"classes": 28, "frame_height": 64, "frame_width": 128, "frame_rate": 25,
                 "pixel_order": "bgr", "blank": 0}


def lipnet_from_shapes(shapes):
    bias = shapes.get("FC.bias", ())
    return {"classes": bias[0]} if len(bias) == 1 and 2 <= bias[0] <= MAX_CLASSES else {}


def lipnet_check(config, default=None):
    default = default or LIPNET_CONFIG
    for key in ("classes", "frame_height", "frame_width", "blank"):
        if type(config[key]) is not int:
            raise Refusal(f"--config: {key} must be a whole number", EXIT_USAGE)
    for key in ("frame_height", "frame_width"):
        if config[key] != default[key]:
            raise Refusal(f"--config: {key} must be {default[key]}, the only size this network "
                          "can have", EXIT_USAGE)
    if not 2 <= config["classes"] <= MAX_CLASSES:
        raise Refusal(f"--config: classes must be 2 to {MAX_CLASSES}", EXIT_USAGE)
    if not 0 <= config["blank"] < config["classes"]:
        raise Refusal("--config: blank must be one of the classes", EXIT_USAGE)
    rate = config["frame_rate"]
    if type(rate) not in (int, float) or not 1 <= rate <= 1000:
        raise Refusal("--config: frame_rate must be a number from 1 to 1000", EXIT_USAGE)
    if config["pixel_order"] not in ("bgr", "rgb"):
        raise Refusal('--config: pixel_order must be "bgr" or "rgb"', EXIT_USAGE)
    least = config.get("min_confidence", 0)
    if type(least) not in (int, float) or not 0 <= least <= 1:
        raise Refusal("--config: min_confidence must be a number from 0 to 1", EXIT_USAGE)


def gru_parameters(name, inputs, hidden):
    """A bidirectional GRU of one layer; rows are the gates reset, update, new."""
    shapes = {}
    for suffix in ("_l0", "_l0_reverse"):
        shapes[f"{name}.weight_ih{suffix}"] = (3 * hidden, inputs)
        shapes[f"{name}.weight_hh{suffix}"] = (3 * hidden, hidden)
        shapes[f"{name}.bias_ih{suffix}"] = (3 * hidden,)
        shapes[f"{name}.bias_hh{suffix}"] = (3 * hidden,)
    return shapes


def lipnet_parameters(config):
    features = 96 * (config["frame_height"] // 16) * (config["frame_width"] // 16)
    return {
        "conv1.weight": (32, 3, 3, 5, 5), "conv1.bias": (32,),
        "conv2.weight": (64, 32, 3, 5, 5), "conv2.bias": (64,),
        "conv3.weight": (96, 64, 3, 3, 3), "conv3.bias": (96,),
        **gru_parameters("gru1", features, 256),
        **gru_parameters("gru2", 512, 256),
        "FC.weight": (config["classes"], 512), "FC.bias": (config["classes"],),
    }


def lipnet_vocab(config):
    if config["classes"] != 28 or config["blank"] != 0:
        return None
    return ["", " "] + [chr(c) for c in range(ord("A"), ord("Z") + 1)]


# ---- lipnet_keras: the original LipNet, with batch norm; names and shapes as Keras stores them

LIPNET_KERAS_CONFIG = {"classes": 28, "frame_height": 50, "frame_width": 100, "frame_rate": 25,
                       "pixel_order": "rgb", "blank": 27}


def lipnet_keras_from_shapes(shapes):
    bias = shapes.get("dense1/bias", ())
    if len(bias) != 1 or not 2 <= bias[0] <= MAX_CLASSES:
        return {}
    return {"classes": bias[0], "blank": bias[0] - 1}


def lipnet_keras_check(config):
    lipnet_check(config, LIPNET_KERAS_CONFIG)


def lipnet_keras_parameters(config):
    shapes, channels = {}, 3
    for n, (out, kernel) in enumerate(((32, (3, 5, 5)), (64, (3, 5, 5)), (96, (3, 3, 3))), 1):
        shapes[f"conv{n}/kernel"] = (*kernel, channels, out)
        shapes[f"conv{n}/bias"] = (out,)
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"batc{n}/{part}"] = (out,)
        channels = out
    features = 96 * (config["frame_width"] // 16) * (config["frame_height"] // 16)
    for n, inputs in ((1, features), (2, 512)):
        for direction in ("forward", "backward"):
            layer = f"bidirectional_{n}/{direction}_gru{n}"
            shapes[f"{layer}/kernel"] = (inputs, 3 * 256)
            shapes[f"{layer}/recurrent_kernel"] = (256, 3 * 256)
            shapes[f"{layer}/bias"] = (3 * 256,)
    shapes["dense1/kernel"] = (512, config["classes"])
    shapes["dense1/bias"] = (config["classes"],)
    return shapes


def lipnet_keras_vocab(config):
    if config["classes"] != 28 or config["blank"] != 27:
        return None
    return [chr(c) for c in range(ord("a"), ord("z") + 1)] + [" ", ""]


def nothing_more(_shapes):
    """from_shapes of networks that come in one size."""
    return {}


def no_default(_config):
    """vocab of networks whose vocabulary is no part of a checkpoint."""
    return None


ARCHITECTURES = {
    "lipnet": Architecture(LIPNET_CONFIG, lipnet_from_shapes, lipnet_check, lipnet_parameters,
                           lipnet_vocab, optional=("min_confidence",)),
    "lipnet_keras": Architecture(LIPNET_KERAS_CONFIG, lipnet_keras_from_shapes, lipnet_keras_check,
                                 lipnet_keras_parameters, lipnet_keras_vocab, by_order=True,
                                 optional=("min_confidence",)),
    "blazeface": Architecture(face_networks.BLAZEFACE_CONFIG, nothing_more,
                              face_networks.blazeface_check, face_networks.blazeface_parameters,
                              None),
    "wav2lip": Architecture(wav2lip_networks.GENERATOR_CONFIG,
                            wav2lip_networks.generator_from_shapes,
                            wav2lip_networks.generator_check,
                            wav2lip_networks.generator_parameters, None),
    "wav2lip_disc": Architecture(wav2lip_networks.DISC_CONFIG, wav2lip_networks.disc_from_shapes,
                                 wav2lip_networks.disc_check, wav2lip_networks.disc_parameters,
                                 None),
    "syncnet_color": Architecture(wav2lip_networks.EXPERT_CONFIG,
                                  wav2lip_networks.expert_from_shapes,
                                  wav2lip_networks.expert_check,
                                  wav2lip_networks.expert_parameters, None),
    "syncnet": Architecture(sync_networks.SYNCNET_CONFIG, sync_networks.streams_from_shapes,
                            sync_networks.syncnet_check, sync_networks.syncnet_parameters, None),
    "synce2e": Architecture(sync_networks.SYNCE2E_CONFIG, sync_networks.synce2e_from_shapes,
                            sync_networks.synce2e_check, sync_networks.synce2e_parameters, None),
    "synce2e_cls": Architecture(sync_networks.CLS_CONFIG, sync_networks.cls_from_shapes,
                                sync_networks.cls_check, sync_networks.cls_parameters, None),
    "facemesh": Architecture(face_networks.FACEMESH_CONFIG, nothing_more,
                             face_networks.facemesh_check, face_networks.facemesh_parameters,
                             None),
    "syncvsr": Architecture(sentence_networks.SYNCVSR_CONFIG,
                            sentence_networks.syncvsr_from_shapes,
                            sentence_networks.syncvsr_check,
                            sentence_networks.syncvsr_parameters,
                            no_default, optional=sentence_networks.SYNCVSR_OPTIONAL,
                            texts=sentence_networks.syncvsr_texts,
                            text_vocab=sentence_networks.units_vocab,
                            unused=sentence_networks.SYNCVSR_UNUSED),
    "syncvsr_lrw": Architecture(sentence_networks.LRW_CONFIG, sentence_networks.lrw_from_shapes,
                                sentence_networks.lrw_check, sentence_networks.lrw_parameters,
                                no_default, optional=sentence_networks.WORDS_OPTIONAL,
                                texts=sentence_networks.lrw_texts,
                                text_vocab=sentence_networks.words_vocab,
                                unused=sentence_networks.LRW_UNUSED),
    "syncvsr_landmark": Architecture(sentence_networks.LANDMARK_CONFIG,
                                     sentence_networks.landmark_from_shapes,
                                     sentence_networks.landmark_check,
                                     sentence_networks.landmark_parameters, no_default,
                                     optional=sentence_networks.WORDS_OPTIONAL,
                                     texts=sentence_networks.landmark_texts,
                                     text_vocab=sentence_networks.words_vocab),
    "syncvsr_lm": Architecture(language_networks.LM_CONFIG, language_networks.lm_from_shapes,
                               language_networks.lm_check, language_networks.lm_parameters,
                               None),
    "yunet": Architecture(face_detectors.YUNET_CONFIG, nothing_more, face_detectors.yunet_check,
                          face_detectors.yunet_parameters, None),
    "s3fd": Architecture(face_detectors.S3FD_CONFIG, nothing_more, face_detectors.s3fd_check,
                         face_detectors.s3fd_parameters, None),
}


# ---- recognising

# What a saved tree of flax begins with when its root is left out.
FLAX_PARTS = ("model/", "audio_classifier/")


def without_prefix(tensors):
    """Drops what training puts around names: `module.`, `model.` and `net.` as long as every name
    starts with the same one, and puts back the root that files of flax leave out. Batch norm's
    count of batches, which only training needs, goes too."""
    tensors = {n: t for n, t in tensors.items() if not n.endswith(".num_batches_tracked")}
    names = list(tensors)
    for prefix in ("module.", "model.", "net.") * 2:
        if names and all(n.startswith(prefix) and len(n) > len(prefix) for n in names):
            names = [n[len(prefix):] for n in names]
    if names and all(n.startswith(FLAX_PARTS) for n in names):
        names = ["params/" + n for n in names]
    return dict(zip(names, tensors.values()))


def without_unused(tensors, arch):
    """`tensors` without those that the network has no use for."""
    return {n: t for n, t in tensors.items() if not n.startswith(ARCHITECTURES[arch].unused)}


def named_by_order(tensors, arch=None):
    """`tensors`, whose names mean nothing, by the names of the network (`arch`, if given) that
    loads by order and has as many."""
    known = [a for a in ARCHITECTURES if ARCHITECTURES[a].by_order and arch in (None, a)]
    for a in known:
        names = ARCHITECTURES[a].parameters(ARCHITECTURES[a].config)
        if len(names) == len(tensors):
            return dict(zip(names, tensors.values()))
    raise Refusal(f"has {len(tensors)} weights in its layers, which fits no network that Keras "
                  f"trains ({', '.join(known) or 'none of that name'}); the first are "
                  f"{listed(tensors)}")


def recognise(shapes):
    """The architecture that has most of its names among those of `shapes`, and few that it has
    not; of several that share their names the one whose shapes fit best."""
    names = shapes.keys()
    parameters = {arch: known.parameters({**known.config, **known.from_shapes(shapes)})
                  for arch, known in ARCHITECTURES.items()}

    def own(arch):
        return parameters[arch].keys()

    def share(arch):
        return len(own(arch) & names) / len(own(arch) | names)

    def fitting(arch):
        return sum(shapes.get(n) == shape for n, shape in parameters[arch].items())

    most = max(map(share, ARCHITECTURES))
    best = max((arch for arch in ARCHITECTURES if share(arch) == most),
               key=fitting if most >= 0.5 else share)
    if len(own(best) & names) < 0.5 * len(own(best)):
        raise Refusal(f"has {len(names)} tensors that fit no known network "
                      f"({', '.join(sorted(ARCHITECTURES))}); the first are "
                      f"{listed(sorted(names))}")
    return best


def settle_config(arch, shapes, given):
    """The hyperparameters: defaults, then what the shapes tell, then `given` by the user."""
    known = ARCHITECTURES[arch]
    for key in given:
        if key not in known.config and key not in known.optional:
            raise Refusal(f"--config: {arch} has no {shown(key)}; it has "
                          f"{', '.join([*known.config, *known.optional])}", EXIT_USAGE)
    config = {**known.config, **known.from_shapes(shapes), **given}
    known.check(config)
    return config


def compare(arch, config, shapes):
    """Refuses tensors other than the architecture's, naming what is wrong with them."""
    expected = ARCHITECTURES[arch].parameters(config)
    missing = [n for n in expected if n not in shapes]
    extra = [n for n in shapes if n not in expected]
    misshapen = [f"{n} is {list(shapes[n])} and should be {list(expected[n])}"
                 for n in expected if n in shapes and shapes[n] != expected[n]]
    faults = [f"{len(group)} {word} ({listed(group)})" for group, word in
              ((missing, "missing"), (extra, "extra"), (misshapen, "misshapen")) if group]
    if faults:
        raise Refusal(f"does not hold the tensors of {arch}: {'; '.join(faults)}")
