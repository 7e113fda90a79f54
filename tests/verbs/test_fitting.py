"""What a model is said to take, against what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import gptwidgets
from gptwidgets.errors import StoreError, UnknownModelError
from gptwidgets.kernel import memory, needs
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.shape import Shape
from gptwidgets.store import install
from gptwidgets.verbs import fitting
from gptwidgets.verbs.fitting import fit
from gptwidgets.verbs.places import Place
from tests.kernel.tiny_models import INTERFACE, make, tiny
from tests.verbs.allocations import peak

GB = 1_000_000_000
LLAMA = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 8000, "max_position_embeddings": 8192,
    "eos_token_id": None,
}  # fmt: skip
OPTIONS = {key: value for key, value in LLAMA.items() if key != "model_type"}
WINDOWED = {
    "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 256,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}  # fmt: skip
MODELS = {
    "llama": ("Llama", OPTIONS),
    "gpt2": ("GPT2", {"vocab_size": 8000, "n_embd": 256, "n_layer": 4, "n_head": 8, "n_positions": 8192}),
    "mistral": ("Mistral", {**OPTIONS, "sliding_window": 256}),
    "gemma2": ("Gemma2", {**OPTIONS, **WINDOWED}),
    "mixtral": ("Mixtral", {**OPTIONS, "intermediate_size": 352, "num_local_experts": 4}),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    made = tiny(request.param, *MODELS[request.param])
    with GPT(made) as gpt:
        gpt.record(list(range(8)), progress=False)  # what is made once is not the text's
        gpt.end_ids = frozenset()
        yield gpt


def said(gpt, tokens, **options):
    """What is foretold from config.json's words alone, without weights and libraries."""
    config = json.loads(gpt.model.config.to_json_string())
    count = sum(p.numel() for p in gpt.model.parameters())
    found = fit(config, parameters=count, context=tokens, device="cpu", dtype="float32", **options)
    assert found.weights == count * 4
    return found.total - found.weights - needs.process(Shape.of(config)), found


# The issue asks for 15 % or 64 MB of everything, weights included; this is of what comes to the weights.
CLOSE = {"rel": 0.12, "abs": 1_000_000}


@pytest.mark.parametrize("tokens", [600, 2500])
def test_recording_allocates_what_was_foretold(model, tokens):
    ids = torch.randint(8000, (tokens,)).tolist()
    foretold, found = said(model, tokens)
    # a text is recorded while what was written before it is still kept
    assert peak(lambda: model.record(ids, progress=False)) == pytest.approx(foretold - found.cache, **CLOSE)


@pytest.mark.parametrize(("tokens", "batch"), [(600, 1), (2500, 1), (1200, 3)])
def test_writing_allocates_what_was_foretold(model, tokens, batch):
    ids = torch.randint(8000, (tokens - 4,)).tolist()
    greedy = Sampling(temperature=0, max_new_tokens=4)
    measured = peak(lambda: model.generate(ids, greedy, n=batch, reuse=False))
    assert measured == pytest.approx(said(model, tokens, record=False, batch=batch)[0], **CLOSE)


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_a_text_that_is_recorded_in_chunks(name):
    with GPT(tiny(name, *MODELS[name])) as gpt:
        ids = torch.randint(8000, (6000,)).tolist()
        foretold, found = said(gpt, 6000)
        assert peak(lambda: gpt.record(ids, progress=False)) == pytest.approx(foretold - found.cache, **CLOSE)


@pytest.mark.parametrize("name", INTERFACE)
def test_a_config_json_says_what_the_configuration_says(name):
    config = make(name).config
    assert Shape.of(json.loads(config.to_json_string())) == Shape.of(config)


