"""One peer on one text, run by the peers' own interpreter: `peer.py VIEW FOLDER IDS.json PAGE.html`.

Writes the page that the peer makes of all layers and heads, and prints what that took as JSON. It imports
nothing of this project. With PAGE.html "-" nothing is written, and the layers go through the peer one by
one: the same bytes in the end, in a thirtieth of the memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def attention_of(folder, ids):
    """What every peer starts from: output_attentions=True, a tensor (1, heads, T, T) for each layer."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()
    with torch.inference_mode():
        return model(
            torch.tensor([ids]), use_cache=False, logits_to_keep=1, output_attentions=True
        ).attentions


def bertviz_head(attention, tokens):
    from bertviz import head_view

    return head_view(list(attention), tokens, html_action="return").data


def bertviz_model(attention, tokens):
    from bertviz import model_view

    return model_view(list(attention), tokens, html_action="return").data


def circuitsvis_heads(attention, tokens):
    from circuitsvis.attention import attention_heads

    # local_src is the page that it shows without internet: its bundle and the data.
    return attention_heads(torch.cat(list(attention), dim=1)[0], tokens).local_src


def circuitsvis_patterns(attention, tokens):
    from circuitsvis.attention import attention_patterns

    return attention_patterns(tokens, torch.cat(list(attention), dim=1)[0]).local_src


VIEWS = {
    view.__name__: view for view in (bertviz_head, bertviz_model, circuitsvis_heads, circuitsvis_patterns)
}


def main():
    view, folder, ids_file, page = VIEWS[sys.argv[1]], *sys.argv[2:]
    ids = json.loads(Path(ids_file).read_text())
    tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True).convert_ids_to_tokens(ids)
    attention = attention_of(folder, ids)
    view([layer[:, :, :4, :4] for layer in attention], tokens[:4])  # imports and first calls
    parts = [attention] if page != "-" else [[layer] for layer in attention]
    size, seconds = 0, 0.0
    for part in parts:
        start = time.perf_counter()
        html = view(part, tokens)
        seconds += time.perf_counter() - start
        size += len(html.encode())
    if page != "-":
        Path(page).write_text(
            f'<!doctype html><meta charset="utf-8"><body style="background: white">{html}', "utf-8"
        )
    print(json.dumps({"seconds": seconds, "bytes": size, "parts": len(parts)}))


main()
