"""The networks that bench/run knows, and their forms for each engine.

Run as a program it prepares one network in a folder: model.onnx, weights.pt (a plain
state_dict, what convert.py takes), INPUT.bin for every input and, where a network has one that is
no part of its weights, vocab.json.

    networks.py NETWORK FOLDER
"""
import importlib
import json
import os
import sys
from collections import namedtuple

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))

Input = namedtuple("Input", "shape low high")
# inputs: {name: Input}; gflop: of the direct method, multiplications and additions counted apart;
# golden: the first output in tests/goldens, None where there is none for these inputs; forward:
# what of the PyTorch model is run when it is not the whole, (model) -> a function of the inputs.
Network = namedtuple("Network", "name arch inputs output_name gflop golden forward",
                     defaults=(None,))


def wav2lip(name, batch):
    # A frame: encoders of the face 0.63 and of the sound 0.19, the decoder 6.69, the output 0.42.
    inputs = {"mel": Input((batch, 1, 80, 16), -4.0, 4.0),
              "face": Input((batch, 6, 96, 96), 0.0, 1.0)}
    return Network(name, "wav2lip", inputs, "frames", 7.93 * batch, None)


def lips(name, batch, frames):
    # A window of 5 frames: convolutions 1.68 + 0.83 + 3 x 0.20 + 0.01.
    return Network(name, "syncnet", {"lip": Input((batch, 3, frames, 224, 224), 0.0, 255.0)},
                   "lip_embedding", 3.12 * batch * (frames - 4), None,
                   lambda model: lambda x: model.forward_lip(x)[0])


def windows_of_sound(name, batch):
    # A window: convolutions 0.06 + 0.13 + 0.18 + 0.12.
    return Network(name, "syncnet", {"aud": Input((batch, 1, 13, 20), -30.0, 30.0)},
                   "aud_embedding", 0.488 * batch, None, lambda model: model.forward_aud)


def logp_of(forward):
    """A SyncVSR network's forward with this output alone."""
    return lambda video: forward(video)["ctc_logp"]


NETWORKS = {
    # Convolutions 2.21 + 11.80 + 3.19, GRU inputs 0.71 + 0.12 and steps 0.06 x 2, FC 0.002.
    "lipnet": Network("lipnet", "lipnet", {"x": Input((1, 3, 75, 64, 128), 0.0, 1.0)}, "logits",
                      18.14, "lipnet/logits.npy"),
    "wav2lip": wav2lip("wav2lip", 1),
    "wav2lip-16": wav2lip("wav2lip-16", 16),
    # Windows of the lip stream, a clip of 10 s in one pass, and windows of the audio stream.
    "syncnet-lip": lips("syncnet-lip", 20, 5),
    "syncnet-lip-10s": lips("syncnet-lip-10s", 1, 250),
    "syncnet-aud": windows_of_sound("syncnet-aud", 20),
    # 3 s of sentences; stem 4.55, ResNet 42.9, conformer 26.5 and the CTC head 0.58.
    "syncvsr": Network("syncvsr", "syncvsr", {"video": Input((1, 75, 1, 88, 88), -2.6, 3.5)},
                       "ctc_logp", 74.5, None,
                       lambda model: logp_of(model.forward)),
}


def weights(arch):
    """{name: array}: the seeded weights. The sentence reader's front-end takes the statistics of
    its small golden, which has the same; with others its activations grow from block to block
    until swish makes denormal numbers, which no trained network has and which are slow to
    multiply."""
    import seeded_weights

    state = seeded_weights.weights(arch)
    if arch == "syncvsr":
        known = np.load(os.path.join(seeded_weights.GOLDENS, "syncvsr_small", "overrides.npz"))
        state.update({name: known[name] for name in known.files
                      if name.startswith("encoder.frontend.")})
    return state


def build_torch(network):
    """Our PyTorch definition with the seeded weights, ready to run."""
    import architectures
    from reference import run

    module = importlib.import_module(f"reference.{network.arch}")
    model = module.from_config(architectures.ARCHITECTURES[network.arch].config)
    run.load_into(model, weights(network.arch))
    if network.forward:
        model.forward = network.forward(model)
    return model


def numbers(known, config):
    """A vocabulary of numbers for an architecture."""
    count, fixed = known.texts(config)
    return [fixed.get(i, str(i)) for i in range(count)]


def write_vocab(network, path):
    """Numbers as the texts of a network that has no vocabulary of its own."""
    import architectures

    known = architectures.ARCHITECTURES[network.arch]
    if known.vocab and known.vocab(known.config) is None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(numbers(known, known.config), file)


def input_file(folder, name):
    return os.path.join(folder, f"{name}.bin")


def main():
    import torch
    from reference import seeded

    network, folder = NETWORKS[sys.argv[1]], sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    inputs = {name: seeded.seeded_input(f"{network.arch}/{name}", *given)
              for name, given in network.inputs.items()}
    for name, values in inputs.items():
        values.tofile(input_file(folder, name))
    write_vocab(network, os.path.join(folder, "vocab.json"))
    model = build_torch(network)
    torch.save(model.state_dict(), os.path.join(folder, "weights.pt"))
    with torch.no_grad():
        torch.onnx.export(model, tuple(map(torch.from_numpy, inputs.values())),
                          os.path.join(folder, "model.onnx"), opset_version=14,
                          do_constant_folding=True, input_names=list(inputs),
                          output_names=[network.output_name])


if __name__ == "__main__":
    main()
