"""Working copies of runs at a URL: downloading a run, and uploading the files that changed.

The ledger at a URL consists of segments (`segments`), which only the run's driver uploads
(`ledger_upload`). Workers write checkpoints to the URL directly; they are not copied.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from search.records.run import Run, write_whole
from search.remote.claim import Claim, ClaimLostError, claimed
from search.remote.copied_files import CopiedFiles, NotCarriedError
from search.remote.ledger_upload import LedgerUpload
from search.remote.roles import DRIVER, WRITER, Role
from spaces.errors import InputError
from trainables.cache.folder import address, cache_folder, writing
from trainables.cache.object_storage import Storage
from trainables.cache.storage_url import is_url


@contextmanager
def run_at(
    target: str | Path,
    drives: bool = False,
    writes: bool = False,
    reads: Collection[str] = (),
    replaces: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Run]:
    """The run in a folder, or a working copy of a run at a URL, which is uploaded at the end.

    Args:
        target: A folder, or a URL as in `trainables.cache.storage_url`.
        drives: Whether this process drives the run. It then holds the claim on the run before it
            reads anything, and its events are uploaded while it works. All drivers on this machine
            use the same working copy, which stays in the cache. Any other process gets a copy of
            its own, and uploads all files that it changes except the ledger.
        writes: Whether this process writes what no other may write at the same time. It then holds
            another claim, which a driver of the run does not need.
        reads: Files in subfolders, and whole subfolders, that the command reads. Files of the run
            that are in no subfolder are there in any case.
        replaces: Subfolders that the command replaces: what it leaves out is deleted at the URL.
        say: Called with messages for the user.

    Raises:
        InputError: If the URL cannot be used as storage, or has files but no run.
        RunStateError: If the run cannot be read or written to, or another process drives it.
    """
    if not is_url(target):
        yield Run(Path(target))
        return
    storage = Storage(str(target))
    if drives:
        with _driven(storage, say) as run:
            yield run
        return
    with _own_copy() as folder, _writer(storage, writes, say) as claim:
        copy = CopiedFiles(storage, Run(folder, storage.url), claim)
        with storage.told("read"):
            copy.pull(reads)
        try:
            yield Run(folder, storage.url, copy)
        except BaseException:
            copy.publish()
            raise
        copy.publish()
        copy.delete_replaced(replaces)


@contextmanager
def _writer(storage: Storage, writes: bool, say: Callable[[str], None]) -> Iterator[Claim | None]:
    if not writes:
        yield None
        return
    with (
        _locked(storage.url, WRITER) as (_, copy_id),
        claimed(storage, copy_id, say, WRITER) as claim,
    ):
        try:
            yield claim
        finally:
            _release(storage, claim, False)


@contextmanager
def _driven(storage: Storage, say: Callable[[str], None]) -> Iterator[Run]:
    """The working copy of a run that this process drives."""
    with (
        _locked(storage.url, DRIVER) as (folder, copy_id),
        claimed(storage, copy_id, say) as claim,
    ):
        run = Run(folder, remote=storage.url)
        upload = LedgerUpload(run, storage, claim)
        try:
            with storage.told("read"):
                copy = _pulled(storage, run, upload, say)
            upload.files = copy
            yield from _uploading(Run(folder, storage.url, upload), upload, copy)
        finally:
            _release(storage, claim, upload.is_used)


def _pulled(
    storage: Storage, run: Run, upload: LedgerUpload, say: Callable[[str], None]
) -> CopiedFiles:
    copy = CopiedFiles(storage, run)
    needed = {path.name for path in (run.study_file, run.data, run.sets)}
    if upload.pull(say):
        copy.pull_files(lambda name: name in needed)
        return copy
    others = {name.split("/")[0] for name in storage.names()} - needed - {DRIVER.folder}
    if others:
        raise InputError(
            f"{storage.url} contains files, such as {min(others)}, but no run. Give another URL "
            "with --run."
        )
    if run.folder.is_dir():
        shutil.rmtree(run.folder)
    return CopiedFiles(storage, run)


def _uploading(run: Run, upload: LedgerUpload, copy: CopiedFiles) -> Iterator[Run]:
    upload.start()
    try:
        yield run
    except BaseException as error:
        try:
            upload.stop()
        except ClaimLostError as lost:
            raise lost from error
        if upload.is_used:
            copy.publish()
        raise
    upload.stop()
    if upload.is_used:
        copy.publish()


def _release(storage: Storage, claim: Claim, is_used: bool) -> None:
    with storage.told("written to"):
        claim.release(is_used)


@contextmanager
def _locked(url: str, role: Role) -> Iterator[tuple[Path, str]]:
    """A folder for the working copy, locked on this machine, and an id that stands for the lock."""
    folder = cache_folder() / "runs" / address(url, *([] if role == DRIVER else [role.folder]))
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with writing(folder).acquire(blocking=False):
            note = folder.with_name(f"{folder.name}.id")
            if not note.is_file():
                write_whole(note, uuid.uuid4().hex)
            yield folder, note.read_text(encoding="utf-8")
    except Timeout as error:
        raise role.refusal("", url) from error


@contextmanager
def _own_copy() -> Iterator[Path]:
    """A temporary folder, which is kept if its changes could not be uploaded."""
    folder, is_done = Path(tempfile.mkdtemp(prefix="thawtune-")), True
    try:
        yield folder / "run"
    except NotCarriedError:
        is_done = False
        raise
    finally:
        if is_done:
            shutil.rmtree(folder)
