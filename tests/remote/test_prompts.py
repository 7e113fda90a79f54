"""Prompts that cannot be are refused before anything is sent."""

from __future__ import annotations

import pytest

from gptwidgets.errors import TextError


@pytest.mark.parametrize(
    ("prompt", "error"),
    [("", TextError), ([], TextError), ("\ud800", TextError), ([{"role": "user"}], TextError),
     (7, TypeError), (b"a", TypeError), (None, TypeError)],
)  # fmt: skip
def test_prompts_that_cannot_be(connected, prompt, error):
    gpt, server, _ = connected()
    with pytest.raises(error):
        gpt.stream(prompt)
    assert server.asked == []
