"""What the Hugging Face Hub, the network or the disk refuses, each in one sentence."""

from __future__ import annotations

import errno
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from gptwidgets.errors import GPTWidgetsError, InstallError, UnknownModelError
from gptwidgets.store.staging import no_room


@contextmanager
def in_words(
    repository: str, revision: str | None, *, folder: Path | None = None, asking: bool = True
) -> Generator[None]:
    """Turns what huggingface_hub raises into errors of ours.

    Args:
        repository: "owner/name".
        revision: the commit, tag or branch that was asked for.
        folder: where files are written, for the sentence about a full disk.
        asking: what the Hub says is read meanwhile: what cannot be made sense of is its fault, not ours.
    """
    from huggingface_hub import errors as hub

    try:
        yield
    except GPTWidgetsError:
        raise
    except hub.GatedRepoError:
        raise InstallError(
            f'"{repository}" is given only to those who accept its licence: do so at {page(repository)}, '
            "and log in with `hf auth login`."
        ) from None
    except hub.RevisionNotFoundError:
        raise UnknownModelError(f'"{repository}" has no revision "{revision}".') from None
    except hub.RepositoryNotFoundError:
        raise UnknownModelError(
            f'The Hugging Face Hub has no model "{repository}"; if it is private, run `hf auth login`.'
        ) from None
    except hub.HFValidationError:
        raise UnknownModelError(f'"{repository}" is no Hugging Face id ("owner/name").') from None
    except Exception as error:  # requests, httpx, urllib3, xet: each has a tree of its own
        if not asking and isinstance(error, (*_ODD, NameError, AssertionError)):
            raise
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise InstallError(no_room(folder or Path.home(), None)) from None
        raise InstallError(
            f'"{repository}" could not be fetched from the Hugging Face Hub, and is not in its cache here: '
            f"{reason(error)} A local folder or a .gguf file works without."
        ) from None


def page(repository: str) -> str:
    """The address of a model's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"


# What an answer that is none raises: JSON that is broken, or that is not what it should be.
_ODD = (AttributeError, KeyError, TypeError)


_STATUS = {
    401: "it does not let you have that ({}): log in with `hf auth login`.",
    403: "it does not let you have that ({}): log in with `hf auth login`.",
    429: "it was asked too often ({}): wait a minute, or log in with `hf auth login`, and try again.",
}


def reason(error: Exception) -> str:
    """Why the Hub did not answer, and what to do, as a sentence or two."""
    from huggingface_hub import errors as hub

    status = getattr(getattr(error, "response", None), "status_code", None)
    kind = type(error).__name__
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, *_ODD)):
        return "its answer makes no sense; try again later, or see to HF_ENDPOINT."
    if status is not None and status >= 400:
        return _STATUS.get(status, "it has trouble of its own ({}): try again later.").format(status)
    if isinstance(error, hub.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE keeps it from being asked; unset it to ask."
    if "Timeout" in kind or isinstance(error, TimeoutError):
        return "it does not answer. Is there a network? Try again later."
    first = str(error).strip().split("\n")[0].rstrip(".") or kind
    return f"{first}. Is there a network?"
