from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import gptwidgets as gw
from gptwidgets.errors import (
    Cancelled,
    DoesNotFitError,
    InstallError,
    UnknownModelError,
    UnsupportedModelError,
)
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.store import paths
from gptwidgets.verbs import loading
from tests.kernel.test_convert import write_gguf
from tests.kernel.tiny_models import GROUPED


def build() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**GROUPED)).eval()


def words() -> PreTrainedTokenizerFast:
    core = Tokenizer(models.WordLevel({"?": 0, "the": 1, "cat": 2}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="?")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build().save_pretrained(folder)
    words().save_pretrained(folder)
    return folder


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    return tmp_path / "home"


def load(what=None, **options):
    return gw.load(what, progress=False, **{"device": "cpu", **options})


# -- what can be loaded -----------------------------------------------------------------------------


def test_a_folder_by_string_and_by_path(saved, home, monkeypatch):
    for given in (str(saved), saved):
        with load(given) as gpt:
            assert gpt.name == "tiny"
            assert gpt.record("the cat").length == 2
    monkeypatch.chdir(saved.parent)
    with load("tiny") as gpt:
        assert gpt.name == "tiny"
    with load("./tiny") as gpt:
        assert gpt.name == "tiny"


def test_a_model_in_hand_is_left_as_it_was_found(home):
    model, tokenizer = build(), words()
    before = model.config._attn_implementation, [id(p) for p in model.parameters()]
    with gw.load(model=model, tokenizer=tokenizer) as gpt:
        assert gpt.model is model
        assert gpt.tokenizer is tokenizer
        assert gpt.why == "On the CPU, in float32, as you gave it."
        gpt.record("the cat")
    assert (model.config._attn_implementation, [id(p) for p in model.parameters()]) == before
    assert model(torch.tensor([[1, 2]])).logits.shape == (1, 2, 97)


def test_a_gguf_file_is_converted_once(home, tmp_path, monkeypatch):
    write_gguf(tmp_path / "mine.gguf")
    reports = []
    with gw.load(tmp_path / "mine.gguf", device="cpu", progress=reports.append) as gpt:
        assert gpt.name == "mine"
        assert gpt.notes == ["dequantised from Q8_0; differs from the original weights"]
        assert "dequantised from Q8_0" in repr(gpt)
        assert gpt.record("a 12").length == 4
    assert {"converting", "writing safetensors", "loading"} <= {report.stage for report in reports}
    monkeypatch.setattr(loading, "convert", lambda *_: pytest.fail("converted again"))
    load(str(tmp_path / "mine.gguf")).close()


def test_a_model_of_the_class(saved, home, monkeypatch, tmp_path):
    shutil.copytree(saved, tmp_path / "class" / "ours")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    with load("ours") as gpt:
        assert gpt.name == "ours"


def test_a_listed_hub_model_may_lie_in_the_class_folder(saved, home, monkeypatch, tmp_path):
    shutil.copytree(saved, tmp_path / "class" / "gpt2")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    with load("GPT2") as gpt:
        assert gpt.name == "gpt2"


def test_hub_ids_are_judged_before_the_weights_are_fetched(saved, home, monkeypatch):
    asked = []

    def snapshot(repository, revision, judge, watch):
        asked.append((repository, revision))
        judge(saved, ["config.json", "model.safetensors"])
        return saved

    monkeypatch.setattr("gptwidgets.store.hub.snapshot", snapshot)
    load("us/tiny", revision="v1").close()
    load("gpt2", revision="v2").close()
    assert asked == [("us/tiny", "v1"), ("openai-community/gpt2", "v2")]
    monkeypatch.setattr(devices, "cgroup_free", lambda: 1000)
    with pytest.raises(DoesNotFitError):
        load("us/tiny")


def test_a_listed_model_is_installed_on_demand_if_it_fits_where_it_is_to_go(saved, home, monkeypatch):
    asked = []

    def install_listing(listing, *, placement, **_):
        asked.append((listing.name, listing.source["revision"], placement))
        return saved

    monkeypatch.setattr(loading, "install_listing", install_listing)
    load("GPT2", dtype="bfloat16").close()
    wanted = {"device": "cpu", "dtype": "bfloat16"}
    assert asked == [("gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e", wanted)]


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://huggingface.co/owner/name", "is an address; give a Hugging Face id"),
        ("smolm2-135m-instruct", 'did you mean "smollm2-135m-instruct"'),
        ("no such model", "There is no model named"),
        ("", "There is no"),
        (".", "no config"),
        ("..", "no config"),
        ("./missing", 'no folder and no .gguf file "./missing"'),
        ("/missing/model", "no folder and no .gguf file"),
        ("a/b/c", "no folder and no .gguf file"),
        ("missing.gguf", 'There is no file "missing.gguf"'),
        (Path("missing"), "no folder and no .gguf file"),
        ("\0", "There is no"),
    ],
)
def test_what_is_not_there(home, monkeypatch, tmp_path, given, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError) as caught:
        load(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_network_and_no_model(home, monkeypatch):
    def offline(*_args, **_kwargs):
        raise ConnectionError("[Errno 101] Network is unreachable")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", offline)
    with pytest.raises(
        InstallError, match=r"not in its cache here: .*Network is unreachable\. Is there a network"
    ):
        load("us/not-cached-anywhere")


@pytest.mark.parametrize("wrong", [3, ["gpt2"], b"gpt2", True, {"name": "gpt2"}])
def test_wrong_types(home, wrong):
    with pytest.raises(TypeError, match="Give a name or a path"):
        load(wrong)


def test_what_does_not_go_together(saved, home):
    model = build()
    with pytest.raises(TypeError, match="either a name or a path"):
        gw.load("gpt2", model=model)
    with pytest.raises(TypeError, match="either a name or a path"):
        gw.load(tokenizer=words())
    with pytest.raises(TypeError, match="stays as it is"):
        gw.load(model=model, device="cpu")
    with pytest.raises(TypeError, match="must be a transformers model, not Linear"):
        gw.load(model=torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match="must be a transformers tokenizer, not str"):
        gw.load(model=model, tokenizer="gpt2")
    with pytest.raises(TypeError, match="has no revisions"):
        load(revision="main")
    with pytest.raises(TypeError, match="unexpected keyword"):
        gw.load(saved, devise="cpu")
    with pytest.raises(TypeError, match="CancelToken"):
        load(saved, cancel=True)
    with pytest.raises(ValueError, match="no device"):
        load(saved, device="gpu")
    with pytest.raises(ValueError, match="no dtype"):
        load(saved, dtype="float8")


@pytest.mark.parametrize("option", ["revision", "local_wheel"])
def test_options_that_would_do_nothing_are_refused(saved, home, monkeypatch, tmp_path, option):
    shutil.copytree(saved, tmp_path / "class" / "ours")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    write_gguf(tmp_path / "mine.gguf")
    monkeypatch.setattr(loading, "convert", lambda *_: pytest.fail("converted first"))
    monkeypatch.chdir(tmp_path)
    given = {option: "v1.whl"}
    for what, is_ in [(saved, "folder"), (str(saved), "folder"), ("ours", "folder"), ("mine.gguf", "file")]:
        with pytest.raises(TypeError, match=rf'^{option}= .* the {is_} ".*"; leave {option}= out\.$'):
            load(what, **given)
    with pytest.raises(TypeError, match=rf"^{option}= .* given with model= .*; leave {option}= out\.$"):
        gw.load(model=build(), **given)


@pytest.mark.parametrize("repository", ["us/tiny", "gpt2"])
def test_a_repository_comes_in_no_wheel(home, monkeypatch, repository):
    monkeypatch.setattr("gptwidgets.store.hub.snapshot", lambda *_: pytest.fail("fetched first"))
    with pytest.raises(
        TypeError, match=r"^local_wheel= .* a Hugging Face repository; leave local_wheel= out"
    ):
        load(repository, local_wheel="tiny.whl")


def test_a_model_in_hand_without_attention(home):
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=1, state_size=4))
    with pytest.raises(UnsupportedModelError, match="without softmax attention"):
        gw.load(model=model)


def test_stop(saved, home):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        load(saved, cancel=token)
    with pytest.raises(Cancelled):
        gw.load(model=build(), cancel=token)


def test_where_things_are_kept(home):
    assert paths.models() == home / "models"
