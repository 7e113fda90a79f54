from __future__ import annotations

from collections.abc import Generator

import pytest

from gptwidgets.kernel.steps import finish


def test_a_generator_runs_to_its_end() -> None:
    def work(n: int) -> Generator[int, None, str]:
        yield from range(n)
        return "done"

    assert finish(work(0)) == finish(work(5)) == "done"


def test_what_it_raises_comes_out() -> None:
    def work() -> Generator[None, None, None]:
        yield
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(work())
