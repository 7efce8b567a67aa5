"""URLs of storages: which are understood, and what of them may be written down.

The form is that of `pyarrow.fs`, since Ray's own files go through it, such as
`s3://bucket/run?endpoint_override=127.0.0.1%3A9000&scheme=http`.
"""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import SplitResult, parse_qs, urlsplit

from spaces.errors import InputError

_ALIASES = {"gcs": "gs", "abfss": "abfs"}
_OPTIONS: dict[str, set[str]] = {
    "file": set(),
    "s3": {"region", "scheme", "endpoint_override", "allow_bucket_creation"},
    "gs": {"scheme", "endpoint_override", "project_id"},
    "abfs": set(),
}
"""Options in the query, for each scheme; none of them is a secret."""

_SECRET = re.compile("key|secret|token|pass|sig|cred|auth", re.IGNORECASE)


def is_url(place: object) -> bool:
    """Whether a run's place is a URL and not a path."""
    return "://" in str(place)


def checked(url: str) -> str:
    """A URL that can be a storage, without a slash at the end of its path.

    Raises:
        InputError: If its scheme or an option is unknown, or it contains a key or a password. The
            message does not repeat them.
    """
    parts = _split(url)
    options = _OPTIONS.get(scheme_of(url))
    # abfs://container@account.dfs.core.windows.net: what stands before @ is no secret there.
    user = parts.netloc.rpartition("@")[0]
    if ":" in user or (user and scheme_of(url) != "abfs"):
        _refuse_secret(url, "a user name or key before the @")
    for name in parse_qs(parts.query, keep_blank_values=True):
        if _SECRET.search(name):
            _refuse_secret(url, f"the option {name}")
        if options is not None and name not in options:
            raise InputError(
                f"{shown(url)} has the option {name}, which is unknown. Known for "
                f"{parts.scheme}:// are: {', '.join(sorted(options)) or 'none'}."
            )
    if options is None or parts.fragment or not (parts.netloc or parts.scheme == "file"):
        raise InputError(
            f"{shown(url)} cannot be used as storage. Give a URL such as s3://bucket/run, "
            "gs://bucket/run, abfs://container@account.dfs.core.windows.net/run or "
            "file:///folder/run, or a folder."
        )
    return parts._replace(path=parts.path.rstrip("/")).geturl()


def scheme_of(url: str) -> str:
    """The scheme, by one name for each kind of storage: file, s3, gs, abfs, or an unknown one."""
    scheme = urlsplit(url).scheme
    return _ALIASES.get(scheme, scheme)


def options_of(url: str) -> dict[str, str]:
    """The options in the query of a URL."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


def shown(url: str) -> str:
    """A URL without all that may be secret: user, password, options."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InputError(f"A URL cannot be used as storage: {error}.") from error


def _refuse_secret(url: str, what: str) -> NoReturn:
    raise InputError(
        f"The URL of {shown(url)} contains {what}. Keys do not belong in URLs, which runs, reports "
        "and messages contain. Give them as environment variables or in a file, such as "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials, and replace this key "
        "if others may have seen it."
    )
