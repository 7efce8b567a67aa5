"""Which backbones a search begins with, by their probes."""

from __future__ import annotations

from search.fitting.study.candidates import available, begun_with, depths_of, ranked, unprobed
from search.fitting.study.facts import Probe
from search.fitting.study.rules import HOPELESS


def probes(**accuracies):
    return [Probe(name, 96, accuracy) for name, accuracy in accuracies.items()]


def names(found):
    return [probe.backbone for probe in found]


def test_of_those_that_cannot_be_told_apart_the_cheapest_is_first():
    """With 500 images the standard error of 0.82 is 0.017."""
    found = probes(EfficientNetLite2=0.82, EfficientNetLite1=0.81, EfficientNetLite0=0.805)
    expected = ["EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"]
    assert names(ranked(found, 500)) == expected
    assert names(ranked(found, 100_000)) == expected[::-1]


def test_the_better_is_first_whatever_it_costs_if_it_is_clearly_better():
    found = probes(ResNet50=0.95, EfficientNetLite0=0.8, EfficientNetLite1=0.85)
    order = ["ResNet50", "EfficientNetLite1", "EfficientNetLite0"]
    assert names(ranked(found, 500)) == order


def test_the_hopeless_are_dropped_and_two_at_most_are_kept():
    found = ranked(probes(ResNet50=0.9, EfficientNetLite0=0.9 - HOPELESS - 0.01), 10_000)
    assert names(begun_with(found, 10_000)) == ["ResNet50"]
    few = ranked(probes(ResNet50=0.9, EfficientNetLite0=0.7), 10)
    assert len(begun_with(few, 10)) == 2, "ten images do not tell them apart"
    many = probes(EfficientNetLite0=0.9, EfficientNetLite1=0.9, EfficientNetLite2=0.9)
    assert names(begun_with(ranked(many, 500), 500)) == ["EfficientNetLite0", "EfficientNetLite1"]


def test_what_was_not_probed_is_last():
    found = [Probe("EfficientNetLite0", 96, None), *probes(EfficientNetLite1=0.3)]
    assert names(ranked(found, 500)) == ["EfficientNetLite1", "EfficientNetLite0"]


def test_the_packaged_backbones_are_available_with_their_depths():
    found = [candidate.name for candidate in available()]
    assert found[:3] == [f"EfficientNetLite{number}" for number in range(3)]
    for name in found[:3]:
        above = unprobed(name, 96).above
        assert list(above) == list(depths_of(name))
        assert (min(above.values()), max(above.values())) == (0.0, 1.0)
