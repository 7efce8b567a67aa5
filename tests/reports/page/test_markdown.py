"""Tests for the report as Markdown."""

from __future__ import annotations

import re

import pytest

from reports.page.markdown import fence, plain


def test_links_lead_to_files(reported, shape) -> None:
    folder = reported(shape)
    text = (folder / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert shape == "empty" or links
    assert [link for link in links if not (folder / link).is_file()] == []
    figures = {path.name for path in (folder / "figures").glob("*.png")}
    assert {link.removeprefix("figures/") for link in links if link.endswith(".png")} == figures


def test_tables_have_as_many_cells_in_every_row(reported, shape) -> None:
    text = (reported(shape) / "report.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert shape == "empty" or tables
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1, table


def test_nothing_that_a_run_says_becomes_markup(reported) -> None:
    text = (reported("nasty") / "report.md").read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<script" not in outside
    assert "alert(1)" in outside
    assert r"pipe \| and \$x\$ \`code\`" in outside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two_phase", "two_phase"),
        ("_x_", r"\_x\_"),
        ("a\nb  c", "a b c"),
        ("[a](b) *c*", r"\[a\](b) \*c\*"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_a_fence_is_longer_than_any_in_it() -> None:
    assert fence("a\n```\nb\n").startswith("````\n")
    assert fence("a") == "```\na\n```"
