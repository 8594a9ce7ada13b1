#!/usr/bin/env python3
"""Converts weights trained in PyTorch or Keras to the safetensors files that viseme reads.

Nothing in the input is ever run, and PyTorch is not needed. See docs/weights-format.md.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import sys

import architectures
import checkpoint
import safetensors_io
from errors import EXIT_INPUT, EXIT_USAGE, EXIT_WEIGHTS, Refusal, shown
from tensors import element_count

CREATED_BY = "viseme convert.py 0.1.0"
CLEAR_LINE = "\r\033[K"
MAX_TEXT = 4096
MAX_VOCAB_BYTES = 1 << 20
CARD = "viseme.card."
CARD_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")

EXAMPLES = """\
examples:
  convert.py lipnet.pt                       writes lipnet.safetensors beside it
  convert.py run7.pth -o lip.safetensors --dtype bf16 --license "CC-BY-4.0"
  convert.py other.pt --vocab letters.json   a LipNet with another alphabet
  convert.py lipnet.h5 --card name="Keras LipNet" --card data="GRID, 29 speakers"

The input may be a state_dict saved by torch.save (any version since 0.1.10), a checkpoint that
holds one under "state_dict" (Lightning's too), a TorchScript archive, a Keras .h5, a .npz or a
.safetensors file. Hyperparameters that shapes cannot tell have defaults; change them with
--config '{"frame_rate": 30}'. Fields of --card are kept in the file for whoever uses it: what the
weights are called, what they were trained on, what they are not good for.

exit codes: 0 done, 1 cannot write, 2 usage, 3 cannot read the input, 6 not weights viseme knows
"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refusal(message + " (--help shows the options)", EXIT_USAGE)


def parse_arguments(argv):
    p = Parser(prog="convert.py", description="Converts PyTorch weights for viseme.",
               epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
               allow_abbrev=False)
    p.add_argument("input", metavar="INPUT", help="checkpoint to convert")
    p.add_argument("-o", "--output", metavar="OUT",
                   help="file to write (default: INPUT ending in .safetensors)")
    p.add_argument("--arch", metavar="NAME", choices=sorted(architectures.ARCHITECTURES),
                   help="the network, if it is not to be recognised: "
                   + ", ".join(sorted(architectures.ARCHITECTURES)))
    p.add_argument("--dtype", choices=("f32", "f16", "bf16"), default="f32",
                   help="type of the numbers written (default f32)")
    p.add_argument("--config", metavar="JSON", help="hyperparameters, a JSON object")
    p.add_argument("--vocab", metavar="FILE",
                   help="vocabulary, a JSON array with one text per class, \"\" for the blank, or "
                   "a text file: of units with their numbers, of words")
    p.add_argument("--license", metavar="TEXT", help="licence of the weights")
    p.add_argument("--source", metavar="TEXT",
                   help="where the weights are from (default: INPUT's name and sha256)")
    p.add_argument("--card", metavar="KEY=TEXT", action="append", default=[],
                   help="a field of the model card, such as data=\"GRID, 29 speakers\"; repeatable")
    p.add_argument("--json", action="store_true", help="print the summary as JSON")
    return p.parse_args(argv)


def plain_text(text, option):
    """Text from the command line as it may stand in a file: UTF-8, one line, not too long."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise Refusal(f"{option} is not UTF-8", EXIT_USAGE) from None
    if size > MAX_TEXT or not text.isprintable():
        raise Refusal(f"{option} must be one line of at most {MAX_TEXT} bytes", EXIT_USAGE)
    return text


def given_config(text):
    if text is None:
        return {}
    try:
        config = safetensors_io.parse_json(plain_text(text, "--config"))
    except ValueError as e:
        raise Refusal(f"--config is not JSON: {shown(str(e))}", EXIT_USAGE) from None
    if not isinstance(config, dict):
        raise Refusal("--config is not a JSON object such as '{\"frame_rate\": 25}'", EXIT_USAGE)
    return config


def given_card(fields):
    """{metadata key: text} of --card KEY=TEXT."""
    card = {}
    for field in fields:
        key, equals, text = field.partition("=")
        if not equals or not text.strip() or not CARD_KEY.fullmatch(key):
            raise Refusal("--card wants KEY=TEXT, KEY of lower-case letters, digits and "
                          f"underscores: {shown(field)}", EXIT_USAGE)
        if CARD + key in card:
            raise Refusal(f"--card states {key} twice", EXIT_USAGE)
        card[CARD + key] = plain_text(text, f"--card {key}")
    return card


def given_vocab(path):
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_VOCAB_BYTES + 1)
    except OSError as e:
        raise Refusal(f"--vocab {shown(path)} cannot be read: {e.strerror}", EXIT_USAGE) from None
    try:
        if len(raw) > MAX_VOCAB_BYTES:
            raise ValueError("it is too long")
        return raw.decode("utf-8")
    except ValueError as e:
        raise Refusal(f"--vocab {shown(path)} is not text: {shown(str(e))}", EXIT_USAGE) from None


def parse_vocab(text, arch):
    """The vocabulary in a file of --vocab: JSON, or a text file as the original has it."""
    read = architectures.ARCHITECTURES[arch].text_vocab
    try:
        if text.lstrip()[:1] in ("", "[", "{", '"') or read is None:
            return safetensors_io.parse_json(text)
        return read(text)
    except ValueError as e:
        raise Refusal(f"--vocab is not JSON{' or text that ' + arch + ' has' if read else ''}: "
                      f"{shown(str(e))}", EXIT_USAGE) from None


def settle_vocab(arch, config, vocab):
    """The vocabulary to write: `vocab` where given, checked, else the network's own; None for a
    network without one."""
    known = architectures.ARCHITECTURES[arch]
    if known.vocab is None:
        if vocab is not None:
            raise Refusal(f"{arch} has no vocabulary", EXIT_USAGE)
        return None
    if vocab is None:
        vocab = known.vocab(config)
    count, fixed = known.texts(config)
    stated = "".join(f', "{text}" at {i}' for i, text in fixed.items())
    if vocab is None:
        raise Refusal(f"this {arch} has {count} classes{stated}: state their texts with --vocab",
                      EXIT_USAGE)
    if not isinstance(vocab, list) or any(not isinstance(v, str) for v in vocab):
        raise Refusal("--vocab is not a JSON array of texts", EXIT_USAGE)
    if len(vocab) != count or any(vocab[i] != text for i, text in fixed.items()):
        raise Refusal(f"--vocab must have {count} texts{stated}; it has {len(vocab)}", EXIT_USAGE)
    try:
        compact(vocab).encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("--vocab has half a UTF-16 surrogate", EXIT_USAGE) from None
    return vocab


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def vocab_entry(vocab):
    """The vocabulary as a file's metadata has it."""
    return {} if vocab is None else {"viseme.vocab": compact(vocab)}


def inherited(metadata, arch, shapes):
    """What a viseme file that is converted again says of itself: (config, vocab, card, source,
    licence), the card a dict, each other None where it says nothing."""
    if metadata.get("viseme.format") != "1" or metadata.get("viseme.arch") != arch:
        return None, None, {}, None, None
    try:
        config, vocab = (safetensors_io.parse_json(metadata[key]) if key in metadata else None
                         for key in ("viseme.config", "viseme.vocab"))
        if config is not None and not isinstance(config, dict):
            raise ValueError
        settled = architectures.settle_config(arch, shapes, config or {})
        if vocab is not None:
            settle_vocab(arch, settled, vocab)
        card = given_card(f"{key[len(CARD):]}={text}" for key, text in metadata.items()
                          if key.startswith(CARD))
        return (config, vocab, card, *(plain_text(metadata[key], key) if key in metadata else None
                                       for key in ("viseme.source", "viseme.license")))
    except (ValueError, Refusal) as e:
        raise Refusal(f"has damaged viseme metadata: {shown(str(e), 200)}") from None


def convert(args, progress):
    """Converts as the arguments say; returns the summary."""
    config, text, card = given_config(args.config), given_vocab(args.vocab), given_card(args.card)
    source, licence = (text if text is None else plain_text(text, option) for text, option in
                       ((args.source, "--source"), (args.license, "--license")))
    output = args.output or os.path.splitext(args.input)[0] + ".safetensors"
    if os.path.exists(args.input) and os.path.exists(output) and \
            os.path.samefile(args.input, output):
        raise Refusal("the output would replace the input: state another with -o", EXIT_USAGE)
    data = checkpoint.open_bytes(args.input)
    tensors, metadata, kind = checkpoint.read(data)
    if kind == "keras h5":
        tensors = architectures.named_by_order(tensors, args.arch)
    tensors = architectures.without_prefix(tensors)
    shapes = {n: t.shape for n, t in tensors.items()}
    arch = args.arch or architectures.recognise(shapes)
    tensors = architectures.without_unused(tensors, arch)
    shapes = {n: t.shape for n, t in tensors.items()}
    old_config, old_vocab, old_card, old_source, old_licence = inherited(metadata, arch, shapes)
    config = architectures.settle_config(arch, shapes, {**(old_config or {}), **config})
    architectures.compare(arch, config, shapes)
    vocab = settle_vocab(arch, config, old_vocab if text is None else parse_vocab(text, arch))
    if source is None:
        source = old_source or (f"{shown(os.path.basename(args.input))}, "
                                f"sha256 {hashlib.sha256(data).hexdigest()}")
    size = safetensors_io.write(output, tensors, args.dtype.upper(), {
        "viseme.format": "1", "viseme.arch": arch, "viseme.config": compact(config),
        **vocab_entry(vocab), "viseme.source": source,
        "viseme.license": licence or old_licence or "unknown",
        "viseme.created_by": CREATED_BY, **old_card, **card}, progress)
    return {"input": args.input, "kind": kind, "arch": arch, "tensors": len(tensors),
            "parameters": sum(element_count(s) for s in shapes.values()),
            "dtype": args.dtype, "bytes": size, "output": output}


def show_progress(done, total):
    sys.stderr.write(CLEAR_LINE if done == total else f"\rconverting tensor {done + 1} of {total}")
    sys.stderr.flush()


def stopped(_signal, _frame):
    raise SystemExit(143)


def main(argv):
    signal.signal(signal.SIGTERM, stopped)
    sys.stdout.reconfigure(errors="surrogateescape")  # paths need not be UTF-8
    terminal = sys.stderr.isatty()
    args = None
    try:
        args = parse_arguments(argv)
        summary = convert(args, show_progress if terminal else lambda done, total: None)
    except Refusal as e:
        about = f"{shown(args.input, 200)}: " \
            if args and e.code in (EXIT_INPUT, EXIT_WEIGHTS) else ""
        print(f"{CLEAR_LINE if terminal else ''}convert.py: {about}{e}", file=sys.stderr)
        return e.code
    except MemoryError:
        print("convert.py: not enough memory", file=sys.stderr)
        return 7
    except KeyboardInterrupt:
        return 130
    if args.json:
        print(json.dumps(summary))
    else:
        print("{arch}: {tensors} tensors, {parameters} parameters, {dtype}, {bytes} bytes, "
              "{output}".format_map(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
