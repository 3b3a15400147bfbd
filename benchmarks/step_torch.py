"""The same models in PyTorch, with the weights of the Keras ones."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import step_cases as cases
import torch
from torch import nn
from torch.nn import functional


class SameConv(nn.Conv2d):
    """Convolution with the padding of TensorFlow's `same`: all of it behind, for 2."""

    def forward(self, x):
        if self.stride[0] == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        return super().forward(x)


def same_conv(before: int, after: int, stride: int = 1) -> SameConv:
    """Kernel 3, output as large as the input over the stride."""
    return SameConv(before, after, 3, stride, padding=1 if stride == 1 else 0)


def dense_twin() -> nn.Module:
    """The dense autoencoder."""
    widths = (cases.PIXELS, *cases.WIDTHS)
    parts = []
    for one, two in zip(widths, widths[1:], strict=False):
        parts += [nn.Linear(one, two), nn.GELU()]
    parts.append(nn.Linear(widths[-1], cases.LATENTS))
    back = (cases.LATENTS, *reversed(cases.WIDTHS))
    for one, two in zip(back, back[1:], strict=False):
        parts += [nn.Linear(one, two), nn.GELU()]
    return nn.Sequential(*parts, nn.Linear(back[-1], cases.PIXELS))


def conv_twin() -> nn.Module:
    """The convolutional autoencoder."""
    filters = cases.FILTERS
    small = cases.FRAME[0] // 2 ** len(filters)
    parts, before = [], cases.FRAME[-1]
    for width in filters:
        parts += [same_conv(before, width, 2), nn.GELU()]
        before = width
    size = small * small * before
    parts += [nn.Flatten(), nn.Linear(size, cases.CONV_LATENTS)]
    parts += [nn.Linear(cases.CONV_LATENTS, size), nn.GELU()]
    parts.append(nn.Unflatten(1, (before, small, small)))
    for width in reversed(filters):
        parts += [nn.Upsample(scale_factor=2, mode="bilinear")]
        parts += [same_conv(before, width), nn.GELU()]
        before = width
    return nn.Sequential(*parts, same_conv(before, cases.FRAME[-1]))


class StampTwin(nn.Module):
    """Convolutions of the stamp beside a layer of features, then the head."""

    def __init__(self):
        super().__init__()
        bands = cases.STAMP[-1]
        self.stamp = nn.Sequential(
            *(same_conv(bands, 32), nn.ReLU(), nn.MaxPool2d(2)),
            *(same_conv(32, 64), nn.ReLU(), nn.MaxPool2d(2)),
            *(same_conv(64, 64), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(64 * (cases.STAMP[0] // 4) ** 2, 64), nn.ReLU()),
        )
        self.features = nn.Sequential(nn.Linear(cases.FEATURES, 32), nn.ReLU())
        self.head = nn.Sequential(
            nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, cases.CLASSES)
        )

    def forward(self, rows):
        pixels = int(np.prod(cases.STAMP))
        image = rows[:, :pixels].reshape(-1, *cases.STAMP).permute(0, 3, 1, 2)
        features = self.features(rows[:, pixels:])
        return self.head(torch.cat([self.stamp(image), features], 1))


TWINS = {"dense": dense_twin, "conv": conv_twin, "stamp": StampTwin}


def twin(kind: str) -> nn.Module:
    """The PyTorch model with the weights of `keras_model(kind)`."""
    model = TWINS[kind]()
    theirs = {
        layer.name: layer
        for layer in cases.keras_model(kind)._flatten_layers()
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
    }
    if kind == "stamp":
        names = ["stamp_0", "stamp_1", "stamp_2", "stamp_code"]
        names += ["feature_code", "head", "logits"]
    elif kind == "conv":
        names = ["encoder_0", "encoder_1", "encoder_2", "z", "grow"]
        names += ["decoder_0", "decoder_1", "decoder_2", "frame"]
    else:
        names = ["encoder_0", "encoder_1", "encoder_2", "z"]
        names += ["decoder_0", "decoder_1", "decoder_2", "features"]
    ours = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for module, name in zip(ours, names, strict=True):
        kernel, bias = (w.numpy() for w in theirs[name].weights)
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)
        elif (kind, name) in FLATTENED:
            kernel = channels_first(kernel, 8 if kind == "conv" else 5).T
        elif name == "grow":
            kernel = channels_first(kernel.T, 8)
            bias = channels_first(bias[:, None], 8)[:, 0]
        else:
            kernel = kernel.T
        with torch.no_grad():
            module.weight.copy_(torch.tensor(np.ascontiguousarray(kernel)))
            module.bias.copy_(torch.tensor(bias))
    return model


# Layers that read flattened feature maps, whose order differs.
FLATTENED = {("conv", "z"), ("stamp", "stamp_code")}


def channels_first(rows: np.ndarray, side: int) -> np.ndarray:
    """Rows of `(y, x, channel)` in the order `(channel, y, x)`."""
    maps = rows.reshape(side, side, -1, rows.shape[1])
    return np.ascontiguousarray(maps.transpose(2, 0, 1, 3).reshape(rows.shape))


def tensors(case: cases.Case) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, images channels first."""
    x, y = (torch.tensor(array) for array in cases.training_rows(case))
    return (x.movedim(3, 1), y.movedim(3, 1)) if case.kind == "conv" else (x, y)


def loss_of(case: cases.Case, outputs, targets):
    """The loss that the Keras model is compiled with."""
    if case.kind == "stamp":
        return functional.cross_entropy(outputs, targets)
    return functional.mse_loss(outputs, targets)


def first_loss(case: cases.Case) -> float:
    """The loss of the first batch before any step, to compare with Keras."""
    x, y = tensors(case)
    with torch.no_grad():
        outputs = twin(case.kind)(x[: case.batch])
    return float(loss_of(case, outputs, y[: case.batch]))


def torch_steps(
    case: cases.Case,
    *,
    compiled: bool = False,
    fused: bool = False,
    channels_last: bool = False,
) -> Callable[[], float]:
    """A function that trains `case.steps` steps on shuffled batches.

    Args:
        case: Model and batch size.
        compiled: Whether through `torch.compile`.
        fused: Whether Adam is PyTorch's fused one.
        channels_last: Memory order of images.
    """
    order = torch.channels_last if channels_last else torch.contiguous_format
    model = twin(case.kind).to(memory_format=order)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, eps=1e-7, fused=fused or None
    )
    x, y = tensors(case)
    if case.kind == "conv":
        x = x.contiguous(memory_format=order)
        y = y.contiguous(memory_format=order)
    forward = torch.compile(model) if compiled else model

    def run() -> float:
        for index in torch.randperm(len(x)).split(case.batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(case, forward(x[index]), y[index])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return float(loss.detach())

    return run
