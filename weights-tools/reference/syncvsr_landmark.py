"""SyncVSR's word reader from points of the face in PyTorch, to compare viseme with. Parameters go
by the paths of the authors' flax tree."""
import torch
from torch import nn
from torch.nn import functional as F

from sentence_networks import AUDIO_CODES, landmark_parameters

PADDING = -100.0


class PointReader(nn.Module):
    """x [N T points], centred coordinates, -100 where there are none, and, with word_boundary,
    word_mask [N T]."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.names = {path: path.replace("/", "_") for path in landmark_parameters(config)}
        for path, shape in landmark_parameters(config).items():
            self.register_parameter(self.names[path], nn.Parameter(torch.zeros(shape)))

    def state_dict(self, *args, **kwargs):
        stored = super().state_dict(*args, **kwargs)
        return {path: stored[name] for path, name in self.names.items()}

    def load_state_dict(self, state, strict=True):
        return super().load_state_dict({self.names[p]: t for p, t in state.items()}, strict)

    def get(self, *path):
        return getattr(self, self.names["/".join(("params", *path))])

    def dense(self, x, *path, axes=1):
        """x K + b over the last `axes` axes of x."""
        return torch.tensordot(x, self.get(*path, "kernel"), axes) + self.get(*path, "bias")

    def norm(self, x, *path):
        return F.layer_norm(x, x.shape[-1:], self.get(*path, "scale"), self.get(*path, "bias"),
                            1e-6)

    def rotate(self, x):
        """x [N T heads width]"""
        half = x.shape[-1] // 2
        frequency = 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half)
        angle = (torch.arange(x.shape[1], dtype=x.dtype)[:, None] * frequency)[:, None]
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), -1)

    def attend(self, x, layer):
        q, k, v = (self.dense(x, "model", layer, "attn", f"w{part}") for part in "qkv")
        q, k = self.rotate(q) / q.shape[-1] ** 0.5, self.rotate(k)
        weight = torch.softmax(torch.einsum("nihc,njhc->nhij", q, k), -1)
        y = torch.einsum("nhij,njhc->nihc", weight, v)
        return self.dense(y, "model", layer, "attn", "wo", axes=2)

    def forward(self, x, word_mask=None):
        x = torch.where(x == PADDING, torch.zeros_like(x), x)
        x = x @ self.get("model", "wte", "kernel")[0] + self.get("model", "wte", "bias")
        token = self.get("model", "cls_token")
        if word_mask is not None:
            x = torch.cat((x, word_mask[..., None]), -1)
            token = torch.cat((token[..., :-1], torch.zeros_like(token[..., -1:])), -1)
        x = torch.cat((token.expand(len(x), -1, -1), x), 1)
        for i in range(self.config["layers"]):
            layer = f"layer_{i}"
            x = x + self.attend(self.norm(x, "model", layer, "norm_attn"), layer)
            y = self.norm(x, "model", layer, "norm_ff")
            y = F.gelu(self.dense(y, "model", layer, "ff", "w1"), approximate="tanh")
            x = x + self.dense(y, "model", layer, "ff", "w2")
        y = {"category_logits": self.dense(self.norm(x[:, 0], "model", "norm"), "model", "head"),
             "sequence": x[:, 1:]}
        if self.config["audio_outputs"]:
            audio = self.dense(x[:, 1:], "audio_classifier")
            y["audio_logits"] = audio.unflatten(2, (-1, AUDIO_CODES))
        return y


def from_config(config):
    return PointReader(config).eval()
