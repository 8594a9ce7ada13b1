"""YuNet in PyTorch, to compare viseme with; tensor names as in libfacedetection.train."""
import torch
from torch import nn
from torch.nn import functional as F

from face_detectors import YUNET_HEADS, YUNET_LEVELS, YUNET_STAGES, YUNET_STEM, YUNET_WIDTH


class Unit(nn.Module):
    """Pointwise, then depthwise 3 x 3, then (inside the network) batch norm and ReLU."""

    def __init__(self, channels, out, norm=True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, groups=out)
        if norm:
            self.bn = nn.BatchNorm2d(out)
        self.norm = norm

    def forward(self, x):
        x = self.conv2(self.conv1(x))
        return F.relu(self.bn(x)) if self.norm else x


class Stem(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, YUNET_STEM, 3, 2, 1)
        self.conv2 = Unit(YUNET_STEM, YUNET_STEM)
        self.bn1 = nn.BatchNorm2d(YUNET_STEM)

    def forward(self, x):
        return self.conv2(F.relu(self.bn1(self.conv1(x))))


class Stage(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.conv1 = Unit(channels, channels)
        self.conv2 = Unit(channels, out)

    def forward(self, x):
        return self.conv2(self.conv1(x))


class Named(nn.Module):
    """Modules by name, as attributes."""

    def __init__(self, modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)


def unit_list(make):
    return nn.ModuleList(make() for _ in range(YUNET_LEVELS))


class YuNet(nn.Module):
    def __init__(self):
        super().__init__()
        stages = {f"model{i}": Stage(*stage) for i, stage in enumerate(YUNET_STAGES, 1)}
        self.backbone = Named({"model0": Stem(), **stages})
        self.neck = Named({"lateral_convs": unit_list(lambda: Unit(YUNET_WIDTH, YUNET_WIDTH))})
        heads = {f"multi_level_{name}": unit_list(lambda out=out: Unit(YUNET_WIDTH, out, False))
                 for name, out in YUNET_HEADS.items()}
        self.bbox_head = Named({
            "multi_level_share_convs":
                unit_list(lambda: nn.Sequential(Unit(YUNET_WIDTH, YUNET_WIDTH))), **heads})

    def forward(self, x, taps=None):
        """x [B 3 H W], BGR from 0 to 255, H and W multiples of 32 -> cls_8 [B cells 1] and so on.
        `taps`, a dict, receives the outputs of the units [B C H W] by their names."""
        if taps is not None:
            hooks = [m.register_forward_hook(
                lambda _m, _i, out, name=name: taps.__setitem__(name, out))
                for name, m in self.named_modules() if isinstance(m, Unit)]
            try:
                return self.forward(x)
            finally:
                for hook in hooks:
                    hook.remove()
        maps = []
        for i in range(6):
            x = getattr(self.backbone, f"model{i}")(x)
            if i >= 3:
                maps.append(x)
            if i not in (1, 5):
                x = F.max_pool2d(x, 2)
        for i in reversed(range(YUNET_LEVELS)):
            if i < YUNET_LEVELS - 1:
                maps[i] = maps[i] + F.interpolate(maps[i + 1], scale_factor=2, mode="nearest")
            maps[i] = self.neck.lateral_convs[i](maps[i])
        outputs = {}
        for i, level in enumerate(maps):
            shared = self.bbox_head.multi_level_share_convs[i](level)
            for name, numbers in YUNET_HEADS.items():
                y = getattr(self.bbox_head, f"multi_level_{name}")[i](shared)
                y = y.permute(0, 2, 3, 1).reshape(len(y), -1, numbers)
                outputs[f"{name}_{8 << i}"] = torch.sigmoid(y) if name in ("cls", "obj") else y
        return outputs


def from_config(_config):
    """The network for the viseme.config of a weights file."""
    return YuNet().eval()
