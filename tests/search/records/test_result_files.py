"""What the commands write passes the checks of what they read."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from search.records.result_files import DATA
from spaces.studies.dataset import DatasetSection
from trainables.datasets.preflight.examine import preflight


@pytest.mark.parametrize("subset", [None, 20, 0.5, 1.0])
def test_the_preflight_of_any_subset_is_read_back(subset, tmp_path):
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = Image.new("RGB", (8, 8), (9 * number, 200 * label, 5 * number))
            pixels.save(tmp_path / name / f"{number}.png")
    section = DatasetSection(format="folders", path=str(tmp_path), subset=subset)
    written = json.loads(json.dumps(preflight(section, "photos").to_dict()))
    assert DATA.validate_python(written)["subset"] == subset
