"""All hyperparameters: a complete configuration of one trial, and when each of them exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spaces.rules import broken_rules

Preprocessing = Literal["backbone", "unit", "signed", "channel_means", "torch", "none"]
Pooling = Literal["average", "max", "flatten"]
Decay = Literal["none", "time", "step", "exponential", "cosine", "plateau"]


@dataclass(frozen=True)
class Condition:
    """When a hyperparameter exists, and its default value if it does.

    Attributes:
        text: The condition in words, for messages.
        holds: Whether it holds, given the hyperparameters declared before this one.
        default: The value if the condition holds and none is given.
    """

    text: str
    holds: Callable[[Mapping[str, Any]], bool]
    default: Any


def _is_thawed(values: Mapping[str, Any]) -> bool:
    return values["unfrozen_depth"] > 0 or values["boundary_layer"] is not None


AUGMENTATION = (
    "flip",
    "rotation",
    "zoom",
    "shift",
    "shear",
    "crop",
    "crop_scale",
    "color_jitter",
    "grayscale",
    "blur",
    "erasing",
    "trivial_augment",
    "mixup",
    "cutmix",
)
"""Hyperparameters that change training images, unless they are "none", 0 or false."""

FEATURE_AUGMENTATION = ("feature_jitter", "feature_mixup")
"""Hyperparameters that change the features of training images at the boundary, unless they are 0.
What is below the boundary is still computed once an image."""


def _augments(values: Mapping[str, Any]) -> bool:
    return any(values[name] not in ("none", 0) for name in AUGMENTATION)


def _decays_by(*kinds: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda values: values["decay"] in kinds


CONDITIONS: dict[str, Condition] = {
    "truncation_layer": Condition("there is a backbone", lambda v: v["backbone"] != "none", None),
    "batch_norm": Condition("something is thawed", _is_thawed, "frozen"),
    "convolution_batch_norm": Condition(
        "there are extra convolutions", lambda v: bool(v["convolutions"]), False
    ),
    "convolution_pooling": Condition(
        "there are extra convolutions", lambda v: bool(v["convolutions"]), False
    ),
    "focal_gamma": Condition("loss is focal", lambda v: v["loss"] == "focal", 2.0),
    "logit_adjustment": Condition(
        "sampling is none and loss is not binary",
        lambda v: v["sampling"] == "none" and v["loss"] != "binary",
        None,
    ),
    "momentum": Condition("optimizer is sgd", lambda v: v["optimizer"] == "sgd", 0.9),
    "ema_momentum": Condition(
        "optimizer is not schedule_free", lambda v: v["optimizer"] != "schedule_free", None
    ),
    "layer_decay": Condition("something is thawed", _is_thawed, None),
    "decay_rate": Condition("decay is time", _decays_by("time"), 0.01),
    "decay_factor": Condition(
        "decay is step, exponential or plateau",
        _decays_by("step", "exponential", "plateau"),
        0.1,
    ),
    "decay_epochs": Condition("decay is step", _decays_by("step"), 10),
    "decay_patience": Condition("decay is plateau", _decays_by("plateau"), 5),
    "decay_floor": Condition("decay is cosine", _decays_by("cosine"), 0.0),
    "head_epochs": Condition("something is thawed", _is_thawed, 0),
    "thaw_learning_rate": Condition(
        "head_epochs is above 0", lambda v: bool(v["head_epochs"]), None
    ),
    "crop_ratio": Condition("crop_scale is above 0", lambda v: v["crop_scale"] > 0, 4 / 3),
    "views": Condition("there is augmentation of images", _augments, 0),
}
"""Hyperparameters that exist only if others have certain values; all others always exist."""


@dataclass(frozen=True)
class Hyperparameters:
    """A point in a search space: everything that determines how one network is built and trained.

    A conditional hyperparameter is None if its condition does not hold (see `CONDITIONS`), and
    takes its default if it does.

    Attributes:
        backbone: A name in `spaces.backbones.BACKBONES`, "none" if the head is the network, or the
            path of a `.keras` file with a flat functional model of Keras's own layers, relative to
            the study file.
        weights: "imagenet", "none" (random), or the path of a file, relative to the study file. A
            `.weights.h5` file is loaded as Keras's applications load it: EfficientNetB0 to B7 then
            lack the scaling that ImageNet's weights need, which a model saved as `.keras` has. A
            backbone that is a file has its own weights, unless this is "none".
        image_size: Side of the square input, in pixels.
        resize: How a picture becomes a square: "squash" (each side by its own factor), "crop" (the
            largest square in the middle), or "pad" (the whole picture, with black beside it).
        preprocessing: "backbone" (what its weights were trained with), "unit" (0..1),
            "signed" (-1..1), "channel_means" (ImageNet's RGB means subtracted), "torch" (ImageNet's
            mean and deviation), or "none" (0..255). Of a backbone that is a file, "backbone" means
            that it takes pixels of 0..255; of a ViT, what timm's or torchvision's weights expect,
            whichever are given. Backbones that scale pixels themselves
            (`spaces.backbones.RESCALE_INSIDE`) take "backbone" or "none".
        truncation_layer: Last layer of the backbone to keep; None keeps the whole backbone.
        unfrozen_depth: Number of weight layers of the backbone to train, counted from its end.
            A batch norm belongs to the weight layer before it.
        boundary_layer: Thaw this layer and those above it, instead of giving a depth.
        frozen_part: "below" (everything below the boundary) or "dense" (every dense layer, while
            the convolutions above the boundary are trained).
        batch_norm: In thawed layers: "frozen" (inference mode, not trained at all) or "trained".
        convolutions: Number of filters of each 3×3 convolution added to the backbone.
        convolution_batch_norm: Whether a batch norm follows each added convolution.
        convolution_pooling: Whether a 2×2 max pooling follows each added convolution.
        pooling: How the feature maps become a vector.
        dense_units: Width of each hidden dense layer, with ReLU.
        head_batch_norm: "none", once after "pooling", or after each hidden "dense" layer.
        dropout: Share of units dropped, 0..1.
        dropout_place: After "each" hidden dense layer, or once: "first" (before them) or "last"
            (after them). Without hidden dense layers all three are the same.
        output_activation: "softmax" or "sigmoid".
        loss: The form of cross-entropy; labels are converted to match. "focal" is that of the
            softmax, times (1 − p)^γ, where p is the probability of the right class: examples that
            are right already count less (Lin et al., 2017, https://arxiv.org/abs/1708.02002).
        focal_gamma: γ of the focal loss, 0 or more; 0 is plain cross-entropy.
        label_smoothing: Share of the label spread over all classes, 0..1.
        class_weights: "none", or "balanced" (inverse to the class's share of the training set).
        sampling: "none" (an epoch is every training image once), or "balanced" (as many images,
            but as many of each class: those of rare classes repeat, of the others a new part is
            drawn in each epoch; Shen et al., 2016, https://arxiv.org/abs/1512.05830).
        logit_adjustment: τ, 0 or more: training adds τ · log(the class's share of the training
            set) to the logits, so that rare classes need a larger margin; 1 is consistent with
            balanced accuracy (Menon et al., 2021, https://arxiv.org/abs/2007.07314).
        optimizer: "adam" (Keras's, https://arxiv.org/abs/1412.6980), "adamw" (as its authors and
            PyTorch have it, https://arxiv.org/abs/1711.05101: another ε in another place),
            "sgd", "lion" (https://arxiv.org/abs/2302.06675; takes a third to a tenth of Adam's
            learning rate) or "schedule_free" (AdamW that averages its weights in place of a
            decaying learning rate, https://arxiv.org/abs/2405.15682).
        momentum: Momentum of SGD, 0..1.
        ema_momentum: Above 0, a moving average of the trained weights is validated and kept in
            their place. After n updates it keeps min(this, (1 + n) / (10 + n)) of itself in an
            update, as TensorFlow's `ExponentialMovingAverage`; the thaw starts it again. See
            https://arxiv.org/abs/2411.18704.
        learning_rate: Initial learning rate.
        layer_decay: Above 0, at most 1: the learning rate of the head times this for the topmost
            thawed block, times its square for the block below, and so on (Clark et al., 2020,
            https://arxiv.org/abs/2003.10555). A block is what lies between two places where a
            single tensor crosses the graph: of plain chains, a weight layer.
        warmup: Share of the updates, 0..1, in which the learning rate rises linearly to what it
            would be without; those before and after the thaw each have a share of theirs
            (https://arxiv.org/abs/1706.02677).
        weight_decay: Decoupled: each update reduces a kernel by this share times the learning rate;
            biases and normalisation are left alone.
        clip_norm: Above 0, gradients whose norm over all weights exceeds this are scaled down to it
            (https://arxiv.org/abs/1211.5063).
        decay: How the learning rate falls: "none", "time", "step", "exponential", "cosine" or
            "plateau" (of the validation loss).
        decay_rate: Time: the learning rate is divided by 1 + decay_rate × updates.
        decay_factor: Step, exponential and plateau: what the learning rate is multiplied by, at
            most 1.
        decay_epochs: Step: epochs from one drop to the next.
        decay_patience: Plateau: epochs without a better validation loss before a drop; the count
            starts again at the thaw.
        decay_floor: Cosine: share of the learning rate that remains at the end.
        batch_size: Images per update.
        epochs: Largest number of epochs.
        head_epochs: Number of initial epochs in which only the head is trained.
        thaw_learning_rate: Learning rate after these epochs; None keeps `learning_rate`.
        early_stopping: Stop after this many epochs without a better validation loss, or without a
            better score where the study's objective is one other than accuracy; 0 never stops.
            The count starts again at the thaw. The best epoch's weights are kept in any case.
        flip: Augmentation: "none", "horizontal", or "both".
        rotation: Augmentation: degrees in either direction.
        zoom: Augmentation: share in either direction.
        shift: Augmentation: share of width and height in either direction.
        shear: Augmentation: degrees in either direction, at most 45.
        crop: Augmentation: share of each side that is cut off at random positions, 0..1.
        crop_scale: Augmentation: above 0, a random window of each picture fills the input, of an
            area between this share of the picture's and all of it, and never stretched, whatever
            `resize` says (Szegedy et al., 2015, https://arxiv.org/abs/1409.4842). It is cut from
            pixels that are stored at 1.5 times `image_size`.
        crop_ratio: Augmentation: largest ratio of width to height of such a window, 1 or more; the
            smallest is its inverse.
        color_jitter: Augmentation: largest change of brightness, contrast and saturation, as a
            share in either direction, 0..1 (Howard, 2013, https://arxiv.org/abs/1312.5402).
        grayscale: Augmentation: probability that an image loses its colour, 0..1.
        blur: Augmentation: probability that an image is blurred, 0..1, by a Gaussian of deviation
            0.1 to 2 pixels of 224 (Chen et al., 2020, https://arxiv.org/abs/2002.05709).
        erasing: Augmentation: probability that a rectangle of 0.02 to 1/3 of an image is covered by
            its mean colour, 0..1 (Zhong et al., 2017, https://arxiv.org/abs/1708.04896).
        trivial_augment: Augmentation: whether each image undergoes one of 14 operations at one of
            31 strengths, all equally likely (Müller and Hutter, 2021,
            https://arxiv.org/abs/2103.10158, the wide space).
        mixup: Augmentation: above 0, each image is mixed with another one, whose share is drawn
            from Beta(α, α) with this α, and so is its label (Zhang et al., 2017,
            https://arxiv.org/abs/1710.09412).
        cutmix: Augmentation: above 0, a rectangle of another image replaces that of each image. Its
            share of the area is drawn from Beta(α, α), and the label is mixed by it (Yun et al.,
            2019, https://arxiv.org/abs/1905.04899). Together with `mixup`, each image has one of
            the two.
        feature_jitter: Augmentation: above 0, each channel of an image's features at the boundary
            changes by up to this share of their range, 0..1 (Bär et al., 2024,
            https://arxiv.org/abs/2403.10519).
        feature_mixup: Augmentation: above 0, features at the boundary and labels are mixed as by
            `mixup` (Verma et al., 2019, https://arxiv.org/abs/1806.05236).
        views: Augmentation of images: 0 draws new random values in every epoch, live from the
            pixels. Above 0, this many versions of each training image are drawn once, the same for
            all trials, and the epochs use them in turn, so that frozen layers are computed once per
            version.

    Raises:
        ValueError: If the values are not a valid configuration; the message has a line for each
            problem.
    """

    backbone: str = "EfficientNetLite0"
    weights: str = "imagenet"
    image_size: int = 224
    resize: Literal["squash", "crop", "pad"] = "squash"
    preprocessing: Preprocessing = "backbone"
    truncation_layer: str | None = None
    unfrozen_depth: int = 0
    boundary_layer: str | None = None
    frozen_part: Literal["below", "dense"] = "below"
    batch_norm: Literal["frozen", "trained"] | None = None
    convolutions: tuple[int, ...] = ()
    convolution_batch_norm: bool | None = None
    convolution_pooling: bool | None = None
    pooling: Pooling = "average"
    dense_units: tuple[int, ...] = ()
    head_batch_norm: Literal["none", "pooling", "dense"] = "none"
    dropout: float = 0.0
    dropout_place: Literal["each", "first", "last"] = "each"
    output_activation: Literal["softmax", "sigmoid"] = "softmax"
    loss: Literal["sparse_categorical", "categorical", "binary", "focal"] = "sparse_categorical"
    focal_gamma: float | None = None
    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["none", "balanced"] = "none"
    logit_adjustment: float | None = None
    optimizer: Literal["adam", "adamw", "sgd", "lion", "schedule_free"] = "adam"
    momentum: float | None = None
    ema_momentum: float | None = None
    learning_rate: float = 1e-3
    layer_decay: float | None = None
    warmup: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    decay: Decay = "none"
    decay_rate: float | None = None
    decay_factor: float | None = None
    decay_epochs: int | None = None
    decay_patience: int | None = None
    decay_floor: float | None = None
    batch_size: int = 32
    epochs: int = 10
    head_epochs: int | None = None
    thaw_learning_rate: float | None = None
    early_stopping: int = 0
    flip: Literal["none", "horizontal", "both"] = "none"
    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    crop_scale: float = 0.0
    crop_ratio: float | None = None
    color_jitter: float = 0.0
    grayscale: float = 0.0
    blur: float = 0.0
    erasing: float = 0.0
    trivial_augment: bool = False
    mixup: float = 0.0
    cutmix: float = 0.0
    feature_jitter: float = 0.0
    feature_mixup: float = 0.0
    views: int | None = None

    def __post_init__(self) -> None:
        values = dict(vars(self))
        problems = []
        for name, condition in CONDITIONS.items():
            exists = condition.holds(values)
            if exists and values[name] is None:
                values[name] = condition.default
                object.__setattr__(self, name, condition.default)
            elif not exists and values[name] is not None:
                problems.append(f"{name} is {values[name]!r}, but exists only if {condition.text}")
        problems += broken_rules(values)
        if problems:
            raise ValueError("\n".join(problems))

    def to_dict(self) -> dict[str, Any]:
        """All values by name, with tuples as lists, as they are written to files."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Hyperparameters:
        """The configuration that `to_dict` wrote."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**plain)


FIELDS: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(Hyperparameters)}
"""Every hyperparameter by name, parents before the ones that depend on them."""
