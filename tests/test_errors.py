from __future__ import annotations

import pytest

from gptwidgets import errors

KINDS = {
    errors.UnknownModelError: LookupError,
    errors.UnknownNameError: KeyError,
    errors.InstallError: OSError,
    errors.ChecksumError: OSError,
    errors.UnsafeModelError: ValueError,
    errors.UnsupportedModelError: ValueError,
    errors.DoesNotFitError: MemoryError,
    errors.ClosedError: RuntimeError,
    errors.TextError: ValueError,
    errors.StoreError: RuntimeError,
    errors.RefusedError: PermissionError,
    errors.Cancelled: RuntimeError,
    errors.OutOfMemory: MemoryError,
    errors.NotBuiltError: FileNotFoundError,
}


@pytest.mark.parametrize(("kind", "builtin"), KINDS.items())
def test_each_error_is_ours_and_the_fitting_builtin(kind, builtin):
    assert issubclass(kind, errors.GPTWidgetsError)
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_reads_as_its_sentence(kind):
    assert str(kind("Say what to do.")) == "Say what to do."


def test_every_error_is_listed_here():
    ours = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert ours == {errors.GPTWidgetsError, *KINDS}