CHILD = """
import random, sys
from pathlib import Path
from gptwidgets.kernel.folder import load_folder
from gptwidgets.kernel.sampling import Sampling
gpt = load_folder(Path(sys.argv[1]), name="smol", device="cpu", dtype=sys.argv[2])
ids = [random.Random(0).randrange(100, 40000) for _ in range(int(sys.argv[3]))]
gpt.generate(ids[:-4], Sampling(temperature=0, max_new_tokens=4))
record = gpt.record(ids, progress=False) if sys.argv[4] == "True" else None
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux' word for the peak")
@pytest.mark.parametrize(
    ("dtype", "tokens", "record"),
    [("float32", 512, False), ("float32", 1536, True), ("bfloat16", 512, True)],
)
def test_a_fresh_process_shows_what_was_foretold(dtype, tokens, record):
    folder = install.installed("smollm2-135m-instruct")
    run = [sys.executable, "-c", CHILD, str(folder), dtype, str(tokens), str(record)]
    printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    measured = int(printed.split()[-1]) * 1024
    found = fit(folder, context=tokens, dtype=dtype, record=record, device="cpu")
    assert found.dtype == dtype
    assert found.peak == pytest.approx(measured, rel=0.15, abs=64_000_000)


def at(free):
    return [Place("cpu", "cpu", "the CPU", memory.Memory(free, "free on this machine"))]


def test_the_verdict_in_words():
    yes = fit(LLAMA, name="tiny", parameters=5_000_000, at=at(2 * GB))
    assert (yes.fits, yes.device, yes.dtype, yes.context, yes.batch) == (True, "cpu", "float32", 1024, 1)
    assert yes.total == yes.weights + yes.cache + yes.recorded + yes.working
    assert yes.where == "On the CPU: 2.0 GB is free on this machine."
    assert str(yes).startswith("tiny fits on the CPU: it needs about ")
    no = fit(LLAMA, name="tiny", parameters=900_000_000, at=at(2 * GB))
    assert not no.fits
    assert "tiny does not fit on the CPU" in no.why
    assert 'choose a smaller model, dtype="bfloat16", a shorter context.' in no.why
    assert "trained to read 8,192 tokens" in fit(LLAMA, parameters=10, context=9000, at=at(9 * GB)).why


def test_the_limit_is_where_it_says():
    needed = fit(LLAMA, parameters=5_000_000, at=at(2 * GB)).total - needs.LIBRARIES  # which are loaded here
    assert fit(LLAMA, parameters=5_000_000, at=at(needed)).fits
    assert not fit(LLAMA, parameters=5_000_000, at=at(needed - 1)).fits


def test_the_first_device_where_it_fits():
    gpu = Place("cuda:0", "cuda", "Big GPU (cuda:0)", memory.Memory(50_000_000, "free on Big GPU (cuda:0)"))
    assert fit(LLAMA, parameters=1_000_000, context=16, at=[gpu, *at(GB)]).device == "cuda:0"
    assert fit(LLAMA, parameters=50_000_000, at=[gpu, *at(GB)]).device == "cpu"
    neither = fit(LLAMA, parameters=90 * GB, at=[gpu, *at(GB)])
    assert not neither.fits


@pytest.mark.parametrize(
    ("parameters", "checkpoint", "dtype"),
    [(GB, "bfloat16", "float32"), (GB + 1, "float16", "float16"), (7 * GB, "Q4_K", "bfloat16")],
)
def test_the_dtype_is_the_one_that_load_chooses(parameters, checkpoint, dtype):
    assert fit(LLAMA, parameters=parameters, checkpoint=checkpoint, at=at(GB)).dtype == dtype
    assert fit(LLAMA, parameters=parameters, dtype=torch.bfloat16, at=at(GB)).dtype == "bfloat16"
    assert fit(LLAMA, parameters=parameters, dtype="fp16", at=at(GB)).dtype == "float16"


def test_without_a_configuration_it_is_an_estimate_and_says_so():
    found = fit(None, name="a model", parameters=7 * GB, checkpoint="bfloat16", at=at(64 * GB))
    assert found.estimate
    assert "an estimate from its 7,000,000,000 parameters" in found.why
    assert found.weights == 14 * GB
    with pytest.raises(StoreError, match=r"neither its configuration nor .* install it"):
        fit({}, name="a model")


def test_what_a_config_leaves_out_is_what_its_architecture_says():
    found = fit({"model_type": "gpt2"}, at=at(9 * GB))
    assert not found.estimate
    assert found.weights == 124_439_808 * 4  # counted
    assert found.recorded == 12 * 3 * 768 * 1024 * 4
    bare = fit({"model_type": "no such architecture"}, parameters=10, at=at(9 * GB))
    assert bare.estimate


def test_a_folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "gptwidgets.json").write_text(json.dumps({"format": 1, "parameters": 1000, "files": {}}))
    assert fit(tmp_path, at=at(GB)).weights == 4000
    assert fit(str(tmp_path), parameters=2000, at=at(GB)).weights == 8000
    with pytest.raises(UnknownModelError, match=r"no config\.json"):
        fit(tmp_path / "none")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"context": 0}, ValueError), ({"batch": True}, TypeError), ({"context": 2.5}, TypeError),
        ({"dtype": "int3"}, ValueError), ({"dtype": torch.int8}, ValueError), ({"device": "tpu"}, ValueError),
        ({"contxt": 3}, TypeError),
    ],
)  # fmt: skip
def test_options_that_mean_nothing(options, error):
    with pytest.raises(error):
        fit(LLAMA, parameters=1000, **options)


def test_a_page_of_cards_is_told_in_a_moment_and_without_torch(tmp_path):
    facts = Path(gptwidgets.__file__).parent / "store" / "facts.json"
    listings = [x for x in json.loads(facts.read_text("utf-8"))["listings"] if x.get("parameters")] * 3
    here = fitting.places("cpu")

    def page():
        began = time.perf_counter()
        for listing in listings[:50]:
            fit(listing.get("config"), name=listing["name"], parameters=listing["parameters"], at=here)
        return time.perf_counter() - began

    assert min(page() for _ in range(5)) < 0.05
    code = f"""
import sys
from gptwidgets.verbs.fitting import fit
print(fit({LLAMA!r}, parameters=10, device="cpu").fits, "torch" in sys.modules, "transformers" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["True", "False", "False"]
