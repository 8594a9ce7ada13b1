"""SyncVSR's networks in PyTorch against the original's goldens; checkpoints as the authors' and
Auto-AVSR's training writes them through the converter, with their units."""
import importlib
import json
import os

import numpy as np
import pytest
import torch

import architectures
import checkpoint
import seeded_weights
from conftest import GOLDENS, ROOT
from reference import run, seeded

NARROW = {
    "syncvsr": {"adim": 16, "aheads": 2, "eunits": 24, "elayers": 2, "cnn_module_kernel": 7,
                "dheads": 2, "dunits": 20, "dlayers": 1, "odim": 9,
                "frontend_widths": [4, 6, 8, 10]},
    "syncvsr_lrw": {"depth": 2, "heads": 1, "num_labels": 3, "frontend_widths": [4, 6, 8, 10],
                    "hidden": 20, "audio_outputs": 640},
    "syncvsr_landmark": {"layers": 2, "dim": 16, "heads": 2, "hidden": 24, "labels": 3,
                         "input_features": 12, "audio_outputs": 320},
}
UNITS = ["<unk>", "'", "A", "B B", "\u2581", "\u2581THE", "\u2581 X"]
PUBLISHED = os.path.join(ROOT, os.pardir, "shared", "goldens", "syncvsr_lrs")


def network(net):
    """The network of a golden with its weights, and the golden's manifest."""
    arch, config = seeded_weights.settled(net)
    model = importlib.import_module(f"reference.{arch}").from_config(config)
    run.load_into(model, seeded_weights.weights(net))
    with open(os.path.join(GOLDENS, net, "manifest.json"), encoding="utf-8") as file:
        return model, json.load(file)


def expect_near(ours, golden, error):
    limit = max(1e-5 * np.ptp(golden), 4 * error)
    assert ours.shape == golden.shape and np.abs(ours - golden).max() <= limit


@pytest.mark.parametrize("net", ["syncvsr_small", "syncvsr_lrw_nowb", "syncvsr_landmark",
                                 "syncvsr_landmark_nowb"])
def test_golden(net):
    model, manifest = network(net)
    x = {n: seeded_weights.network_input(net, n) for n in seeded_weights.INPUTS[net]}
    outputs = run.run(model, x)
    assert outputs.keys() >= manifest["outputs"].keys()
    for name, entry in manifest["outputs"].items():
        expect_near(outputs[name], np.load(os.path.join(GOLDENS, net, entry["file"])),
                    entry["max_abs_diff_to_float64_run"])


def test_decoder_golden():
    model, manifest = network("syncvsr_small")
    golden = os.path.join(GOLDENS, "syncvsr_small")
    encoder = torch.from_numpy(np.load(os.path.join(golden, "encoder.npy")))
    with torch.no_grad():
        logp = model.decoder(torch.tensor([manifest["prefix"]]), encoder)
    expect_near(logp.numpy(), np.load(os.path.join(golden, "decoder_logp.npy")), 0)


# ---- the converter

def narrow(arch, **changes):
    config = {**architectures.ARCHITECTURES[arch].config, **NARROW[arch], **changes}
    return config, seeded.seeded_state(architectures.ARCHITECTURES[arch].parameters(config))


def batches(state):
    """Batch norm's counts, which checkpoints have."""
    return {n.replace("running_var", "num_batches_tracked"): torch.tensor(7)
            for n in state if n.endswith("running_var")}


def save_checkpoint(path, state, layout):
    tensors = {**{n: torch.from_numpy(v) for n, v in state.items()}, **batches(state)}
    if layout == "plain":  # Auto-AVSR's: an averaged model
        torch.save(tensors, path)
        return
    teacher = {"wav2vec.feature_extractor.conv_layers.0.0.weight": torch.zeros(4, 1, 10),
               "wav2vec.vector_quantizer.embedding": torch.zeros(3, 1, 2)}
    parameters = [torch.nn.Parameter(torch.zeros(2))]
    torch.save({"epoch": 74, "global_step": 1000, "pytorch-lightning_version": "1.5.10",
                "state_dict": {"model." + n: t for n, t in {**tensors, **teacher}.items()},
                "optimizer_states": [torch.optim.AdamW(parameters).state_dict()],
                "lr_schedulers": [{"num_steps": 3}], "callbacks": {}, "hyper_parameters": {}},
               path, _use_new_zipfile_serialization=layout == "lightning")


