"""What is trained is what is saved and exported, and what Keras's own application computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.backbones import BACKBONES
from tests.trainables.export.parity import COLUMNS, TOLERANCE, differences

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # Of tf2onnx and of Keras: np.object, and the size of the images of MobileNets' weights.
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square:UserWarning"),
]

FAST = {
    "EfficientNetB0": ("SavedModel",),
    "ConvNeXtTiny": (),
    "EfficientNetLite0": ("LiteRT",),
}
"""Backbones of the usual run, and the exports that are compared there."""

ELSEWHERE = ("EfficientNetB0",)
"""Of these, those whose saved model another process loads."""

TABLE = Path(__file__).parents[3] / "docs" / "backbones.md"


@pytest.mark.parametrize("backbone", FAST)
def test_what_is_trained_is_what_is_saved(backbone, tmp_path, monkeypatch):
    is_elsewhere = backbone in ELSEWHERE
    found = differences(backbone, tmp_path, monkeypatch, FAST[backbone], is_elsewhere)
    assert {"rebuilt", "saved", *FAST[backbone]} <= set(found)
    assert ("Keras" in found) == (backbone != "EfficientNetLite0")
    assert max(found.values()) <= TOLERANCE, found


@pytest.mark.backbones
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_in_every_format(backbone, tmp_path, monkeypatch):
    found = differences(backbone, tmp_path, monkeypatch)
    _write_row(backbone, found)
    assert set(COLUMNS) - set(found) <= {"Keras"}
    assert max(found.values()) <= TOLERANCE, found


HEAD = """\
# Backbones: what is trained is what is saved

Written by `make test-backbones`. Each backbone, with made-up weights in the place of ImageNet's and
images of the smallest size that it takes, is trained for an epoch with its last layer thawed. The
figures are the largest differences over 16 images:

- Keras: of the features from those of `keras.applications`, as a share of the largest feature;
- rebuilt: of probabilities of the network rebuilt from the checkpoint, from the trained one;
- saved: of `model.keras` loaded by another process, and of each export, from the trained one too.

All must be at most 1e-4. A backbone without a row has not been measured yet: the large ones take
many minutes each. Keras has no EfficientNetLite0 to Lite2, AlexNet, ResNet18 and Vision
Transformers; these are compared with PyTorch's outputs in
`tests/trainables/networks/backbones/test_torch_backbones.py` and
`tests/trainables/networks/backbones/test_vision_transformer.py`.

"""


def _write_row(backbone: str, found: dict[str, float]) -> None:
    """Put a backbone's row into the table, in the place of the row that it has."""
    rows = {}
    if TABLE.exists():
        lines = [x.split("|") for x in TABLE.read_text().splitlines() if x.startswith("| ")]
        rows = {cells[1].strip(): cells[2:-1] for cells in lines}
    rows[backbone] = [f" {found[c]:.0e} " if c in found else " - " for c in COLUMNS]
    table = [f"| Backbone | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    table += [f"| {name} |{'|'.join(rows[name])}|" for name in sorted(BACKBONES) if name in rows]
    TABLE.write_text(HEAD + "\n".join(table) + "\n")
    print(table[0], table[-1], sep="\n")
