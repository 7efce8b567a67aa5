"""A fuzz of the command line: every command on damaged and foreign runs answers in a sentence."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.search.answers import answer, state_of
from tests.search.damage import damage

TRIES, SOME = 1000, 40
"""Of the whole fuzz, and of the default suite."""

RUN, SOUND, NEW, PHOTO, STUDY = "RUN", "SOUND", "NEW", "PHOTO", "STUDY"
"""Stand for the damaged run, one that is whole, a path that is free, an image, the run's study."""

COMMANDS = [
    ("status", RUN),
    ("status", RUN, "--json"),
    ("stop", RUN),
    ("list", RUN),
    ("list", f"{RUN}/.."),
    ("report", RUN),
    ("compare", RUN, SOUND, "--output", NEW),
    ("export", RUN, "--output", NEW),
    ("predict", RUN, PHOTO),
    ("predict", SOUND, RUN),
    ("finetune", RUN),
    ("finetune", RUN, "--incumbent"),
    ("evaluate", RUN),
    ("evaluate", RUN, "--again"),
    ("evaluate", SOUND, "--against", RUN, "--again"),
    ("resume", RUN),
    ("resume", RUN, "--trials", "9"),
    ("search", STUDY, "--run", RUN),
    ("search", STUDY, "--run", RUN, "--resume"),
    ("search", f"{RUN}/study.yaml", "--run", NEW),
    ("fit", STUDY, "--run", RUN),
    ("validate", f"{RUN}/study.yaml"),
    ("describe", f"{RUN}/study.yaml"),
    ("data", RUN),
]
AS_PHOTOS = [
    ("search", RUN, "--run", NEW),
    ("fit", RUN, "--run", NEW),
    ("init", RUN, "--output", NEW),
    ("validate", RUN),
]
"""Take the run for photos, and some seconds if it has any."""

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def foreign(run: Path, sound: Path, chance: random.Random) -> str:
    """Put something else where a run is expected."""
    shutil.rmtree(run)
    kinds = ("nothing", "empty", "a file", "a loop", "noise", "photos", "parts", "another study")
    kind = chance.choice(kinds)
    if kind in ("empty", "noise", "parts"):
        run.mkdir()
    match kind:
        case "a file":
            run.write_bytes(chance.randbytes(chance.choice((0, 10, 3000))))
        case "a loop":
            run.symlink_to(run)
        case "noise":
            for name in ("study.yaml", "ledger.jsonl", "finetune.json", "data.parquet"):
                (run / name).write_bytes(chance.randbytes(500))
        case "photos":
            shutil.copytree(sound.parent / "photos", run)
        case "parts":
            files = sorted(path for path in sound.iterdir() if path.is_file())
            for path in chance.sample(files, chance.randint(1, 4)):
                shutil.copy2(path, run)
        case "another study":
            shutil.copytree(sound, run)
            text = (run / "study.yaml").read_text().replace("high: 0.5", "high: 0.1")
            (run / "study.yaml").write_text(text)
    return kind


def attempt(seed: int, commands: list[tuple[str, ...]], sound: Path, folder: Path) -> int | None:
    """Run one command on one damaged run, check its answer, and return its exit code."""
    chance = random.Random(seed)
    run = folder / "runs" / "run"
    shutil.copytree(sound, run)
    did = foreign(run, sound, chance) if chance.random() < 0.2 else damage(run, chance)
    photo = next((sound.parent / "photos").rglob("*.png"))
    paths = {RUN: run, SOUND: sound, NEW: folder / "new", PHOTO: photo, STUDY: sound / "study.yaml"}
    words = [_filled(word, paths) for word in chance.choice(commands)]
    about = f"seed {seed}: {did}: thawtune {' '.join(words)}"
    before = state_of(folder), state_of(sound)
    try:
        code, said = answer(*words)
    except Exception as error:
        raise AssertionError(about) from error
    assert code in (0, None, 2, 4), (about, code, said)
    if code in (2, 4):
        assert said.strip(), about
        assert "Traceback" not in said, (about, said)
        assert (state_of(folder), state_of(sound)) == before, (about, said)
    return code


def _filled(word: str, paths: dict[str, Path]) -> str:
    head, slash, rest = word.partition("/")
    return str(paths.get(head, head)) + slash + rest


def test_some_damaged_runs_are_told_in_a_sentence(sound, tmp_path):
    codes = {attempt(seed, COMMANDS, sound, tmp_path / str(seed)) for seed in range(SOME)}
    assert codes >= {0, 2, 4}


@pytest.mark.faults
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_damaged_runs_are_told_in_a_sentence(part, sound, tmp_path):
    for seed in range(SOME + part * TRIES // 10, SOME + (part + 1) * TRIES // 10):
        attempt(seed, COMMANDS + AS_PHOTOS, sound, tmp_path / "try")
        shutil.rmtree(tmp_path / "try")
