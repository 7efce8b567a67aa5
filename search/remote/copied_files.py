"""Files of a run at a URL and in a working copy: downloading and uploading what differs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from search.records.run import Run, make_folder
from search.remote.claim import Claim, ClaimLostError
from search.remote.roles import DRIVER, WRITER
from search.remote.segments import LEDGER, Position, read_since
from spaces.errors import RunStateError
from trainables.cache.object_storage import Storage
from trainables.cache.patience import patiently

FINETUNING = "finetuning"
_OWN = ("checkpoints", LEDGER, DRIVER.folder, WRITER.folder, FINETUNING)
"""Names at the URL that are not copies of files in the working copy."""


class NotCarriedError(RunStateError):
    """Changes in a working copy could not be uploaded."""


class CopiedFiles:
    """The files of a run at a URL, except its ledger, and those in a working copy.

    Args:
        storage: The storage that holds the run.
        run: The working copy.
        claim: The claim under which files are uploaded, if one is needed.
    """

    def __init__(self, storage: Storage, run: Run, claim: Claim | None = None) -> None:
        self.run, self._storage, self._claim = run, storage, claim
        self._state = self._now()

    def pull(self, reads: Collection[str]) -> None:
        """Download the ledger and the files that a command reads.

        Raises:
            RunStateError: If the ledger is damaged.
            OSError: If the storage cannot be read.
        """
        events, _ = read_since(self._storage, Position())
        folders = [f"{name}/" for name in reads]
        self.pull_files(
            lambda name: "/" not in name or name in reads or any(map(name.startswith, folders))
        )
        if events:
            make_folder(self.run)
            self.run.ledger.write_bytes(events)

    def pull_files(self, is_wanted: Callable[[str], bool]) -> None:
        """Download files.

        Args:
            is_wanted: Whether to download a file, by its name relative to the URL.

        Raises:
            OSError: If the storage cannot be read.
        """
        names = self._storage.names()
        copied = [name for name in names if name.split("/")[0] not in _OWN and is_wanted(name)]
        self._storage.download(copied, self.run.folder)
        self._state = self._now()

    def publish(self) -> None:
        """Upload new and changed files of the working copy, except the ledger; delete those gone.

        Raises:
            NotCarriedError: If the storage cannot be written to.
        """
        folder, now = self.run.folder, self._now()
        changed = [path for path, state in now.items() if self._state.get(path) != state]
        gone = self._state.keys() - now.keys()
        uploads, deletes = (
            [path.relative_to(folder).as_posix() for path in paths] for paths in (changed, gone)
        )
        if not (uploads or deletes):
            return
        try:
            if self._claim is not None:
                patiently(self._claim.check)
            patiently(lambda: self._storage.upload(uploads, folder))
            patiently(lambda: self._storage.delete(deletes))
        except ClaimLostError as error:
            raise NotCarriedError(f"{error} The changes are kept in {folder}.") from error
        except OSError as error:
            raise NotCarriedError(
                f"{self._storage.url} cannot be written to: {error}. The changes are kept in "
                f"{folder}."
            ) from error
        self._state = now

    def delete_replaced(self, folders: Collection[str]) -> None:
        """Delete what a command has left out of the subfolders that it has replaced.

        Raises:
            RunStateError: If the storage cannot be written to.
        """
        with self._storage.told("written to"):
            for folder in folders:
                if (self.run.folder / folder).is_dir():
                    names = self._storage.names(folder)
                    gone = [name for name in names if not (self.run.folder / name).exists()]
                    self._storage.delete(gone)

    def _now(self) -> dict[Path, tuple[int, int]]:
        """Size and time of all files of the working copy that belong at the URL."""
        folder, own = self.run.folder, (*_OWN, self.run.ledger.name)
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in files
            if path.relative_to(folder).parts[0] not in own and not path.name.startswith(".")
        }
