from __future__ import annotations

import _thread
import json
import threading

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import gptwidgets as gw
from gptwidgets.errors import DoesNotFitError, InstallError, UnsafeModelError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.store import install
from gptwidgets.store.catalogue import Catalogue
from gptwidgets.store.jobs import Queue
from gptwidgets.verbs.installing import start
from tests.kernel.tiny_models import GROUPED
from tests.store.hub.test_hubinstall import Listing


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("saved")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**GROUPED)).save_pretrained(folder)
    core = Tokenizer(models.WordLevel({"?": 0, "the": 1, "cat": 2}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="?").save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def listed(hub, home, saved, monkeypatch):
    """A listing of the catalogue whose files the stand-in has."""
    hub.models["us/tiny"] = dict(saved)
    listing = Listing()
    monkeypatch.setattr(Catalogue, "find", lambda _, name: listing if name == "tiny" else None)
    return listing


def load(name="tiny", **options):
    return gw.load(name, progress=options.pop("progress", False), device="cpu", **options)


def test_load_installs_it_and_the_next_time_needs_no_network(hub, listed, processes):
    reports = []
    with load(progress=reports.append) as gpt:
        assert gpt.name == "tiny"
        assert gpt.record("the cat").length == 2
    assert {"downloading", "loading"} <= {report.stage for report in reports}
    hub.asked.clear()
    load().close()
    assert hub.asked == []


def test_what_does_not_fit_is_not_fetched_but_may_be_installed(hub, listed, monkeypatch):
    monkeypatch.setattr(devices, "cgroup_free", lambda: 1000)
    with pytest.raises(DoesNotFitError):
        load()
    assert hub.fetched("model.safetensors") == []
    job = start(Queue(), listed).wait(60)
    assert job.result == install.installed("tiny")
    assert job.unit == "bytes"


def test_an_install_from_the_store_is_what_load_takes_for_an_id_of_the_hub(hub, home, saved):
    hub.models["us/tiny"] = dict(saved)
    queue = Queue()
    job = start(queue, Listing(name="us/tiny"))
    assert start(queue, Listing(name="us/tiny")) is job
    job.wait(60)
    hub.asked.clear()
    with load("us/tiny") as gpt:
        assert gpt.name == "us/tiny"
    assert hub.asked == []


@pytest.mark.parametrize(
    ("config", "kind", "said"),
    [
        (
            {"model_type": "own", "auto_map": {"AutoModel": "code.Own"}},
            UnsafeModelError,
            "Python code of its own",
        ),
        ({"model_type": "mamba"}, UnsupportedModelError, "without softmax attention"),
    ],
)
def test_code_and_what_is_no_gpt_is_refused_before_the_weights(hub, listed, config, kind, said):
    hub.files["config.json"] = json.dumps(config).encode()
    with pytest.raises(kind, match=said):
        start(Queue(), listed).wait(60)
    assert hub.fetched("model.safetensors") == []


def test_the_licence_is_asked_for_by_load_too(hub, listed):
    listed.licence = "llama3.2"
    for revision in (None, "main"):
        with pytest.raises(InstallError, match=r'read it at .* gw\.load\("tiny", accept_licence=True\)'):
            load(revision=revision)
    assert hub.fetched("model.safetensors") == []
    with load(accept_licence=True) as gpt:
        assert gpt.name == "tiny"
    load().close()  # it was accepted once, and is here


def test_a_licence_that_nobody_asks_for_is_not_accepted(tmp_path):
    for given in ("us/tiny", str(tmp_path)):
        with pytest.raises(TypeError, match="accept_licence= accepts the licence of a model"):
            load(given, accept_licence=True)


def test_a_kernel_that_is_interrupted_ends_what_load_fetches_and_the_next_try_succeeds(
    hub, listed, processes
):
    hub.hold["model.safetensors"] = 1000

    def interrupted() -> None:
        assert hub.reached.wait(60)
        _thread.interrupt_main()

    threading.Thread(target=interrupted).start()
    with pytest.raises(KeyboardInterrupt):
        load()
    assert install.placed("tiny") is None
    hub.hold.clear()
    hub.go.set()
    load().close()
