"""Reading a dataset in one line, for tests of formats."""

from __future__ import annotations

from spaces.studies.dataset import DatasetSection
from trainables.datasets.formats.readers import read_index
from trainables.datasets.formats.recognise import recognise
from trainables.datasets.preflight.examine import examine


def read(root, format_="folders", **more):
    return read_index(DatasetSection(format=format_, path=str(root), **more))


def ignored(index):
    return {finding.name: finding.reason for finding in index.ignored}


def examined(root, **keys):
    return examine(recognise(root).model_copy(update=keys), "photos")
