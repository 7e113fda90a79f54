"""A tiny model that writes as long as it is asked to."""

from __future__ import annotations

import pytest

from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.tiny_models import make

IDS = [5, 17, 42, 9, 77, 3, 61]
GREEDY = Sampling(temperature=0, max_new_tokens=24)


def endless(model):
    """The model without an end token, so that its texts are as long as asked for."""
    model.generation_config.eos_token_id = model.config.eos_token_id = None
    return model


@pytest.fixture
def gpt():
    """Of three layers, a context of 64 tokens, and no end token."""
    made = GPT(endless(make("llama")), name="tiny")
    yield made
    made.close()
