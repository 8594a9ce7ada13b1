"""The networks that bench/run knows, and their forms for each engine.

Run as a program it prepares one network in a folder: model.onnx, weights.pt (a plain
state_dict, what convert.py takes) and input.bin.

    networks.py NETWORK FOLDER
"""
import os
import sys
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "weights-tools"))

# gflop: of the direct method, multiplications and additions counted apart.
Network = namedtuple("Network", "name module cls input_name input_shape output_name gflop golden")

NETWORKS = {
    # Convolutions 2.21 + 11.80 + 3.19, GRU inputs 0.71 + 0.12 and steps 0.06 x 2, FC 0.002.
    "lipnet": Network("lipnet", "reference.lipnet", "LipNet", "x", (1, 3, 75, 64, 128), "logits",
                      18.14, "goldens/lipnet/logits.npy"),
}


def build_torch(network):
    """Our PyTorch definition with the seeded weights, ready to run."""
    import importlib

    import torch
    from reference import seeded

    model = getattr(importlib.import_module(network.module), network.cls)()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    drawn = seeded.seeded_state(shapes)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in drawn.items()})
    return model.eval()


def main():
    import torch
    from reference import seeded

    network, folder = NETWORKS[sys.argv[1]], sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    x = seeded.seeded_input(f"{network.name}/{network.input_name}", network.input_shape)
    x.tofile(os.path.join(folder, "input.bin"))
    model = build_torch(network)
    torch.save(model.state_dict(), os.path.join(folder, "weights.pt"))
    with torch.no_grad():
        torch.onnx.export(model, torch.from_numpy(x), os.path.join(folder, "model.onnx"),
                          opset_version=14, do_constant_folding=True,
                          input_names=[network.input_name], output_names=[network.output_name])


if __name__ == "__main__":
    main()
