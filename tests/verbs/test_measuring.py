from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import gptwidgets as gw
from gptwidgets.errors import Cancelled, OutOfMemory, StoreError, UnknownModelError, UnsafeModelError
from gptwidgets.kernel import textscore
from gptwidgets.kernel.gpt import GPT
from gptwidgets.store import install, reference
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.verbs import installing, measure_child
from gptwidgets.verbs.fitting import fit
from gptwidgets.verbs.measuring import measure

BYTES = len(reference.text()) - 1  # a token a byte; the first has nothing before it


def model(context=128, value=0.0):
    """A model that finds each of 256 bytes equally probable, and so needs 8 bits for one."""
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    made = LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=context, **sizes)).eval()
    torch.nn.init.constant_(made.lm_head.weight, value)
    return made


def tokenizer():
    """A token for each byte."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    core = tokenizers.Tokenizer(tokenizers.models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core)


@pytest.fixture
def folder(tmp_path):
    model().save_pretrained(tmp_path / "tiny")
    tokenizer().save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_model_is_measured_in_another_process(folder):
    told = []
    found = measure(folder, name="tiny", device="cpu", watch=Watch(tell=lambda *report: told.append(report)))
    assert found.bits_per_byte == pytest.approx(8)
    assert (found.bytes, found.tokens, found.dtype) == (BYTES, 64, "float32")
    assert found.device.startswith("CPU, ")
    assert found.torch == torch.__version__
    assert found.tokens_per_second > 1
    assert 0 < found.first_token_s < 10
    assert 2e8 < found.peak_bytes < 1e9  # the libraries
    assert datetime.now(UTC) - found.at < timedelta(minutes=1)
    stages = list(dict.fromkeys(report[0] for report in told))
    assert stages == ["loading", "first token", "generating", "reading the text"]
    assert all(done <= total for _, done, total, _ in told if total)
    assert [report for report in told if report[0] == "generating"][-1][1:] == (192, 192, "tokens")


@pytest.mark.parametrize("context", [64, 128, 700, 50_000])
def test_however_the_text_is_split_each_byte_counts_once(context):
    with GPT(model(context), tokenizer()) as gpt:
        found = measure_child._reading(gpt, gpt.encode(reference.text()), 1e-6, NOBODY, 1e9)
    assert found["bytes"] == BYTES
    assert found["bits_per_byte"] == pytest.approx(8)


def test_each_token_is_foretold_from_half_a_window_at_least(monkeypatch):
    windows, real = [], textscore.score
    monkeypatch.setattr(textscore, "score", lambda gpt, ids, **o: windows.append(ids) or real(gpt, ids, **o))
    with GPT(model(50_000), tokenizer()) as gpt:
        ids = gpt.encode(reference.text())
        measure_child._reading(gpt, ids, 1e-6, NOBODY, 1e9)
    assert max(map(len, windows)) == measure_child.WINDOW  # though the context is longer
    begins = [i * measure_child.WINDOW // 2 for i in range(len(windows))]
    assert windows == [ids[a : a + measure_child.WINDOW] for a in begins]
    assert begins[-1] + len(windows[-1]) == len(ids)


def test_a_slow_model_writes_and_reads_less_and_says_how_much(monkeypatch):
    with GPT(model(), tokenizer()) as gpt:
        ids = gpt.encode(reference.text())
        found = measure_child._reading(gpt, ids, 5.0, NOBODY, 30.0)  # seconds a token
        assert found["bytes"] == measure_child.PROMPT - 1  # the fewest
        assert found["bits_per_byte"] == pytest.approx(8)
        assert measure_child._reading(gpt, ids, 1e-3, NOBODY, 0.1)["bytes"] == 99  # in a tenth of a second
        clock = iter(range(0, 100_000, 10))
        monkeypatch.setattr(measure_child.time, "monotonic", lambda: next(clock))
        assert measure_child._writing(gpt, ids, NOBODY, 15.0)["tokens"] == measure_child.LEAST


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "long", True])
def test_seconds_that_are_none_are_refused_before_anything_begins(folder, tmp_path, seconds):
    with pytest.raises(ValueError, match="seconds is how long a part may take: a number above 0, such as 30"):
        measure(folder, seconds=seconds)
    with (
        gw.Store(f"sqlite:///{tmp_path}/store.sqlite3", user="ada") as store,
        pytest.raises(ValueError, match="number above 0"),
    ):
        store.measure("gpt2", seconds=seconds)


def test_an_end_token_does_not_end_the_measurement():
    made = model()
    made.generation_config.eos_token_id = 0  # which greedy choice takes first
    with GPT(made, tokenizer()) as gpt:
        assert gpt.end_ids == {0}
        assert measure_child._writing(gpt, gpt.encode(reference.text()), NOBODY, 15.0)["tokens"] == 64


def test_figures_that_are_no_numbers_are_left_out():
    with GPT(model(), tokenizer()) as gpt:
        torch.nn.init.constant_(gpt.model.lm_head.weight, torch.nan)
        found = measure_child._reading(gpt, gpt.encode(reference.text())[:300], 1e-6, NOBODY, 30.0)
    assert found["bits_per_byte"] is None


def test_it_stops_within_half_a_second(folder):
    asked = []

    def stop():
        if asked:
            raise Cancelled("stopped")

    def tell(stage, *_):
        if stage == "first token" and not asked:
            asked.append(time.monotonic())

    with pytest.raises(Cancelled):
        measure(folder, name="tiny", watch=Watch(tell=tell, stop=stop))
    assert time.monotonic() - asked[0] < 0.5


def test_what_cannot_be_loaded_says_why(folder, tmp_path):
    with pytest.raises(UnknownModelError):
        measure(tmp_path / "none", name="none")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeModelError):
        measure(folder, name="tiny")


def test_what_is_none_of_our_errors_is_said_in_words():
    said = measure_child._in_words(RuntimeError("some reason"), {"name": "tiny"})
    assert isinstance(said, StoreError)
    assert str(said) == "tiny could not be measured: some reason"
    assert isinstance(measure_child._in_words(MemoryError(), {"name": "tiny"}), OutOfMemory)


@pytest.mark.model
def test_the_default_model():
    folder = install.installed("smollm2-135m-instruct")
    found = measure(folder, name="smollm2", device="cpu", seconds=4)
    assert found.bits_per_byte == pytest.approx(1.035, abs=0.005 if found.bytes == 11_213 else 0.3)
    assert 200 < found.bytes <= 11_213  # as far as it came
    assert found.peak_bytes == pytest.approx(
        fit(folder, context=128, record=False, device="cpu").peak, rel=0.15
    )


def test_what_was_measured_is_kept_with_how_much_of_the_text_it_is_of(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(installing, "install_listing", lambda *_, **__: folder)
    with gw.Store(f"sqlite:///{tmp_path}/store.sqlite3", user="ada") as store:
        kept = store.measure("gpt2", device="cpu").wait(120).result
        (row,) = store.measurements("gpt2").to_dict("records")
    assert (kept["text_bytes"], row["text_bytes"], row["bits_per_byte"]) == (BYTES, BYTES, pytest.approx(8))
