"""SyncVSR's word reader in PyTorch, to compare viseme with; tensor names as the authors'."""
import torch
from torch import nn
from torch.nn import functional as F

from reference.syncvsr import Trunk, frames_as_batch, stem
from sentence_networks import AUDIO_CODES, LRW_HEAD, LRW_ROTATED


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.g = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x / x.pow(2).mean(-1, keepdim=True).sqrt().clamp(min=1e-8) * self.g


class Positions(nn.Module):
    """Turns the first numbers of every head by angles that grow with the position."""

    def __init__(self):
        super().__init__()
        self.register_buffer("inv_freq", torch.zeros(LRW_ROTATED // 2))

    def forward(self, x):
        t = torch.arange(x.shape[-2], dtype=self.inv_freq.dtype)
        angle = (t[:, None] * self.inv_freq).repeat(1, 2)
        turned, rest = x[..., :LRW_ROTATED], x[..., LRW_ROTATED:]
        a, b = turned.chunk(2, -1)
        return torch.cat((turned * angle.cos() + torch.cat((-b, a), -1) * angle.sin(), rest), -1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for part in "qkv":
            setattr(self, f"to_{part}", nn.Linear(width, heads * LRW_HEAD, bias=False))
        self.to_out = nn.Linear(heads * LRW_HEAD, width, bias=False)

    def forward(self, x, positions):
        q, k, v = (positions(to(x).view(*x.shape[:2], self.heads, LRW_HEAD).transpose(1, 2))
                   for to in (self.to_q, self.to_k, self.to_v))
        y = torch.softmax(q @ k.transpose(2, 3) * LRW_HEAD ** -0.5, -1) @ v
        return self.to_out(y.transpose(1, 2).flatten(2))


class Gate(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.proj = nn.Linear(width, 2 * hidden)

    def forward(self, x):
        x, gate = self.proj(x).chunk(2, -1)
        return x * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.ff = nn.Sequential(Gate(width, hidden), nn.Identity(), nn.Identity(),
                                nn.Linear(hidden, width))

    def forward(self, x, _positions):
        return self.ff(x)


class Transformer(nn.Module):
    def __init__(self, config, width):
        super().__init__()
        parts = (lambda: Attention(width, config["heads"]),
                 lambda: FeedForward(width, config["hidden"]))
        self.layers = nn.ModuleList(
            nn.ModuleList([nn.ModuleList([RMSNorm(width)]), parts[i % 2]()])
            for i in range(2 * config["depth"]))
        self.rotary_pos_emb = Positions()

    def forward(self, x):
        for (norm,), part in self.layers:
            x = x + part(norm(x), self.rotary_pos_emb)
        return x


class WordReader(nn.Module):
    """video [N 1 T H W], (x / 255 - 0.421) / 0.165, and, with word_boundary, word_mask [N T]."""

    def __init__(self, config):
        super().__init__()
        widths = config["frontend_widths"]
        width = widths[3] + config["word_boundary"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.stem3d = stem(widths[0], nn.GELU())
        self.resnet = Trunk(widths, nn.ReLU())
        self.audio_projection = None
        if config["audio_outputs"]:
            self.audio_projection = nn.Linear(width, config["audio_outputs"])
        self.encoder = Transformer(config, width)
        self.category_classifier = nn.Linear(width, config["num_labels"])

    def forward(self, video, word_mask=None):
        features = self.resnet(frames_as_batch(self.stem3d(video)))
        features = x = features.view(video.shape[0], -1, features.shape[-1])
        if word_mask is not None:
            x = torch.cat((x, word_mask[..., None]), -1)
        x = self.encoder(torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1))
        y = {"features": features, "encoder": x,
             "category_logits": self.category_classifier(x[:, 0])}
        if self.audio_projection:
            y["audio_logits"] = self.audio_projection(x[:, 1:]).unflatten(2, (-1, AUDIO_CODES))
        return y


def from_config(config):
    return WordReader(config).eval()