@pytest.fixture
def units(tmp_path):
    path = tmp_path / "units.txt"
    path.write_text("".join(f"{unit} {i}\n" for i, unit in enumerate(UNITS, 1)), encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", ["lightning", "lightning legacy", "plain"])
def test_sentence_checkpoints(layout, units, run_convert, tmp_path):
    """Sizes come from the shapes, the teacher stays behind, its head does not."""
    audio = 0 if layout == "plain" else 12
    config, state = narrow("syncvsr", audio_outputs=audio, input_size=88)
    path, made = tmp_path / "w.ckpt", tmp_path / "w.safetensors"
    save_checkpoint(path, state, layout)
    result = run_convert(path, "-o", made, "--json", "--vocab", units,
                         "--config", '{"input_size": 88}')
    assert result.code == 0, result.err
    assert json.loads(result.out)["arch"] == "syncvsr"
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    assert json.loads(metadata["viseme.config"]) == config
    assert json.loads(metadata["viseme.vocab"]) == ["<blank>", *UNITS, "<eos>"]
    assert tensors.keys() == state.keys()
    for name in state:
        np.testing.assert_array_equal(tensors[name].f32(), state[name], err_msg=name)
    again = run_convert(made, "-o", tmp_path / "again", "--dtype", "bf16")
    assert again.code == 0, again.err
    _, inherited, _ = checkpoint.read(checkpoint.open_bytes(tmp_path / "again"))
    assert inherited["viseme.vocab"] == metadata["viseme.vocab"]


def test_heads_of_the_decoder_are_stated(units, run_convert, refused, tmp_path):
    _, state = narrow("syncvsr")
    path = tmp_path / "w.pth"
    save_checkpoint(path, state, "plain")
    options = ("--vocab", str(units), "--config")
    assert run_convert(path, "-o", tmp_path / "w", *options, '{"dheads": 4}').code == 0
    _, metadata, _ = checkpoint.read(checkpoint.open_bytes(tmp_path / "w"))
    assert json.loads(metadata["viseme.config"])["dheads"] == 4
    (tmp_path / "w").unlink()
    refused(path, "adim (16) must be a multiple of dheads (3)", code=2,
            options=(*options, '{"dheads": 3}'))
    refused(path, "input_size must be 96", code=2, options=(*options, '{"input_size": 90}'))
    refused(path, "ctc_weight must be", code=2, options=(*options, '{"ctc_weight": 0}'))
    refused(path, "space must be", code=2, options=(*options, '{"space": ""}'))
    refused(path, "state their texts with --vocab", code=2)
    del state["decoder.after_norm.bias"]
    save_checkpoint(path, state, "plain")
    refused(path, "1 missing (decoder.after_norm.bias)", options=options[:2])


@pytest.mark.parametrize("text, says", [
    ("A 1\nB 3\n", "line 2 is not a unit and the number 2"), ("A 1\nB\n", "line 2"),
    (" 1\n", "line 1"), ("A 1\n", "must have 9 texts"), ('["A"]', "must have 9 texts"),
    ("\x00\n", "line 1")])
def test_units_that_are_refused(text, says, refused, tmp_path):
    _, state = narrow("syncvsr")
    path, units = tmp_path / "w.pth", tmp_path / "u.txt"
    save_checkpoint(path, state, "plain")
    units.write_text(text, encoding="utf-8")
    refused(path, says, code=2, options=("--vocab", units))


@pytest.mark.parametrize("boundary", [0, 1])
@pytest.mark.parametrize("arch", ["syncvsr_lrw", "syncvsr_landmark"])
def test_word_checkpoints(arch, boundary, run_convert, refused, tmp_path):
    """A Lightning file with a whole ResNet-18 and the teacher; the flax tree without its root."""
    config, state = narrow(arch, word_boundary=boundary)
    path, labels, made = tmp_path / "w.npz", tmp_path / "labels.txt", tmp_path / "w.safetensors"
    labels.write_text("ABOUT\nABSOLUTELY\nABUSE\n")
    if arch == "syncvsr_lrw":
        path = tmp_path / "w.ckpt"
        unused = {"resnet.conv1.weight": torch.zeros(64, 3, 7, 7),
                  "resnet.bn1.bias": torch.zeros(64), "resnet.fc.bias": torch.zeros(1000),
                  "wav2vec.quantizer.codevectors": torch.zeros(1, 2)}
        torch.save({"epoch": 3, "state_dict": {
            **{n: torch.from_numpy(v) for n, v in state.items()}, **batches(state), **unused}},
            path)
    else:
        np.savez(path, **{n[len("params/"):]: v for n, v in state.items()})
    refused(path, "3 classes: state their texts with --vocab", code=2)
    result = run_convert(path, "-o", made, "--json", "--vocab", labels)
    assert result.code == 0, result.err
    tensors, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    assert metadata["viseme.arch"] == arch and json.loads(metadata["viseme.config"]) == config
    assert json.loads(metadata["viseme.vocab"]) == ["ABOUT", "ABSOLUTELY", "ABUSE"]
    assert tensors.keys() == state.keys()
    for name in state:
        np.testing.assert_array_equal(tensors[name].f32(), state[name], err_msg=name)
    given = ("--vocab", labels, "--config")
    refused(path, "heads", code=2, options=(*given, '{"heads": 0}'))
    refused(path, "min_confidence", code=2, options=(*given, '{"min_confidence": 2}'))
    assert run_convert(path, "-o", made, *given, '{"min_confidence": 0.25}').code == 0
    _, metadata, _ = checkpoint.read(checkpoint.open_bytes(made))
    assert json.loads(metadata["viseme.config"])["min_confidence"] == 0.25
    refused(path, "misshapen", options=(*given, json.dumps({"word_boundary": 1 - boundary})))


def test_published_sizes(run_convert):
    """The 250 M parameters that the authors publish, by name and shape alone."""
    if not os.path.exists(PUBLISHED):
        pytest.skip("no ../shared/goldens")
    with open(os.path.join(PUBLISHED, "manifest.json"), encoding="utf-8") as file:
        shapes = {n: tuple(s) for n, s in json.load(file)["parameters"].items()
                  if not n.endswith("num_batches_tracked")}
    assert architectures.recognise(shapes) == "syncvsr"
    config = architectures.settle_config("syncvsr", shapes, {})
    assert config == architectures.ARCHITECTURES["syncvsr"].config
    architectures.compare("syncvsr", config, shapes)
