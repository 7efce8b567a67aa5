"""Datasets at a real S3 server on loopback: Parquet and class folders, copied once."""

from __future__ import annotations

import pytest
from pyarrow import fs

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.cluster.test_storage import server  # noqa: F401
from tests.trainables.datasets.dataset_formats import FORMATS
from tests.trainables.datasets.pictures import encoded, picture, write
from trainables.datasets.files.location import located
from trainables.datasets.formats.readers import read_index
from trainables.datasets.formats.recognise import recognise
from trainables.datasets.preflight.examine import preflight

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]

FORMS = {form.name: form for form in FORMATS}


@pytest.mark.parametrize("name", ["parquet", "folders", "zip archive of folders", "table"])
def test_a_dataset_in_a_bucket_is_read_as_on_disk(name, tmp_path, monkeypatch, server):  # noqa: F811
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    form = FORMS[name]
    keys, _ = form.write(tmp_path / "data")
    bucket = f"bucket/{name.replace(' ', '_')}"
    fs.copy_files(str(tmp_path / "data"), bucket, destination_filesystem=server.files())
    suffix = keys["path"].removeprefix(str(tmp_path / "data"))
    url = server.url(bucket + suffix)
    assert recognise(url).format == keys["format"]
    section = located(DatasetSection(**keys | form.section | {"path": url}))
    assert section.path == url
    there = read_index(section)
    here = read_index(DatasetSection(**keys, **form.section))
    assert there.keys == here.keys
    assert there.fingerprint == here.fingerprint
    assert preflight(section, "any").class_names == form.class_names


def test_a_bucket_that_has_grown_costs_what_is_new(tmp_path, monkeypatch, server):  # noqa: F811
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    keys, _ = FORMS["folders"].write(tmp_path / "data")
    files = server.files()
    fs.copy_files(keys["path"], "bucket/grown", destination_filesystem=files)
    section = DatasetSection(format="folders", path=server.url("bucket/grown"))
    first = read_index(section)
    times = {p: p.stat().st_ctime_ns for p in (tmp_path / "cache/copies").rglob("*.jpg")}
    write(tmp_path / "new.jpg", encoded(picture(99)))
    fs.copy_files(
        str(tmp_path / "new.jpg"), "bucket/grown/class_1/new.jpg", destination_filesystem=files
    )
    files.delete_file("bucket/grown/class_0/0.jpg")
    second = read_index(section)
    assert set(second.keys) == set(first.keys) - {"class_0/0.jpg"} | {"class_1/new.jpg"}
    kept = [p for p in times if p.exists()]
    assert len(kept) == len(first.keys) - 1
    assert all(p.stat().st_ctime_ns == times[p] for p in kept)


def test_what_is_not_there_is_a_sentence(tmp_path, monkeypatch, server):  # noqa: F811
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="There is nothing at s3://bucket/none"):
        read_index(DatasetSection(format="folders", path=server.url("bucket/none")))
