"""What a Ray of our own needs of its machine; `tests/faults/test_environment.py` starts it so."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from search.cluster.local_ray import LONGEST_FOLDER, protect_token, starting_ray, temporary_folder
from spaces.errors import InputError

SOCKET = "ray/session_2026-11-25_09-35-49_068109_4194304/sockets/plasma_store"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def temporary(monkeypatch, home):
    """Sets the folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield lambda path: monkeypatch.setenv("TMPDIR", str(path))
    tempfile.tempdir = None


def test_a_socket_in_the_longest_folder_is_as_long_as_it_may_be():
    assert LONGEST_FOLDER + len(f"/{SOCKET}") <= 107


def test_ray_writes_where_temporary_files_are_if_the_path_is_short(temporary):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        temporary(folder)
        assert temporary_folder() == f"{folder}/ray"


def test_a_long_path_of_temporary_files_is_not_used(temporary, home):
    long = home / ("long" * 20)
    long.mkdir()
    temporary(long)
    assert tempfile.gettempdir() == str(long)
    assert temporary_folder() == "/tmp/ray"


@pytest.mark.parametrize("name", ["none", "long" * 20])
def test_a_folder_that_was_named_for_ray_and_cannot_be_used_is_said(home, monkeypatch, name):
    monkeypatch.setenv("RAY_TMPDIR", str(home / name))
    with pytest.raises(InputError, match=f"at most {LONGEST_FOLDER} bytes, and .*{name} is none"):
        temporary_folder()


def test_an_error_in_starting_ray_is_a_sentence(temporary):
    before = os.getcwd()
    seen = []

    def start():
        with starting_ray():
            seen.append(os.getcwd())
            raise OSError("no room here.\nmore")

    with pytest.raises(InputError, match="cannot be started on this machine, .*: no room here. "):
        start()
    assert (seen, os.getcwd()) == (["/"], before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_its_owners(home):
    protect_token()
    token = home / ".ray" / "auth_token"
    assert len(token.read_text(encoding="ascii")) == 64
    assert (mode(token), mode(token.parent)) == (0o600, 0o700)
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_token_that_others_could_read_is_taken_from_them(home):
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret", encoding="ascii")
    token.chmod(0o644)
    protect_token()
    assert mode(token) == 0o600
    assert token.read_text(encoding="ascii") == "secret"


def test_where_no_file_can_be_written_only_the_processes_know_the_token(home, monkeypatch):
    (home / ".ray").write_text("in the way", encoding="ascii")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    protect_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_a_token_of_the_environment_is_left_alone(home, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    protect_token()
    assert not (home / ".ray").exists()
