"""The section about the data: classes, sets, the seal, and the preflight."""

from __future__ import annotations

from pathlib import Path

from reports.data.pictures import Photograph
from reports.data.preflight import Preflight, data_table, findings_table, sizes_table
from reports.data.result_files import DataSets, Evaluation
from reports.data.run_data import RunData
from reports.figures.classes import draw_class_counts
from reports.page.document import Beside, Block, Heading, Photographs, Section, TableBlock, Text
from reports.page.picture import Picture
from reports.text import formats


def section(data: RunData) -> Section:
    """Counts by class, the seal of the test set, and what the preflight found."""
    blocks: list[Block] = []
    if data.sets is None:
        blocks.append(Text("The counts by class are not on file yet (data.json)."))
    else:
        blocks.append(Text(_sizes(data.sets, data.preflight)))
    blocks.append(Text(_seal(data)))
    if data.sets is not None:
        blocks.append(Beside(_picture(data.sets), TableBlock(data_table(data.sets))))
    blocks += _preflight(data)
    if data.contact_sheet is not None:
        blocks += [Heading("Images", "contact-sheet"), Photographs((_sheet(data.contact_sheet),))]
    return Section("data", "Data", tuple(blocks))


def _preflight(data: RunData) -> list[Block]:
    found = data.preflight
    if found is None:
        return []
    blocks: list[Block] = [Heading("Preflight", "preflight"), Text(_leakage(found))]
    blocks += [Text(data.without_folders(text)) for text in (*found.errors, *found.warnings)]
    sizes = sizes_table(found)
    if sizes is not None:
        blocks.append(TableBlock(sizes))
    return [*blocks, TableBlock(findings_table(found))]


def _leakage(found: Preflight) -> str:
    if found.leaks:
        return (
            f"{formats.sentence(formats.plural(found.leaks, 'group'))} of equal images "
            f"{'is' if found.leaks == 1 else 'are'} in more than one of the three sets, so results "
            "on them flatter."
        )
    return (
        "No image is in more than one of the three sets: all were compared by their decoded pixels."
    )


def _sheet(path: Path) -> Photograph:
    return Photograph(
        "contact_sheet",
        "Random training images with their classes.",
        "Contact sheet: random training images in rows, each with the name of its class.",
        path,
        width=1100,
    )


def _sizes(sets: DataSets, found: Preflight | None) -> str:
    sums = {name: sum(counts) for name, counts in sets.sets.items()}
    listed = ", ".join(f"{count:,} for {name}" for name, count in sums.items())
    image = f" Each image: {sets.image}." if sets.image else ""
    leaks = "which share images" if found is not None and found.leaks else "that share no image"
    return (
        f"{formats.plural(sum(sums.values()), 'image')} of {len(sets.classes)} classes, in three "
        f"sets {leaks}: {listed}.{image}"
    )


def _seal(data: RunData) -> str:
    if data.test is None:
        return (
            "The test set is sealed: no trial sees it, and every choice is made on the validation "
            "set. It has not been opened yet."
        )
    return (
        "The test set was sealed while the search ran: no trial has seen it, and every choice was "
        "made on the validation set. It was opened on "
        f"{formats.moment(data.test.opened)}, for {formats.plural(len(data.test.models), 'model')} "
        f"and {data.test.images:,} images.{_again(data.test)}"
    )


def _again(test: Evaluation) -> str:
    """Says if it was opened more than once, and what that costs."""
    if not test.again:
        return ""
    times = ", ".join(map(formats.moment, test.again))
    return (
        f" It was deliberately opened again ({times}). If anything was chosen by what it showed, "
        "it was chosen on the test set, and these figures flatter."
    )


def _picture(sets: DataSets) -> Picture:
    sizes = [sum(counts) for counts in zip(*sets.sets.values(), strict=True)]
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    alt = "Bars of the images by class and set."
    if sizes:
        alt += (
            f" The smallest class is {sets.classes[order[0]]} with {sizes[order[0]]:,} images in "
            f"all sets, the largest {sets.classes[order[-1]]} with {sizes[order[-1]]:,}."
        )
    caption = "Sizes of the classes, and how the three sets share them."
    return Picture("class_counts", "Images by class", caption, alt, lambda: draw_class_counts(sets))
