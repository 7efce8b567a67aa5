"""GPUs that a process leaves to others; none is needed here, TensorFlow's answers are pretended."""

from __future__ import annotations

import pytest
import tensorflow as tf

from trainables.process.gpu import hide_gpus, limit_memory


@pytest.fixture
def hidden(monkeypatch):
    """The calls that hide devices."""
    calls = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *given: calls.append(given))
    limit_memory.cache_clear()
    yield calls
    limit_memory.cache_clear()


def test_all_gpus_are_hidden(hidden):
    hide_gpus()
    assert hidden == [([], "GPU")]


def test_a_process_that_has_used_one_keeps_it(hidden, monkeypatch):
    def refuse(*given):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    hide_gpus()
    assert hidden == []


def test_a_worker_without_a_share_of_a_gpu_sees_none(hidden):
    limit_memory(0)
    assert hidden == [([], "GPU")]
