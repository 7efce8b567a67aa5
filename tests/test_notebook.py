"""The notebook in docs runs from its first cell to its last, on photos that it makes itself."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "photos.ipynb"


@pytest.mark.ray
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own parts
def test_the_notebook_runs(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("THAWTUNE_RUNS", str(tmp_path / "runs"))
    book = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=500, kernel_name="python3", resources=resources).execute()
    shown = {
        cell.id: "".join(
            output.get("text", "") + str(output.get("data", {}))
            for output in cell.get("outputs", ())
        )
        for cell in book.cells
    }
    assert "Test accuracy of the final model" in shown["answer"]
    assert "Report</a>" in shown["fit"]
    assert "To continue" not in shown["fit"]  # fine-tuning follows by itself
    assert "metric" in shown["trials"]
    assert shown["predict"].count("stripes") >= 1
