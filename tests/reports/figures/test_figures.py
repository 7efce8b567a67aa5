"""Tests for figures as files; what they show is tested on the numbers."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from reports.data.result_files import DataSets
from reports.figures.classes import draw_class_counts
from reports.figures.style import WIDTH, new_figure, shortened, style
from reports.page.picture import Picture, inline_svg, save


def picture(stem: str = "p") -> Picture:
    def draw() -> Figure:
        figure, axes = new_figure()
        axes.plot([1, 2], [3, 4], label="$x$ <b>")
        axes.legend()
        return figure

    return Picture(stem, "t", "c", "a", draw)


def test_style_does_not_outlive_its_context() -> None:
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


def test_both_files_are_written_the_same_every_time(tmp_path) -> None:
    first = save(picture(), tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(files) == {"p.png", "p.svg"}
    assert save(picture(), tmp_path) == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_an_inline_drawing_has_names_of_its_own(tmp_path) -> None:
    svg = save(picture("one"), tmp_path)
    assert svg.startswith('<svg viewBox="0 0 ')
    assert 'id="one-' in svg
    assert 'id="p' not in svg
    assert "xmlns" not in svg
    assert "metadata" not in svg


def test_labels_are_text_and_not_markup(tmp_path) -> None:
    assert "$x$ &lt;b&gt;" in save(picture(), tmp_path)


def test_inline_svg_renames_what_refers() -> None:
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://a" viewBox="0 0 1 1"><metadata>x</metadata>'
        '<g id="a" clip-path="url(#b)"/><use xlink:href="#a"/></svg>'
    )
    assert inline_svg(svg, "f") == (
        '<svg viewBox="0 0 1 1" aria-hidden="true"><g id="f-a" clip-path="url(#f-b)"/>'
        '<use href="#f-a"/></svg>'
    )


def test_long_labels_lose_their_middle() -> None:
    assert shortened("short") == "short"
    assert shortened("abcdefgh", 5) == "ab…gh"


@pytest.mark.parametrize("classes", [1, 10, 101])
def test_figures_are_no_wider_than_a_phone_can_show(classes) -> None:
    counts = tuple(range(1, classes + 1))
    names = tuple(f"class {index} 漢 $" for index in counts)
    sets = DataSets(names, counts, counts, counts, "")
    with style():
        figure = draw_class_counts(sets)
        figure.draw_without_rendering()
        assert figure.get_figwidth() == WIDTH <= 7.5
