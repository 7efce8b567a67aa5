"""YAML as study files are read: YAML 1.2's numbers, no key twice, plain values, and lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.studies.yaml_file import YamlFile


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("+2e3", 2e3),
        ("-2e-3", -2e-3),
        ("1.5e3", 1500.0),
        ("1.e3", 1000.0),
        (".5e2", 50.0),
        ("0.1", 0.1),
        ("1.0e+2", 100.0),
    ],
)
def test_numbers_of_yaml_1_2_are_numbers(text, value):
    read = YamlFile(f"x: {text}").value["x"]
    assert read == value
    assert isinstance(read, float)


@pytest.mark.parametrize("text", ["e5", "1e", "1-4", "1e5x", "'1e-4'", '"1e5"'])
def test_words_stay_words(text):
    assert YamlFile(f"x: {text}").value["x"] == text.strip("'\"")


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("true", True), ("~", None), ("[]", [])])
def test_other_plain_values(text, value):
    read = YamlFile(f"x: {text}").value["x"]
    assert read == value
    assert type(read) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200)
def test_every_number_that_python_writes_is_read(number):
    read = YamlFile(f"x: {number!r}").value["x"]
    assert read == number
    assert isinstance(read, float)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", 3),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "b", 4),
        ("x: [{k: 1, k: 2}]\n", "k", 1),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_line(text, key, line):
    with pytest.raises(ValueError, match=f"^line {line}, .*the key '{key}' appears twice"):
        YamlFile(text)


@pytest.mark.parametrize(
    "text",
    [
        "x: !!python/object/apply:os.system ['true']",
        "x: !!python/name:os.system",
        "x: !!python/tuple [1, 2]",
        "x: !own {a: 1}",
    ],
)
def test_tags_that_ask_for_more_than_plain_values_are_refused(text):
    with pytest.raises(ValueError, match=r"^line 1, column 4: .*tag"):
        YamlFile(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",
        "a: b: c",
        "\ta: 1",
        "? [1, 2]\n: 3",
        "? {a: 1}\n: 3",
        "a: *nowhere",
        "a: 1\n---\nb: 2",
    ],
)
def test_what_is_not_yaml_is_refused_with_its_place(text):
    with pytest.raises(ValueError, match=r"^line \d+, column \d+: "):
        YamlFile(text)


def test_nesting_without_end_is_refused():
    with pytest.raises(ValueError, match="."):
        YamlFile("[" * 5000 + "]" * 5000)


def test_an_empty_text_has_no_value():
    assert YamlFile("").value is None
    assert YamlFile("# nothing\n").value is None


NESTED = """\
# a comment
a: 1
b:
  c: x

  d:
    - 1
    - e: 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("b",), 3),
        (("b", "c"), 4),
        (("b", "d"), 6),
        (("b", "d", 0), 7),
        (("b", "d", 1, "e"), 8),
        (("b", "missing"), 3),
        (("b", "d", 9), 6),
        (("missing",), None),
        ((), None),
    ],
)
def test_the_line_of_the_deepest_part_that_is_there(path, line):
    assert YamlFile(NESTED).line_of(path) == line


def test_a_merged_key_that_is_given_anew_has_its_own_line():
    file = YamlFile("one: &one\n  lr: 1\ntwo:\n  <<: *one\n  lr: 2\n")
    assert file.value["two"] == {"lr": 2}
    assert file.line_of(("two", "lr")) == 5
    assert file.line_of(("one", "lr")) == 2


def test_a_merge_of_a_merge_is_no_key_twice():
    two = "    two: &two\n      <<: &one {lr: 1, d: 1}\n      lr: 2\n"
    text = f"deep:\n  er:\n{two}three: {{<<: *two}}\n"
    assert YamlFile(text).value["three"] == {"lr": 2, "d": 1}
