"""What can go wrong, in words: the text of each error is a sentence that says what to do next.

Every error is also the builtin that a caller would expect (a failed look-up is a `LookupError`),
so that code which knows nothing of this package still catches it.

Example:
    >>> from gptwidgets.errors import GPTWidgetsError, UnknownModelError
    >>> try:
    ...     raise UnknownModelError("There is no model named 'smolm2'; did you mean 'smollm2'?")
    ... except GPTWidgetsError as error:
    ...     print(error)
    There is no model named 'smolm2'; did you mean 'smollm2'?
"""

from __future__ import annotations


class GPTWidgetsError(Exception):
    """The parent of all errors of this package."""

    def __str__(self) -> str:
        """Return the sentence itself; a `LookupError` or an `OSError` must not dress it up."""
        return str(self.args[0]) if self.args else ""


class UnknownModelError(GPTWidgetsError, LookupError):
    """No model has this name; the text gives the nearest names."""


class UnknownNameError(GPTWidgetsError, KeyError):
    """Something has no part of this name; a plain KeyError would quote its own sentence."""


class InstallError(GPTWidgetsError, OSError):
    """A model could not be downloaded, converted or written."""


class ChecksumError(InstallError):
    """A downloaded file is not, byte for byte, the file that was asked for."""


class UnsafeModelError(GPTWidgetsError, ValueError):
    """The model could run code of its own when loaded (pickled weights, remote code)."""


class UnsupportedModelError(GPTWidgetsError, ValueError):
    """The model has no softmax attention that could be shown, or not in a form that is understood."""


class DoesNotFitError(GPTWidgetsError, MemoryError):
    """The model, or what is asked of it, needs more memory than there is."""


class ClosedError(GPTWidgetsError, RuntimeError):
    """The model or the record was closed and its memory given back."""


class TextError(GPTWidgetsError, ValueError):
    """The text, the token ids or the messages are not something a model can read."""


class StoreError(GPTWidgetsError, RuntimeError):
    """The store cannot be opened, read or written, or what was asked of it cannot be done."""


class RefusedError(GPTWidgetsError, PermissionError):
    """The store does not let this person do that; the text says who may."""


class Cancelled(GPTWidgetsError, RuntimeError):
    """The job was stopped on request."""


class OutOfMemory(GPTWidgetsError, MemoryError):
    """Memory ran out during a job; what had been begun was dropped."""


class NotBuiltError(GPTWidgetsError, FileNotFoundError):
    """The front end of the widgets was not built; the text says how to build it."""
