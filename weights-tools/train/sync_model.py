"""The lip-sync networks in the form that trains fast on a CPU, and their losses."""
import torch
from torch import nn
from torch.nn import functional as F

from reference.synce2e import SyncE2E, classifier
from reference.syncnet import similarity

WINDOW = 5      # frames of a lip window
REACH = 5       # offsets go from -REACH to REACH
SIZES = (7, 9, 11, 16)  # of matrices: F - 4 for the 11, 13, 15 and 20 frames of the paper
SHIPPED = 16

CONFIG = {"lip_widths": [32, 96, 128, 128, 128, 256], "aud_widths": [32, 96, 128, 128, 128, 256],
          "head_widths": [256, 256], "frame_size": 128, "audio_trunk": "fbank",
          "matrix": SHIPPED, "cls_widths": [64, 96, 64], "offsets": 2 * REACH + 1}


class Trainee(nn.Module):
    """The streams, one classifier for each size of matrix, and the scale and shift of the angular
    loss."""

    def __init__(self, config):
        super().__init__()
        self.streams = SyncE2E(config["lip_widths"], config["aud_widths"], config["head_widths"],
                               config["frame_size"], config["audio_trunk"])
        self.streams.netcnnaud.to(memory_format=torch.channels_last)
        self.cls = nn.ModuleDict({str(n): classifier(n, config["cls_widths"], config["offsets"])
                                  for n in SIZES})
        self.w = nn.Parameter(torch.tensor(10.0))
        self.b = nn.Parameter(torch.tensor(-5.0))
        first = self.streams.netcnnlip[0].weight.data
        first -= first.mean((1, 2, 3, 4), keepdim=True)  # blind to brightness, as pixels are 0..255

    def embed(self, planes, windows):
        """planes [B K 60 S/2 S/2] (see lip_planes), windows [B A 40 20] -> unit vectors
        of the video [B K E] and the audio [B A E]."""
        video = lip_embeddings(self.streams, planes.flatten(0, 1)).unflatten(0, planes.shape[:2])
        audio = self.streams.forward_aud(windows.flatten(0, 1)[:, None])
        audio = audio.unflatten(0, windows.shape[:2])
        return F.normalize(video.float(), dim=-1), F.normalize(audio.float(), dim=-1)

    def exported(self, size=SHIPPED):
        """State of SyncE2E with one classifier, by its names."""
        state = dict(self.streams.state_dict())
        state.update({f"cls.{n}": t for n, t in self.cls[str(size)].state_dict().items()})
        return state


def lip_planes(frames):
    """frames [B T 3 S S], S even -> [B T-4 60 S/2 S/2], channels last: pixels of 2 x 2 and of
    WINDOW frames become channels, so that the first convolution of the lip trunk, 5 x 7 x 7 with
    stride 2, is a 4 x 4 convolution with many channels, which processors do well."""
    b, t, c, s, _ = frames.shape
    half, kept = s // 2, t - WINDOW + 1
    pairs = as_words(frames.contiguous(), 2)                    # [B T C S S/2]
    folded = pairs.view(b, t, c, half, 2, half).permute(0, 3, 5, 1, 2, 4).contiguous()
    words = as_words(folded.view(frames.dtype).flatten(), 4)    # [B S/2 S/2 T C], C = 3
    stacked = words.as_strided((b, kept, half, half, WINDOW * c),
                               (half * half * t * c, c, half * t * c, t * c, 1)).contiguous()
    return stacked.view(frames.dtype).permute(0, 1, 4, 2, 3)


def as_words(values, count):
    """`count` neighbours as one integer or complex number, so that they are copied together."""
    size = count * values.element_size()
    return values.view({4: torch.int32, 8: torch.int64, 16: torch.complex128}[size])


def folded_kernel(weight):
    """The kernel [C 3 5 7 7] of the first convolution -> [C 60 4 4], for planes."""
    out, c, t, _, _ = weight.shape
    weight = F.pad(weight, (0, 1, 0, 1)).view(out, c, t, 4, 2, 4, 2)
    return weight.permute(0, 2, 1, 4, 6, 3, 5).reshape(out, 4 * c * t, 4, 4)


def lip_embeddings(streams, planes):
    """What streams.forward_lip gives for each window: planes [N 60 S/2 S/2] -> [N E]."""
    x = planes
    for module in streams.netcnnlip:
        if isinstance(module, nn.Conv3d):
            if module.kernel_size[0] == WINDOW:
                x = F.conv2d(x, folded_kernel(module.weight), module.bias)
            else:
                x = F.conv2d(x, module.weight.squeeze(2), module.bias, module.stride[1:],
                             module.padding[1:])
        elif isinstance(module, nn.BatchNorm3d):
            x = F.batch_norm(x, module.running_mean, module.running_var, module.weight,
                             module.bias, module.training, module.momentum, module.eps)
        elif isinstance(module, nn.MaxPool3d):
            pad = module.padding[1:] if isinstance(module.padding, tuple) else module.padding
            x = F.max_pool2d(x, module.kernel_size[1:], module.stride[1:], pad)
        else:
            x = F.relu(x)
    return streams.netfclip(x.flatten(1))


def angular_loss(rows, classes, w, b, first=0):
    """Multi-way matching: unit vectors rows [B N E], classes [B A E]; row i belongs to class
    first + i of its clip, whose other classes are the wrong answers. Mean cross entropy of
    w cos + b (equation 1 of "End-to-End Lip Synchronisation")."""
    logits = w * (rows @ classes.transpose(1, 2)) + b
    wanted = torch.arange(first, first + rows.shape[1], device=rows.device)
    return F.cross_entropy(logits.flatten(0, 1), wanted.repeat(rows.shape[0]))


def matching_loss(model, video, audio):
    """The angular loss both ways. video [B K E], audio [B K+2*REACH E], whose window i + REACH
    goes with video window i."""
    inner = audio[:, REACH:-REACH]
    return (angular_loss(video, audio, model.w, model.b, REACH) +
            angular_loss(inner, video, model.w, model.b)) / 2


def cut_matrices(video, audio, size, starts, offsets):
    """Square parts of the matrices of cosines: video [B K E], audio [B K+2*REACH E], starts and
    offsets int64 [B P] -> [B*P 1 size size], rows audio, columns video. Window j of the video and
    window i of the audio of a part match where j - i is the offset."""
    whole = similarity(audio, video)  # [B K+2*REACH K]
    clip = torch.arange(whole.shape[0])[:, None, None, None]
    span = torch.arange(size)
    rows = (starts + offsets + REACH)[:, :, None, None] + span[:, None]
    columns = starts[:, :, None, None] + span
    return whole[clip, rows, columns].flatten(0, 1)[:, None]
