"""The command line around `fit`: what is refused at once, and what helps to write a study."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from search.cli import app
from spaces.errors import DataError, InputError
from spaces.hyperparameters import FIELDS
from spaces.studies.json_schema import HEADER, study_schema
from spaces.studies.study import Study
from spaces.studies.study_file import FOLDER, load_study, study_names
from spaces.studies.yaml_file import YamlFile


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "search", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def photos(tmp_path):
    """Thirty images of two classes, one of which cannot be decoded."""
    for name, colour in (("cat", 60), ("dog", 190)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(15):
            Image.new("RGB", (40, 30), (colour, number, 0)).save(folder / f"{number}.png")
    (tmp_path / "photos" / "cat" / "torn.png").write_bytes(b"")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "arguments", [("--debug", "report", "nothing"), ("report", "nothing", "--debug")]
)
def test_debug_shows_the_traceback_wherever_it_stands(arguments):
    done = in_a_process(*arguments)
    assert "Traceback" in done.stderr
    assert "RunStateError" in done.stderr


def test_without_debug_there_is_a_sentence():
    done = in_a_process("report", "nothing")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_the_version_is_that_of_the_package():
    done = in_a_process("--version")
    assert (done.returncode, done.stdout.strip()) == (0, "thawtune 0.1.0")


@pytest.mark.parametrize("command", ["fit", "init", "search", "validate", "describe", "data"])
def test_what_is_neither_study_nor_photos_is_refused(command, tmp_path):
    with pytest.raises(InputError, match="neither a file nor photos"):
        run(command, tmp_path / "nothing")


def test_a_study_is_not_written_over_another(photos, tmp_path):
    (tmp_path / "mine.yaml").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        run("init", photos, "--output", tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == "precious"


def test_photos_are_not_given_twice(photos):
    with pytest.raises(InputError, match="--data is for a study"):
        run("fit", photos, "--data", photos)


def test_fit_does_not_touch_a_run_that_exists(photos, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("1")
    with pytest.raises(InputError, match="exists already"):
        run("fit", photos, "--run", tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["precious"]


def test_data_takes_photos_and_names_what_is_damaged(photos):
    with pytest.raises(DataError, match=r"cat/torn\.png is empty"):
        run("data", photos)
    (photos / "cat" / "torn.png").unlink()
    assert "30 images in 2 classes" in run("data", photos)


def test_validate_and_describe_take_photos(photos):
    assert "photos is valid" in run("validate", photos)
    described = json.loads(run("describe", photos, "--json"))
    assert described["study"] == "photos"
    assert "linear_probe" in described["recipes"]


def test_the_schema_knows_every_section_and_every_hyperparameter(tmp_path):
    schema = json.loads(run("schema"))
    assert schema == study_schema()
    assert set(schema["properties"]) == set(Study.model_fields)
    for section in ("base", "space"):
        assert set(schema["properties"][section]["properties"]) == set(FIELDS)
    shown = run("schema", "--output", tmp_path / "study.schema.json")
    assert HEADER.format(path=tmp_path / "study.schema.json") in shown.replace("\n", "")
    assert json.loads((tmp_path / "study.schema.json").read_text()) == schema


@pytest.mark.parametrize("name", study_names())
def test_the_studies_that_come_along_fit_the_schema(name):
    """By the keys alone, as there is no validator of JSON Schema among the dependencies."""
    schema, written = study_schema(), YamlFile((FOLDER / f"{name}.yaml").read_text()).value
    assert set(written) <= set(schema["properties"])
    assert set(schema["required"]) <= set(load_study(FOLDER / f"{name}.yaml").to_dict())
    for section in ("base", "space"):
        assert set(written.get(section, {})) <= set(schema["properties"][section]["properties"])
