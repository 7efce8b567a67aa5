"""Tests for the report as files: what is written, for every shape of run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reports.build import build_report
from search.records.run import Run, write_json
from spaces.errors import RunStateError

ROOT = Path(__file__).parents[2]

WITHOUT_THE_SEARCH = """
import sys
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ("ray", "keras", "tensorflow", "optuna"):
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
from reports.build import build_report
from search.records.run import Run
print(build_report(Run(Path(sys.argv[1]))))
"""


@pytest.fixture
def failed(runs, tmp_path) -> Run:
    """A run that is soon reported."""
    shutil.copytree(
        runs["all_failed"].folder, tmp_path / "copy", ignore=shutil.ignore_patterns("report")
    )
    return Run(tmp_path / "copy")


def test_every_shape_has_its_files(reported, shape) -> None:
    folder = reported(shape)
    assert (folder / "index.html").is_file()
    assert (folder / "report.md").is_file()
    stems = {path.stem for path in (folder / "figures").glob("*.png")}
    assert stems == {path.stem for path in (folder / "figures").glob("*.svg")}
    has_results = shape not in ("empty", "nothing_finished", "all_failed")
    assert ("incumbent" in stems) is has_results
    assert (folder / "tables" / "trials.csv").is_file() is (shape != "empty")


def test_a_complete_run_has_every_figure_and_table(reported) -> None:
    folder = reported("complete")
    stems = {path.stem for path in (folder / "figures").glob("*.svg")}
    fixed = {"incumbent", "class_counts", "validation_curves", "cost", "finetune_train_loss"}
    fixed |= {"confusion_counts", "confusion_by_row", "learning_val_loss", "slice_learning_rate"}
    assert fixed <= stems
    assert {path.stem for path in (folder / "tables").iterdir()} == {
        "data", "trials", "incumbents", "rungs", "models", "test_scores", "comparisons",
        "class_scores", "confused_pairs", "worst_images", "cost", "stages", "failures", "versions",
    }  # fmt: skip


def test_a_run_with_every_file_has_the_pictures_that_come_of_them(reported) -> None:
    folder = reported("full")
    stems = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert {"finalists", "importance", "parallel", "reliability", "rungs"} <= stems
    assert {"incumbent_by_cost", "loss_learning_rate", "grid_learning_rate"} <= stems
    photographs = {path.name for path in (folder / "figures").glob("*.jpg")}
    assert len(photographs) == 5 + 3 + 1
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert [name for name in photographs if f"(figures/{name})" not in markdown] == []
    tables = {path.stem for path in (folder / "tables").iterdir()}
    assert {"finalists", "importance", "preflight", "sizes", "attempts", "rungs"} <= tables


def test_a_run_of_an_older_version_is_reported(runs, tmp_path) -> None:
    """Its importance.json has fANOVA's deviations over forests, and no method."""
    shutil.copytree(runs["full"].folder, tmp_path / "copy", ignore=shutil.ignore_patterns("report"))
    run = Run(tmp_path / "copy")
    parameters = [{"name": "dropout", "mean": 0.2, "std": 0.3}]
    write_json(run.importance, {"epoch": 3, "trials": 14, "parameters": parameters})
    page = build_report(run).read_text(encoding="utf-8")
    assert "An older version computed this with fANOVA from the 14 trials" in page


def test_nothing_is_written_beside_the_report(failed) -> None:
    before = {path.relative_to(failed.folder) for path in failed.folder.rglob("*")}
    page = build_report(failed)
    assert page == failed.report / "index.html"
    after = {path.relative_to(failed.folder) for path in failed.folder.rglob("*")}
    assert {path.parts[0] for path in after - before} == {"report"}


def test_a_second_report_is_the_same_and_leaves_nothing_of_an_older_one(failed) -> None:
    first = build_report(failed).read_bytes()
    stale = failed.report / "figures" / "slice_gone.png"
    own = failed.report / "figures" / "notes.txt"
    stale.write_bytes(b"")
    own.write_text("kept")
    assert build_report(failed).read_bytes() == first
    assert not stale.exists()
    assert own.exists()


def test_a_folder_without_a_run_is_refused(tmp_path) -> None:
    with pytest.raises(RunStateError):
        build_report(Run(tmp_path))


def test_no_folder_of_the_machine_is_in_the_report(runs, reported, shape) -> None:
    folder = reported(shape)
    parents = {str(runs[shape].folder.parent), str(ROOT), "/opt/venv", "/home/ann", "Users"}
    files = [path for path in folder.rglob("*") if path.suffix in (".html", ".md", ".svg", ".csv")]
    assert len(files) >= 3
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [parent for parent in parents if parent in text] == [], path.name


def test_it_needs_nothing_that_trains_or_searches(failed) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_SEARCH, str(failed.folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("index.html"), done.stderr


def test_it_imports_only_what_it_may() -> None:
    files = sorted((ROOT / "reports").rglob("*.py"))
    assert len(files) > 30
    for path in files:
        imported = re.findall(r"^(?:from|import) (\w+(?:\.\w+)*)", path.read_text(), re.MULTILINE)
        own = [m for m in imported if m.split(".")[0] in ("trainables", "search")]
        assert [m for m in own if not m.startswith("search.records")] == [], path


def test_a_thousand_trials_stay_small(make_run, open_test) -> None:
    maker = make_run(budget={"trials": 1000, "max_epochs": 9})
    maker.search(1000)
    run = maker.close()
    open_test(run, {"final": 0.98, "winner": 0.97, "two_phase": 0.95})
    page = build_report(run)
    assert page.stat().st_size < 10e6
    assert page.read_text(encoding="utf-8").count('<th scope="row"') > 1000
    lines = (run.report / "tables" / "trials.csv").read_text().splitlines()
    assert len(lines) == 1001
    markdown = (run.report / "report.md").read_text(encoding="utf-8")
    assert "The first 25 of 1000 rows" in markdown
