"""SyncVSR's sentence reader in the form that trains fast on a CPU, and its losses."""
import torch
from torch import nn
from torch.nn import functional as F

from reference.syncvsr import SyncVSR

CONFIG = {"adim": 160, "aheads": 4, "eunits": 480, "elayers": 6, "cnn_module_kernel": 31,
          "dheads": 4, "dunits": 480, "dlayers": 2, "frontend_widths": [16, 32, 64, 96],
          "input_size": 44}
BLANK = 0
CTC_WEIGHT = 0.1       # against the decoder's, as upstream
SMOOTHING = 0.1        # of the decoder's targets
SPAN = 5               # frames of the stem's kernel
BRANCH_ENDS = ("w_2", "linear_out", "pointwise_cov2")  # last layers of what is added to the rest


class Trainee(nn.Module):
    """The network, dropout at the end of each residual branch, and its stem as a convolution of
    pictures. config: SyncVSR's, with "odim" and "audio_outputs"."""

    def __init__(self, config, dropout):
        super().__init__()
        self.net = SyncVSR(config)
        self.net.encoder.frontend.trunk.to(memory_format=torch.channels_last)
        for name, module in self.net.named_modules():
            if name.split(".")[-1] in BRANCH_ENDS:
                module.register_forward_hook(
                    lambda layer, _, y: F.dropout(y, dropout, layer.training))
        # what the blocks add to stays in float32 when their arithmetic is in bfloat16
        self.net.encoder.embed[0].register_forward_hook(lambda layer, _, y: y.float())

    def encode(self, greys):
        """greys [B T S S], normalised, S even -> [B T adim]."""
        frontend = self.net.encoder.frontend
        conv, norm, act, pool = frontend.frontend3D
        x = F.conv2d(stem_planes(greys), folded_kernel(conv.weight))
        x = act(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias,
                             norm.training, norm.momentum, norm.eps))
        x = F.max_pool2d(x, pool.kernel_size[1:], pool.stride[1:], pool.padding[1:])
        return self.net.encoder(frontend.trunk(x).unflatten(0, greys.shape[:2]))


def stem_planes(greys):
    """[B T S S] -> [B*T 20 S/2+3 S/2+3], channels last: pixels of 2 x 2 and of SPAN frames become
    channels, so that the stem, 5 x 7 x 7 with stride 2 and zeros around, is a 4 x 4 convolution
    with many channels, which processors do well."""
    planes = F.pad(F.pixel_unshuffle(greys[:, :, None], 2), (2, 1, 2, 1, 0, 0, 2, 2))
    return (planes.unfold(1, SPAN, 1)                   # [B T 4 S/2+3 S/2+3 SPAN]
            .permute(0, 1, 3, 4, 5, 2).flatten(4).flatten(0, 1).contiguous().permute(0, 3, 1, 2))


def folded_kernel(weight):
    """The stem's kernel [C 1 5 7 7] -> [C 20 4 4], for stem_planes."""
    out, _, span, _, _ = weight.shape
    pairs = F.pad(weight[:, 0], (1, 0, 1, 0)).view(out, span, 4, 2, 4, 2)
    return pairs.permute(0, 1, 3, 5, 2, 4).reshape(out, 4 * span, 4, 4)


def decoder_batch(texts, end):
    """Lists of units -> what the decoder sees and what it shall say, [B L] both: `end` is the first
    of the one and the last of the other; -1 pads the latter."""
    longest = max(len(text) for text in texts) + 1
    seen = [[end, *text] + [end] * (longest - len(text) - 1) for text in texts]
    said = [[*text, end] + [-1] * (longest - len(text) - 1) for text in texts]
    return torch.tensor(seen), torch.tensor(said)


def ctc_loss(logits, texts):
    """Mean over the clips of -log P(text). logits [B T odim]."""
    lengths = [logits.shape[1]] * len(texts)
    flat = torch.tensor([unit for text in texts for unit in text])
    return F.ctc_loss(F.log_softmax(logits, -1).transpose(0, 1), flat, lengths,
                      [len(text) for text in texts], blank=BLANK, reduction="sum",
                      zero_infinity=True) / len(texts)


def decoder_loss(log_p, said):
    """Cross entropy with smoothed targets, summed over units, mean over clips. log_p [B L odim]."""
    kept = said >= 0
    right = log_p.gather(2, said.clamp(min=0)[..., None])[..., 0]
    others = (log_p.sum(-1) - right) / (log_p.shape[-1] - 1)
    return -((1 - SMOOTHING) * right + SMOOTHING * others)[kept].sum() / len(said)


def audio_loss(logits, tokens, codes):
    """Mean cross entropy of the audio tokens. logits [B T 8*codes], tokens [B T 8]."""
    return F.cross_entropy(logits.unflatten(2, (-1, codes)).flatten(0, 2).float(),
                           tokens.flatten())
