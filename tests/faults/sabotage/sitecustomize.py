"""Breaks chosen trials inside real workers; Python imports it when its folder is on PYTHONPATH.

THAWTUNE_SABOTAGE is a comma-separated list of `KIND@DROPOUT`: trials with this dropout are broken
in this way.

In their second epoch:
kill     the worker kills itself, every time
oom      the worker runs out of memory, unless the batch is split
cuda     the worker's GPU fails for good
data     a file of the dataset cannot be read
nothing  the epoch returns no measurement
hog      the worker takes memory until Ray kills it
large    the worker takes 1.5 GB for some seconds, then trains on

While a worker for them is constructed:
early_kill     it kills itself
early_missing  a library is missing
early_hog      it takes memory until Ray kills it
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
import time


class _Finder(importlib.abc.MetaPathFinder):
    """Calls functions with modules that have just been imported."""

    def __init__(self, breaks):
        self._breaks = breaks

    def find_spec(self, name, path, target=None):
        breaks = self._breaks.pop(name, None)
        if breaks is None:
            return None
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_break(module):
            execute(module)
            breaks(module)

        spec.loader.exec_module = execute_and_break
        return spec


def _break_epochs(module):
    training = module.Training
    run_epoch = training.run_epoch

    def broken(self):
        kind = _kinds().get(str(self.point.dropout))
        if kind not in (*_KINDS, "large") or self.epoch < 1:
            return run_epoch(self)
        if kind == "oom" and self._accumulate > 1:
            return run_epoch(self)
        if kind == "large":
            _large()
            return run_epoch(self)
        return _KINDS[kind]()

    training.run_epoch = broken


def _break_construction(module):
    trainable = module.KerasTrainable
    setup = trainable.setup

    def broken(self, config, job):
        kind = _kinds().get(str(config["hyperparameters"]["dropout"]))
        if kind in _EARLY:
            _EARLY[kind]()
        setup(self, config, job)

    trainable.setup = broken


def _kinds():
    return dict(part.split("@")[::-1] for part in os.environ["THAWTUNE_SABOTAGE"].split(","))


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _oom():
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def _cuda():
    import tensorflow as tf

    raise tf.errors.InternalError(None, None, "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal access")


def _data():
    from spaces.errors import DataError

    raise DataError("photo.jpg cannot be read.")


def _hog():
    taken = []
    for _ in range(500):
        taken.append(b"\1" * 20_000_000)
        time.sleep(0.05)
    raise AssertionError("Ray let the worker take 10 GB")


def _large():
    taken = []
    for _ in range(75):
        taken.append(b"\1" * 20_000_000)
        time.sleep(0.05)
    time.sleep(3)


def _missing():
    raise ImportError("libcudnn.so.9: cannot open shared object file")


_KINDS = {
    "kill": _kill,
    "oom": _oom,
    "cuda": _cuda,
    "data": _data,
    "nothing": lambda: None,
    "hog": _hog,
}
_EARLY = {"early_kill": _kill, "early_missing": _missing, "early_hog": _hog}

if os.environ.get("THAWTUNE_SABOTAGE"):
    sys.meta_path.insert(
        0,
        _Finder(
            {
                "trainables.training.training": _break_epochs,
                "trainables.worker.keras_trainable": _break_construction,
            }
        ),
    )
