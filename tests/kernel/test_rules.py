from __future__ import annotations

import numpy as np
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gptwidgets.kernel.rules import apply, rules_of
from gptwidgets.kernel.sampling import Sampling


def test_the_rules_are_transformers_own(monkeypatch):
    chance = np.random.default_rng(0)
    for _ in range(60):
        settings = {
            "repetition_penalty": float(chance.choice([1.0, 0.7, 1.3])),
            "temperature": float(chance.choice([1.0, chance.uniform(0.1, 3)])),
            "top_k": int(chance.choice([0, 1, 5, 60, 500])),
            "top_p": float(chance.choice([1.0, chance.uniform(0.01, 1)])),
            "min_p": float(chance.choice([0.0, chance.uniform(0, 1)])),
        }
        logits = torch.tensor(chance.normal(0, 3, (3, 200)), dtype=torch.float32)
        ids = torch.tensor(chance.integers(0, 200, (3, 11)))
        all_of_them = LogitsProcessorList(
            [RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"])]
            + [TemperatureLogitsWarper(settings["temperature"])]
            + ([TopKLogitsWarper(settings["top_k"])] if settings["top_k"] else [])
            + [TopPLogitsWarper(settings["top_p"])]
            + [MinPLogitsWarper(settings["min_p"])]
        )
        ours = apply(rules_of(Sampling(**settings)), ids, logits.clone())
        torch.testing.assert_close(ours, all_of_them(ids, logits.clone()), rtol=0, atol=0)
