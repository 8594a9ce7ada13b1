"""SyncVSR's sentence reader in PyTorch, to compare viseme with; tensor names as the authors'."""
import math

import torch
from torch import nn
from torch.nn import functional as F

EPS = 1e-12


class Block(nn.Module):
    """A basic block of a ResNet-18."""

    def __init__(self, channels, out, stride, act):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.act = act
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False),
                                            nn.BatchNorm2d(out))

    def forward(self, x):
        around = self.downsample(x) if self.downsample else x
        x = self.act(self.bn1(self.conv1(x)))
        return self.act(self.bn2(self.conv2(x)) + around)


class Trunk(nn.Module):
    """The four stages of a ResNet-18 and the mean of the map: [B C H W] -> [B widths[3]]."""

    def __init__(self, widths, act):
        super().__init__()
        channels = widths[0]
        for i, width in enumerate(widths, 1):
            stride = 1 if i == 1 else 2
            setattr(self, f"layer{i}", nn.Sequential(Block(channels, width, stride, act),
                                                     Block(width, width, 1, act)))
            channels = width

    def forward(self, x):
        for i in (1, 2, 3, 4):
            x = getattr(self, f"layer{i}")(x)
        return x.mean((2, 3))


def stem(width, act):
    return nn.Sequential(nn.Conv3d(1, width, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
                         nn.BatchNorm3d(width), act,
                         nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))


def frames_as_batch(x):
    """[N C T H W] -> [N*T C H W]"""
    return x.transpose(1, 2).flatten(0, 1)


class Frontend(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.trunk = Trunk(widths, nn.SiLU())
        self.frontend3D = stem(widths[0], nn.SiLU())

    def forward(self, x):
        y = self.trunk(frames_as_batch(self.frontend3D(x)))
        return y.view(x.shape[0], -1, y.shape[-1])


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.w_1, self.w_2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.w_2(F.relu(self.w_1(x)))


class Attention(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        for part in ("q", "k", "v", "out"):
            setattr(self, f"linear_{part}", nn.Linear(width, width))

    def split(self, x):
        """[N T width] -> [N heads T width/heads]"""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def weigh(self, scores, source, mask=None):
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        y = torch.softmax(scores, -1) @ self.split(self.linear_v(source))
        return self.linear_out(y.transpose(1, 2).flatten(2))

    def forward(self, x, source, mask=None):
        q, k = self.split(self.linear_q(x)), self.split(self.linear_k(source))
        return self.weigh(q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]), source, mask)


class DistanceAttention(Attention):
    def __init__(self, heads, width):
        super().__init__(heads, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x, distances):
        q, k = self.split(self.linear_q(x)), self.split(self.linear_k(x))
        p = self.split(self.linear_pos(distances))
        frames = x.shape[1]
        row, column = torch.arange(frames)[:, None], torch.arange(frames)[None]
        shifted = ((q + self.pos_bias_v[:, None]) @ p.transpose(2, 3))[
            :, :, row, frames - 1 - row + column]
        scores = (q + self.pos_bias_u[:, None]) @ k.transpose(2, 3) + shifted
        return self.weigh(scores / math.sqrt(q.shape[-1]), x)


class Convolutions(nn.Module):
    def __init__(self, width, kernel):
        super().__init__()
        self.pointwise_cov1 = nn.Conv1d(width, 2 * width, 1)
        self.depthwise_conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.BatchNorm1d(width)
        self.pointwise_cov2 = nn.Conv1d(width, width, 1)

    def forward(self, x):
        x = F.glu(self.pointwise_cov1(x.transpose(1, 2)), 1)
        return self.pointwise_cov2(F.silu(self.norm(self.depthwise_conv(x)))).transpose(1, 2)


class ConformerBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["adim"]
        self.self_attn = DistanceAttention(config["aheads"], width)
        self.feed_forward = FeedForward(width, config["eunits"])
        self.conv_module = Convolutions(width, config["cnn_module_kernel"])
        self.feed_forward_macaron = FeedForward(width, config["eunits"])
        for part in ("ff", "mha", "ff_macaron", "conv", "final"):
            setattr(self, f"norm_{part}", nn.LayerNorm(width, EPS))

    def forward(self, x, distances):
        x = x + 0.5 * self.feed_forward_macaron(self.norm_ff_macaron(x))
        x = x + self.self_attn(self.norm_mha(x), distances)
        x = x + self.conv_module(self.norm_conv(x))
        return self.norm_final(x + 0.5 * self.feed_forward(self.norm_ff(x)))


def sinusoids(positions, width, like):
    """sin in the even, cos in the odd columns: [len(positions) width]. Computed in float32, as the
    authors' tables are, whatever the network's type."""
    step = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    angle = positions.to(torch.float32)[:, None] * step
    return torch.stack((angle.sin(), angle.cos()), 2).flatten(1).to(like)


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths = config["frontend_widths"]
        self.frontend = Frontend(widths)
        self.embed = nn.ModuleList([nn.Linear(widths[3], config["adim"])])
        self.encoders = nn.ModuleList(ConformerBlock(config) for _ in range(config["elayers"]))
        self.after_norm = nn.LayerNorm(config["adim"], EPS)

    def forward(self, features):
        x = self.embed[0](features)
        x = x * math.sqrt(x.shape[-1])
        last = x.shape[1] - 1
        distances = sinusoids(torch.arange(last, -last - 1, -1), x.shape[-1], x)[None]
        for block in self.encoders:
            x = block(x, distances)
        return self.after_norm(x)


class DecoderBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["adim"]
        self.self_attn = Attention(config["dheads"], width)
        self.src_attn = Attention(config["dheads"], width)
        self.feed_forward = FeedForward(width, config["dunits"])
        for i in (1, 2, 3):
            setattr(self, f"norm{i}", nn.LayerNorm(width, EPS))

    def forward(self, x, source, mask):
        y = self.norm1(x)
        x = x + self.self_attn(y, y, mask)
        x = x + self.src_attn(self.norm2(x), source)
        return x + self.feed_forward(self.norm3(x))


class Decoder(nn.Module):
    """Log-probabilities of the token behind each of `prefix` [N L]: [N L tokens]."""

    def __init__(self, config):
        super().__init__()
        width, tokens = config["adim"], config["odim"]
        self.embed = nn.ModuleList([nn.Embedding(tokens, width)])
        self.decoders = nn.ModuleList(DecoderBlock(config) for _ in range(config["dlayers"]))
        self.after_norm = nn.LayerNorm(width, EPS)
        self.output_layer = nn.Linear(width, tokens)

    def forward(self, prefix, source):
        x = self.embed[0](prefix)
        length, width = x.shape[1:]
        x = x * math.sqrt(width) + sinusoids(torch.arange(length), width, x)
        mask = torch.ones(length, length, dtype=torch.bool).tril()
        for block in self.decoders:
            x = block(x, source, mask)
        return torch.log_softmax(self.output_layer(self.after_norm(x)), -1)


class CTC(nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.ctc_lo = nn.Linear(width, tokens)


class SyncVSR(nn.Module):
    """video [N T 1 H W], (x / 255 - 0.421) / 0.165 -> frontend, encoder and ctc_logp."""

    def __init__(self, config):
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.ctc = CTC(config["adim"], config["odim"])
        if config["audio_outputs"]:
            self.audio_classifier = nn.Linear(config["adim"], config["audio_outputs"])

    def forward(self, video):
        frontend = self.encoder.frontend(video.transpose(1, 2))
        encoder = self.encoder(frontend)
        return {"frontend": frontend, "encoder": encoder,
                "ctc_logp": torch.log_softmax(self.ctc.ctc_lo(encoder), -1)}


def from_config(config):
    return SyncVSR(config).eval()
