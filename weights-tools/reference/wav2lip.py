"""Wav2Lip's generator in PyTorch, to compare viseme with and to train.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild" (2020),
with the sizes, tensor names and order of operations of the authors' models, so that their
checkpoints fit. Widths and numbers of residual blocks are free, for narrow variants; they are those
of a weights file's config (wav2lip_networks.py).
"""
import torch
from torch import nn
from torch.nn import functional as F

from wav2lip_networks import GENERATOR_CONFIG


class Block(nn.Module):
    """A convolution, batch norm, plus the input if residual, ReLU."""

    def __init__(self, channels, out, k, stride=1, pad=0, residual=False):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(channels, out, k, stride, pad),
                                        nn.BatchNorm2d(out))
        self.residual = residual

    def forward(self, x):
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


class Grow(nn.Module):
    """A transposed 3 x 3 convolution, batch norm, ReLU: 1 x 1 to 3 x 3, or twice the size."""

    def __init__(self, channels, out, twice):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(channels, out, 3, *((2, 1, 1) if twice else (1, 0, 0))),
            nn.BatchNorm2d(out))

    def forward(self, x):
        return F.relu(self.conv_block(x))


def residuals(width, count):
    return [Block(width, width, 3, 1, 1, residual=True) for _ in range(count)]


def run(modules, x, name, taps):
    for i, module in enumerate(modules):
        x = module(x)
        if taps is not None:
            taps[f"{name}.{i}"] = x
    return x


def row(channels, widths, counts, stages):
    """An encoder in one numbered row. stages: (k, stride, pad) of the first block of each; behind
    the last one comes a block of 1 x 1."""
    made = []
    for width, count, stage in zip(widths, [*counts, 0], stages):
        made += [Block(channels, width, *stage), *residuals(width, count)]
        channels = width
    return nn.Sequential(*made, Block(channels, channels, 1))


def audio_encoder(widths, counts):
    """[B 1 80 16] -> [B widths[4] 1 1]"""
    return row(1, widths, counts,
               ((3, 1, 1), (3, (3, 1), 1), (3, 3, 1), (3, (3, 2), 1), (3, 1, 0)))


class Wav2Lip(nn.Module):
    """The arguments are keys of the config; left out, those of the original."""

    def __init__(self, face_widths=None, face_residuals=None, audio_widths=None,
                 audio_residuals=None, decoder_widths=None, decoder_residuals=None,
                 output_width=None):
        super().__init__()
        default = GENERATOR_CONFIG
        face = face_widths or default["face_widths"]
        decoder = decoder_widths or default["decoder_widths"]
        audio = audio_widths or default["audio_widths"]
        output = output_width or default["output_width"]
        counts = [*(face_residuals or default["face_residuals"]), 0]
        stages, channels = [], 6
        for i, (width, count) in enumerate(zip(face, counts)):
            first = Block(channels, width, *((7, 1, 3) if i == 0 else (3, 2, 1) if i < 6 else (3,)))
            stages.append([first, *residuals(width, count)])
            channels = width
        stages[-1].append(Block(channels, channels, 1))
        self.face_encoder_blocks = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.audio_encoder = audio_encoder(audio, audio_residuals or default["audio_residuals"])
        stages, channels = [], audio[-1]
        counts = decoder_residuals or default["decoder_residuals"]
        for i, (width, count) in enumerate(zip(decoder, counts)):
            first = Grow(channels, width, i > 1) if i else Block(channels, width, 1)
            stages.append(nn.Sequential(first, *residuals(width, count)))
            channels = width + face[-1 - i]
        self.face_decoder_blocks = nn.ModuleList(stages)
        self.output_block = nn.Sequential(Block(channels, output, 3, 1, 1),
                                          nn.Conv2d(output, 3, 1), nn.Sigmoid())

    def forward(self, mel, face, taps=None):
        """mel [B 1 80 16], face [B 6 96 96] (BGR from 0 to 1: the frame with its lower half set to
        0, then another frame of the person) -> frames [B 3 96 96]. With an axis of time, mel
        [B T 1 80 16], face [B 6 T 96 96] -> [B 3 T 96 96]. `taps`, a dict, receives what is
        between: the outputs of encoder blocks and of decoder blocks before concatenation."""
        if face.dim() == 5:
            times = face.shape[2]
            flat = self(mel.transpose(0, 1).flatten(0, 1),
                        face.permute(2, 0, 1, 3, 4).flatten(0, 1), taps)
            return flat.unflatten(0, (times, -1)).permute(1, 2, 0, 3, 4)
        maps = []
        x = run(self.audio_encoder, mel, "audio_encoder", taps)
        for stage in self.face_encoder_blocks:
            face = stage(face)
            maps.append(face)
        for i, stage in enumerate(self.face_decoder_blocks):
            x = stage(x)
            if taps is not None:
                taps[f"face_encoder_blocks.{i}"] = maps[i]
                taps[f"face_decoder_blocks.{i}"] = x
            x = torch.cat((x, maps[-1 - i]), 1)
        return run(self.output_block, x, "output_block", taps)


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return Wav2Lip(**{k: v for k, v in config.items() if "width" in k or "residuals" in k}).eval()
