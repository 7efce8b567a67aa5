"""Files that would run code or write elsewhere, given to the command line: exit 2, nothing done."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import keras
import pytest
from typer.testing import CliRunner

from search import cli
from spaces.errors import ThawtuneError

SPACE = "space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}\n"


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def image() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def study(folder: Path, text: str) -> Path:
    path = folder / "hostile.yaml"
    path.write_text(text + SPACE)
    return path


def climbing_zip(folder: Path, marker: Path) -> Path:
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("cats/one.png", image())
        archive.writestr(f"../{marker.name}", image())
    return study(folder, f"dataset: {{format: folders, path: {folder / 'photos.zip'}}}\n")


def climbing_tar(folder: Path, marker: Path) -> Path:
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for name in ("cats/one.png", f"../{marker.name}"):
            member = tarfile.TarInfo(name)
            member.size = len(image())
            archive.addfile(member, io.BytesIO(image()))
    return study(folder, f"dataset: {{format: folders, path: {folder / 'photos.tar'}}}\n")


def yaml_with_a_tag(folder: Path, marker: Path) -> Path:
    return study(folder, f"dataset: !!python/object/apply:os.system ['touch {marker}']\n")


def weights_that_run(folder: Path, marker: Path) -> Path:
    weights = folder / "resnet.pth"
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Touches(marker), protocol=2))
        archive.writestr("archive/version", "3\n")
    text = f"dataset: {{format: digits}}\nbase: {{backbone: ResNet18, weights: {weights}}}\n"
    return study(folder, text)


def model_with_a_lambda(folder: Path, marker: Path) -> Path:
    weights = folder / "weights.keras"
    place = str(marker)
    code = keras.layers.Lambda(lambda x: open(place, "w").close() or x, output_shape=(8, 8, 3))
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, code(inputs)).save(weights)
    marker.unlink(missing_ok=True)  # building it may have run it
    text = f"dataset: {{format: digits}}\nbase: {{backbone: ResNet50, weights: {weights}}}\n"
    return study(folder, text)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [climbing_zip, climbing_tar, yaml_with_a_tag, weights_that_run, model_with_a_lambda],
    ids=lambda make: make.__name__,
)
def test_it_is_refused_and_nothing_is_done(make, tmp_path, monkeypatch):
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.setenv("THAWTUNE_CACHE", str(folder / "cache"))
    marker = tmp_path / "marker"
    path = make(folder, marker)
    before = set(tmp_path.iterdir())
    command = "data" if "climbing" in make.__name__ else "validate"
    result = CliRunner().invoke(cli.app, [command, str(path)])
    assert isinstance(result.exception, ThawtuneError), result.exception
    assert result.exception.exit_code == 2
    assert not marker.exists()
    assert set(tmp_path.iterdir()) == before
    assert not list(tmp_path.rglob(marker.name))
