"""Breaks chosen trials inside real workers; Python imports it when its folder is on PYTHONPATH.

THAWTUNE_SABOTAGE is a comma-separated list of `KIND@DROPOUT`: trials with this dropout are broken
in this way in their second epoch.

kill     the worker kills itself, every time
oom      the worker runs out of memory, unless the batch is split
data     a file of the dataset cannot be read
nothing  the epoch returns no measurement
"""

import importlib.abc
import importlib.util
import os
import signal
import sys


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "trainables.training.training":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_break(module):
            execute(module)
            _break(module.Training)

        spec.loader.exec_module = execute_and_break
        return spec


def _break(training):
    kinds = dict(part.split("@")[::-1] for part in os.environ["THAWTUNE_SABOTAGE"].split(","))
    run_epoch = training.run_epoch

    def broken(self):
        kind = kinds.get(str(self.point.dropout))
        if kind is None or self.epoch < 1:
            return run_epoch(self)
        if kind == "oom" and self._accumulate > 1:
            return run_epoch(self)
        return _KINDS[kind]()

    training.run_epoch = broken


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _oom():
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def _data():
    from spaces.errors import DataError

    raise DataError("photo.jpg cannot be read.")


_KINDS = {"kill": _kill, "oom": _oom, "data": _data, "nothing": lambda: None}

if os.environ.get("THAWTUNE_SABOTAGE"):
    sys.meta_path.insert(0, _Finder())
