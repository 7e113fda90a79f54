"""Copy as Python: both scripts run, and write what the playground wrote."""

from __future__ import annotations

import contextlib
import io

import pytest
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import gptwidgets as gw
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import code
from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.playground.fake import reader

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def gpt(tmp_path_factory):
    """A random model of two layers that reads bytes, saved in a folder and loaded from it."""
    import torch

    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=reader().backend_tokenizer, chat_template=TEMPLATE)
    tokenizer.save_pretrained(folder)
    made = gw.load(folder, progress=False)
    yield made
    made.close()


def printed(script: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(script, "copied", "exec"), {})
    return said.getvalue().removesuffix("\n")


RULES = {
    "greedy": Sampling(temperature=0, max_new_tokens=12),
    "sampled": Sampling(temperature=0.8, seed=5, max_new_tokens=12),
    "all rules": Sampling(
        temperature=1.3, top_k=40, top_p=0.9, min_p=0.02, repetition_penalty=1.2, seed=7, max_new_tokens=12
    ),
    "stop": Sampling(temperature=0.9, seed=11, stop=("e", "a", "t"), max_new_tokens=40),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_both_scripts_give_the_ids_of_the_run(gpt, rules):
    play = Playground(gpt, "Once upon a time\n\"quoted\" \\ 'twice'", sampling=rules)
    run = play.run().wait(60)
    scripts = play.code()
    ids = [
        printed(
            scripts["gptwidgets"].replace(
                "gpt.generate(prompt, sampling).text", "gpt.generate(prompt, sampling).ids"
            )
        ),
        printed(scripts["transformers"].partition("print(")[0] + "print(new.tolist())\n"),
    ]
    assert ids == [str(run.ids)] * 2


def test_a_branch_a_chat_and_one_of_several_sequences(gpt):
    play = Playground(gpt, "abc", temperature=1.0, seed=3, max_new_tokens=8)
    run = play.run(n=3).wait(60)
    third = play.code(run.nodes[2])["transformers"]
    assert "torch.manual_seed(5)" in third
    assert "prompt = 'abc'" in third
    assert printed(third.partition("print(")[0] + "print(new.tolist())\n") == str(run.nodes[2].tokens.ids)
    branch = play.branch(5, 66).wait(60)
    script = play.code()["transformers"]
    assert "# ids" in script
    assert printed(script.partition("print(")[0] + "print(new.tolist())\n") == str(branch.ids[1:])
    chat = Playground(gpt, [{"role": "user", "content": "hi"}], temperature=0, max_new_tokens=8)
    answer = chat.run().wait(60)
    script = chat.code()["transformers"]
    assert "apply_chat_template" in script
    assert printed(script.partition("print(")[0] + "print(new.tolist())\n") == str(answer.ids)


def test_beams(gpt):
    play = Playground(gpt, "abc", beams=3, max_new_tokens=6)
    run = play.run().wait(60)
    script = play.code()["transformers"]
    assert "num_beams=3" in script
    assert printed(script.partition("print(")[0] + "print(new.tolist())\n") == str(run.ids)
    assert printed(play.code()["gptwidgets"]) == run.text


def test_before_anything_was_written_the_scripts_do_what_run_would(gpt):
    play = Playground(gpt, "abc", temperature=0.5)
    script = play.code()["gptwidgets"]
    assert "gw.Sampling(temperature=0.5, max_new_tokens=100, seed=0)" in script


@pytest.mark.parametrize("text", ["</script>", '"""', "a\nb\\", "\u2028 é 😀", "'; import os #"])
def test_no_text_becomes_code(gpt, text):
    recipe = code.recipe(gpt, text, Sampling(stop=(text,)))
    for script in (code.with_gptwidgets(recipe), code.with_transformers(recipe)):
        line = next(line for line in script.splitlines() if line.startswith("prompt = "))
        space: dict[str, str] = {}
        exec(line, space)
        assert space["prompt"] == text
        compile(script, "copied", "exec")


def test_many_ids_stand_in_lines_that_can_be_read(gpt):
    script = code.with_gptwidgets(code.recipe(gpt, list(range(200)), Sampling()))
    assert max(map(len, script.splitlines())) < 110
    compile(script, "copied", "exec")


@pytest.mark.model
@pytest.mark.parametrize(
    "rules",
    [
        Sampling(temperature=0, max_new_tokens=16),
        Sampling(temperature=0.8, top_p=0.9, seed=1, max_new_tokens=16),
    ],
    ids=["greedy", "sampled"],
)
def test_on_the_default_model_all_three_texts_are_one(smollm2, rules):
    play = Playground(smollm2, "The first people who", sampling=rules)
    run = play.run().wait(120)
    scripts = play.code()
    assert f"gw.load('{smollm2.name}')" in scripts["gptwidgets"]
    assert printed(scripts["gptwidgets"]) == run.text
    assert printed(scripts["transformers"]) == run.text
