"""Reading pickles from untrusted files: only names in a table can be asked for, and they are inert.

A pickle is a program: it may name any importable object and call it. Whoever reads a format gives a
table of the few names that the format needs, with a stand-in for each that builds plain values and
can do nothing else.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar


class RefusedError(Exception):
    """A pickle is damaged or asks for something that is not admitted.

    The message is the middle of a sentence about the file, such as "it is damaged (…)".
    """


class Function:
    """Stands for a function that a pickle may call. The pickle cannot set its attributes."""

    __slots__ = ("_call",)
    _call: Callable[..., object]

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise RefusedError("it sets an attribute of a function")


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler for one format; call `read`.

    Args:
        file: Seekable, at the first byte of a pickle.
        encoding: Of text that Python 2 wrote, as `pickle.Unpickler` takes it.

    Attributes:
        content: What the format holds, in a word, for messages.
        admitted: What a pickle gets for a module and a name.
    """

    content: ClassVar[str]
    admitted: ClassVar[Mapping[tuple[str, str], object]]

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._file = file

    def read(self) -> object:
        """Read one pickle and leave the file behind it.

        Raises:
            RefusedError: If it is damaged or asks for something that is not admitted.
        """
        start = self._file.tell()
        try:
            _check_memo(self._file)
            self._file.seek(start)
            return self.load()
        except RefusedError:
            raise
        # pickle documents no set of exceptions for damaged input; nearly every type occurs.
        except Exception as error:
            raise RefusedError(f"it is damaged ({type(error).__name__}: {error})") from error

    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return self.admitted[module, name]
        except KeyError:
            raise RefusedError(
                f"it asks for {module}.{name}, and nothing but {self.content} is admitted, as any "
                "other name in a pickle could run code"
            ) from None


def _check_memo(file: BinaryIO) -> None:
    """Refuse memo numbers that no honest pickle reaches: six bytes could claim 64 GB."""
    for opcode, argument, position in pickletools.genops(file):
        names_memo = opcode.name in ("PUT", "BINPUT", "LONG_BINPUT")
        if names_memo and int(argument or 0) > (position or 0) + 1:
            raise RefusedError(f"it is damaged (memo number {argument})")
