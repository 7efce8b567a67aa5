"""Tests for the HTML page: that it stands alone, can be read by everyone, and escapes all."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import pytest

from reports.build import document_of
from reports.data.run_data import read_run
from reports.page.html import render_page

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """All elements with their attributes, those around them, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs), list(self.open)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.text += data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes, _ in self.elements if tag in tags]


@pytest.fixture(scope="session")
def page(reported):
    """The parsed page of a shape."""
    return cache(lambda name: Page((reported(name) / "index.html").read_text(encoding="utf-8")))


def test_it_is_well_formed_and_needs_no_network(page, shape) -> None:
    parsed = page(shape)
    assert parsed.open == []
    for _, attributes, _ in parsed.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")), target
    policy = [a["content"] for a in parsed.all("meta") if "http-equiv" in a]
    assert policy[0].startswith("default-src 'none'")


def test_no_address_of_any_kind_is_in_it(reported, shape) -> None:
    text = (reported(shape) / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"https?:|url\((?!#)|@import", text) == []


def test_figures_say_in_words_what_they_show(page, shape) -> None:
    parsed = page(shape)
    drawings = [a for a in parsed.all("div") if a.get("class") == "drawing"]
    assert len(parsed.all("figure")) == len(parsed.all("figcaption"))
    assert len(drawings) + len(parsed.all("img")) == len(parsed.all("figure"))
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 20 for a in drawings)
    for attributes in parsed.all("svg"):
        assert attributes["aria-hidden"] == "true"
    assert all(len(a["alt"] or "") > 20 for a in parsed.all("img"))


def test_tables_have_scopes_and_scroll_in_a_box_of_their_own(page, shape) -> None:
    parsed = page(shape)
    assert all(a.get("scope") in ("col", "row") for a in parsed.all("th"))
    boxes = [a for a in parsed.all("div") if "scroll" in (a.get("class") or "").split()]
    assert len(boxes) == len(parsed.all("table"))
    assert all(a["tabindex"] == "0" and a["aria-labelledby"] for a in boxes)


def test_ids_are_unique_and_links_lead_somewhere(page, shape) -> None:
    parsed = page(shape)
    ids = [a["id"] for _, a, _ in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for tag, a, _ in parsed.elements if "href" in a and tag in ("a", "use")}
    assert {t for t in targets if t and t.removeprefix("#") not in ids} == set()
    named = {a[k] for _, a, _ in parsed.elements for k in ("aria-labelledby",) if k in a}
    assert named <= set(ids)


def test_clip_paths_and_patterns_are_there(reported) -> None:
    text = (reported("complete") / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r"url\(#([^)]+)\)", text))
    assert used
    assert used <= set(re.findall(r'id="([^"]+)"', text))


def test_headings_are_in_order_and_have_anchors(page, shape) -> None:
    parsed = page(shape)
    headings = [tag for tag, _, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert headings.count("h1") == 1
    assert headings[0] == "h1"
    sections = [a["id"] for a in parsed.all("h2") if "id" in a]
    assert sections == [
        "data", "search", "models", "learning", "errors", "calibration", "cost", "method",
    ]  # fmt: skip
    assert all("id" in a for a in parsed.all("h3"))


def test_nothing_that_a_run_says_becomes_markup(page) -> None:
    parsed = page("nasty")
    assert len(parsed.all("script")) == 1, "its own alone"
    assert "alert(1)" in parsed.text
    assert parsed.text.count("<script>alert(1)</script>") >= 5


def test_a_missing_value_is_never_nan(page, shape) -> None:
    text = page(shape).text.replace("loss is nan", "")  # the error text of a trial
    assert re.findall(r"\b(?:nan|NaN|None|inf)\b", text) == []


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("empty", ["No trial has started yet.", "has not been fine-tuned yet"]),
        ("nothing_finished", ["2 running", "are not on file yet", "there are no curves"]),
        (
            "under_way",
            ["running, or was cut off", "test set is still sealed", "not been fine-tuned"],
        ),
        ("one_trial", ["not tried yet", "1 complete", "No trial has failed."]),
        (
            "all_failed",
            [
                "All 3 trials failed",
                "there is nothing to train again",
                "100.0\u00a0% into trials that failed",
            ],
        ),
        (
            "full",
            [
                "selection bias",
                "Learning rate mattered most",
                "epoch 3",
                "1 group of equal images",
                "One image is in two sets.",
                "Note from the search: Features are recomputed: …/cache",
                "Right cases:",
                "expected calibration error",
            ],
        ),
        ("complete", ["It was opened on 2026-01-05", "thawtune search study.yaml --run run-1"]),
    ],
)
def test_each_shape_says_what_it_is(page, name, sentences) -> None:
    text = page(name).text
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_tables_of_more_than_two_rows_can_be_sorted(page) -> None:
    parsed = page("complete")
    sortable = [a for a in parsed.all("table") if a.get("class") == "sortable"]
    assert len(sortable) >= 8


def test_only_a_page_that_is_watched_loads_itself_anew(runs, reported) -> None:
    document = document_of(read_run(runs["under_way"]))
    drawings = {picture.stem: "<svg></svg>" for picture in document.pictures()}
    refresh = '<meta http-equiv="refresh" content="5">'
    assert refresh in render_page(document, drawings, refresh=5)
    assert "refresh" not in (reported("under_way") / "index.html").read_text(encoding="utf-8")
