"""YuNet and S3FD, as libfacedetection.train and Wav2Lip's face detection name their tensors."""
from face_networks import check, conv

# Pixels from 0 to 255: as they are; less 104, 117, 123 in the order of the channels.
YUNET_CONFIG = {"pixel_order": "bgr"}
S3FD_CONFIG = {"pixel_order": "rgb"}

YUNET_WIDTH, YUNET_STEM, YUNET_LEVELS = 64, 16, 3
YUNET_STAGES = [(YUNET_STEM, YUNET_WIDTH)] + [(YUNET_WIDTH, YUNET_WIDTH)] * 4  # model1 ... model5
YUNET_HEADS = {"cls": 1, "bbox": 4, "obj": 1, "kps": 10}

S3FD_BLOCKS = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]  # channels, convolutions
S3FD_LEVELS = {"conv3_3_norm": 256, "conv4_3_norm": 512, "conv5_3_norm": 512, "fc7": 1024,
               "conv6_2": 512, "conv7_2": 256}


def yunet_check(config):
    check(config, YUNET_CONFIG)


def s3fd_check(config):
    check(config, S3FD_CONFIG)


def batch_norm(name, channels):
    return {f"{name}.{part}": (channels,)
            for part in ("weight", "bias", "running_mean", "running_var")}


def unit(name, channels, out, norm=True):
    """Pointwise, then depthwise 3 x 3."""
    shapes = {**conv(f"{name}.conv1", out, channels, 1), **conv(f"{name}.conv2", out, 1, 3)}
    return {**shapes, **batch_norm(f"{name}.bn", out)} if norm else shapes


def yunet_parameters(_config):
    shapes = {**conv("backbone.model0.conv1", YUNET_STEM, 3, 3),
              **unit("backbone.model0.conv2", YUNET_STEM, YUNET_STEM),
              **batch_norm("backbone.model0.bn1", YUNET_STEM)}
    for i, (channels, out) in enumerate(YUNET_STAGES, 1):
        shapes.update(unit(f"backbone.model{i}.conv1", channels, channels))
        shapes.update(unit(f"backbone.model{i}.conv2", channels, out))
    for i in range(YUNET_LEVELS):
        shapes.update(unit(f"neck.lateral_convs.{i}", YUNET_WIDTH, YUNET_WIDTH))
    for i in range(YUNET_LEVELS):
        shapes.update(unit(f"bbox_head.multi_level_share_convs.{i}.0", YUNET_WIDTH, YUNET_WIDTH))
    for name, out in YUNET_HEADS.items():
        for i in range(YUNET_LEVELS):
            shapes.update(unit(f"bbox_head.multi_level_{name}.{i}", YUNET_WIDTH, out, norm=False))
    return shapes


def s3fd_parameters(_config):
    shapes, channels = {}, 3
    for i, (out, depth) in enumerate(S3FD_BLOCKS, 1):
        for k in range(1, depth + 1):
            shapes.update(conv(f"conv{i}_{k}", out, channels, 3))
            channels = out
    for name, out, channels, kernel in (("fc6", 1024, 512, 3), ("fc7", 1024, 1024, 1),
                                        ("conv6_1", 256, 1024, 1), ("conv6_2", 512, 256, 3),
                                        ("conv7_1", 128, 512, 1), ("conv7_2", 256, 128, 3)):
        shapes.update(conv(name, out, channels, kernel))
    for name in list(S3FD_LEVELS)[:3]:
        shapes[f"{name}.weight"] = (S3FD_LEVELS[name],)
    for i, (name, channels) in enumerate(S3FD_LEVELS.items()):
        shapes.update(conv(f"{name}_mbox_conf", 2 if i else 4, channels, 3))
        shapes.update(conv(f"{name}_mbox_loc", 4, channels, 3))
    return shapes
