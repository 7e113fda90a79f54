from __future__ import annotations

import gc
import weakref

import pytest
import torch

from gptwidgets.kernel import prefix
from gptwidgets.kernel.budget import Budget
from gptwidgets.kernel.cache import copy_prefix, nbytes
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.tiny_models import make

IDS = [5, 17, 42, 9, 77, 3, 61, 8, 30, 11]
GREEDY = Sampling(temperature=0, max_new_tokens=20)


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    mine = Budget(limit=10_000_000)
    monkeypatch.setattr(prefix, "caches", mine)
    return mine


def endless(name="llama"):
    model = make(name)
    model.generation_config.eos_token_id = model.config.eos_token_id = None
    return GPT(model, name="tiny")


def read_by(gpt, run):
    """How many tokens the model reads in each of its forward passes while `run` runs."""
    seen = []
    hook = gpt.model.register_forward_pre_hook(
        lambda _model, _args, given: seen.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    run()
    hook.remove()
    return seen


def test_a_branch_reads_only_what_is_new():
    with endless() as gpt:
        first = gpt.generate(IDS, GREEDY).ids
        branch = [*IDS, *first[:12], 50]
        alone = gpt.generate(branch, GREEDY, reuse=False).ids
        assert read_by(gpt, lambda: gpt.generate(branch, Sampling(max_new_tokens=1))) == [1]
        assert gpt.generate(branch, GREEDY).ids == alone
        changed = [*IDS, 90, 91, 92]
        assert read_by(gpt, lambda: gpt.generate(changed, Sampling(max_new_tokens=1))) == [3]
        assert gpt.generate(IDS, GREEDY).ids == first  # no branch has disturbed what it branched from


def test_going_on_from_the_end_reads_one_token_even_behind_a_window():
    for name in ("llama", "mistral", "gemma2"):
        with endless(name) as gpt:
            first = gpt.generate(IDS, GREEDY).ids
            longer = [*IDS, *first]
            assert read_by(gpt, lambda text=longer: gpt.next_token(text)) == [1]
            whole = gpt.generate(IDS, GREEDY.replace(max_new_tokens=30), reuse=False).ids
            assert gpt.generate(longer, GREEDY.replace(max_new_tokens=10)).ids == whole[20:]


def test_behind_a_sliding_window_a_branch_is_read_anew():
    with endless("mistral") as gpt:  # a window of 7 tokens
        first = gpt.generate(IDS, GREEDY).ids
        branch = [*IDS, *first[:5], 50]
        alone = gpt.generate(branch, GREEDY, reuse=False).ids
        assert read_by(gpt, lambda: gpt.generate(branch, Sampling(max_new_tokens=1))) == [16]
        assert gpt.generate(branch, GREEDY).ids == alone


def test_every_one_of_several_sequences_can_be_branched_from():
    with endless() as gpt:
        made = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=15), n=3)
        for written in made.sequences:
            branch = [*IDS, *written.ids[:10], 50]
            assert read_by(gpt, lambda branch=branch: gpt.next_token(branch)) == [1]
    with endless() as gpt:  # one that has ended long before the others, too
        gpt.model.generation_config.eos_token_id = made.sequences[1].ids[4]
        again = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=15), n=3)
        assert again.sequences[1].reason == "end"
        branch = [*IDS, *again.sequences[1].ids[:3], 50]
        assert read_by(gpt, lambda: gpt.next_token(branch)) == [1]


def test_a_score_leaves_its_text_for_a_run():
    with endless() as gpt:
        gpt.score(IDS)
        assert read_by(gpt, lambda: gpt.next_token([*IDS, 4])) == [1]


def test_short_beginnings_are_not_worth_it():
    with endless() as gpt:
        gpt.generate(IDS[:4], Sampling(max_new_tokens=2))
        assert gpt.prefixes.take([*IDS[:4], 1, 2]) == (None, 0)


def test_a_copy_shares_nothing_and_holds_no_more_than_asked():
    with endless() as gpt:
        gpt.generate(IDS, GREEDY)
        (entry,) = gpt.prefixes._entries
        copied = copy_prefix(entry.cache, 0, 12)
        assert copied.get_seq_length() == 12
        for old, new in zip(entry.cache.layers, copied.layers, strict=True):
            torch.testing.assert_close(new.keys, old.keys[:, :, :12], rtol=0, atol=0)
            assert new.keys.untyped_storage().data_ptr() != old.keys.untyped_storage().data_ptr()
        assert entry.nbytes == nbytes(entry.cache) > 0


def test_the_budget_takes_the_oldest_and_closing_takes_all(budget):
    with endless() as gpt:
        gpt.generate(IDS, GREEDY)
        one = budget.used
        budget.limit = int(2.5 * one)
        for start in range(1, 5):
            gpt.generate([(i + 10 * start) % 97 for i in IDS], GREEDY)
        assert 0 < budget.used <= budget.limit
        assert gpt.prefixes.take([*IDS, 1]) == (None, 0)
        held = weakref.ref(gpt.prefixes._entries[-1])
        gpt.close()
        gc.collect()
        assert held() is None
        assert budget.used == 0


def test_what_a_longer_text_covers_is_not_kept_twice(budget):
    with endless() as gpt:
        for _ in range(4):
            gpt.generate(IDS, GREEDY)
        assert len(gpt.prefixes._entries) == 1
