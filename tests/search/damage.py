"""Ways in which the files of a run are damaged, drawn at random."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ODD: tuple[Any, ...] = (None, True, -1, 0, 7, 1e300, "", "7", "é\n[b]", [], [None], {}, {"a": 1})
"""Values of every type, to stand in place of any other."""

DEEP = "[" * 100_000
HUGE = "1" + "0" * 5000
"""More digits than Python converts to a number."""


def damage(run: Path, chance: random.Random) -> str:
    """Damage a run in one way or several.

    Returns:
        What was done, to show where a test fails.
    """
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        files = sorted(path for path in run.rglob("*") if path.is_file())
        if not files:
            break
        path = _chosen(files, run, chance)
        way = chance.choice([*_WAYS, *_WAYS_OF.get(path.suffix, ()) * 3])
        way(path, chance)
        done.append(f"{way.__name__} {path.relative_to(run)}")
    return ", ".join(done)


def _chosen(files: list[Path], run: Path, chance: random.Random) -> Path:
    """A file: often the ledger, and seldom one of the many in subfolders."""
    above = [path for path in files if path.parent in (run, run / "model")]
    ledger = [path for path in files if path.name == "ledger.jsonl"]
    return chance.choice(chance.choices((ledger, above, files), (3, 6, 1))[0] or files)


def truncate(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randint(0, len(content))])


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(min(len(content), chance.choice((1, 4, 64)))):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content)


def fill(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.choice((1, 100, 5000))))


def fill_with_text(path: Path, chance: random.Random) -> None:
    path.write_text(chance.choice(("null\n", "7\n", '"text"\n', "[1]\n", "{}\n", DEEP, HUGE)))


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def make_a_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def dangle(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def link_to_itself(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(path)


def swap(path: Path, chance: random.Random) -> None:
    others = sorted(other for other in path.parent.iterdir() if other.is_file())
    shutil.copyfile(chance.choice(others), aside := path.with_name("aside"))
    aside.replace(path)


def change_a_value(path: Path, chance: random.Random) -> None:
    try:
        value = json.loads(path.read_text())
    except ValueError:
        return
    path.write_text(json.dumps(_changed(value, chance)))


def change_a_line(path: Path, chance: random.Random) -> None:
    """Change, repeat, move or remove an event."""
    lines = path.read_bytes().splitlines()
    if not lines:
        return
    at = chance.randrange(len(lines))
    match chance.choice(("change", "change", "change", "repeat", "move", "remove")):
        case "change":
            try:
                lines[at] = json.dumps(_changed(json.loads(lines[at]), chance)).encode()
            except (ValueError, RecursionError):
                return
        case "repeat":
            lines.insert(chance.randrange(len(lines)), lines[at])
        case "move":
            lines.insert(chance.randrange(len(lines)), lines.pop(at))
        case "remove":
            del lines[at]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def change_a_row(path: Path, chance: random.Random) -> None:
    """Replace a column of a table, or remove it."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except Exception:  # damaged already
        return
    name = chance.choice(table.column_names)
    frame, about = table.to_pandas(), table.schema.metadata
    if chance.random() < 0.3:
        frame = frame.drop(columns=name)
    elif chance.random() < 0.3:
        frame = frame.iloc[: chance.randrange(len(frame) + 1)]
    else:
        frame[name] = chance.choice((0, -1, 10**9, "text", 0.5, None))
    changed = type(table).from_pandas(frame, preserve_index=False)
    pq.write_table(changed.replace_schema_metadata(about), path)


def _changed(value: Any, chance: random.Random) -> Any:
    """A value of JSON with one part replaced, removed or added, at any depth."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        if chance.random() < 0.25:
            return {name: one for name, one in value.items() if name != key}
        return value | {key: _changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


_WAYS: tuple[Callable[[Path, random.Random], None], ...] = (
    truncate,
    empty,
    flip,
    fill,
    fill_with_text,
    remove,
    make_a_folder,
    dangle,
    link_to_itself,
    swap,
)
_WAYS_OF: dict[str, tuple[Callable[[Path, random.Random], None], ...]] = {
    ".json": (change_a_value,),
    ".jsonl": (change_a_line,),
    ".parquet": (change_a_row,),
}
