"""Reading a dataset in one line, for tests of formats."""

from __future__ import annotations

from spaces.dataset import DatasetSection
from trainables.datasets.formats.readers import read_index


def read(root, format_="folders", **more):
    return read_index(DatasetSection(format=format_, path=str(root), **more))


def ignored(index):
    return {finding.name: finding.reason for finding in index.ignored}
