"""Listings for tests: as many kinds of size, licence and opinion as a real store has."""

from __future__ import annotations

from typing import Any

CARD = """---
license: apache-2.0
---
# {title}

{summary}

## Use

Meant for **teaching** and *research*. Ask it short questions; see the
[paper](https://example.org/paper) and `generate()`.

| Task | Score |
|---|---:|
| HellaSwag | 42.1 |
| ARC | 38.5 |

## Data

- web pages, filtered
- textbooks
- <script>alert(1)</script> and ![a picture](https://example.org/spy.png)

> Data ends in 2024.

## Limits

1. It makes up facts.
2. It knows little but English.

```python
gpt = gw.load("{title}")
```

[press me](javascript:alert(1))
"""


def _listing(line: str) -> dict[str, Any]:
    name, title, publisher, summary, licence, uses, languages, figures, stars, here = (
        part.strip() for part in line.split("|")
    )
    parameters, context, gigabytes = figures.split()
    mean, reviews = stars.split() if stars else ("", "0")
    speed = here.split()[1:] if here else []
    bytes_ = None if gigabytes == "?" else int(float(gigabytes) * 1e9)
    first, peak, bits = (float(one) for one in speed[1:]) if speed else (None, None, None)
    return {
        "name": name,
        "title": title,
        "publisher": publisher,
        "summary": summary,
        "licence": licence,
        "use_cases": uses.split(),
        "languages": languages.split(),
        "architecture": name.split("-")[0],
        "parameters": int(float(parameters) * 1e6),
        "context_length": int(context),
        "weight_bytes": bytes_,
        "memory_bytes": None if bytes_ is None else int(bytes_ * 1.2),
        "stars": float(mean) if mean else None,
        "stars_bound": float(mean) - 3 / (int(reviews) + 2) if mean else None,
        "reviews": int(reviews),
        "installed": here.startswith("yes"),
        "status": "published",
        "origin": "embedded",
        "gated": licence.startswith("LicenseRef"),
        "tokens_per_second": float(speed[0]) if speed else None,
        "first_token_s": first,
        "peak_bytes": None if peak is None else int(peak * 1e9),
        "bits_per_byte": bits,
        "measured_on": "2026-11-21" if speed else None,
    }


# ruff: noqa: E501
# name | title | publisher | summary | licence | for | languages | 1e6 parameters, context, GB | stars, reviews
#   | installed, tokens/s, first token s, peak GB, bits per byte
TABLE = """
smollm2-135m-instruct|SmolLM2 135M Instruct|HuggingFaceTB|A small chat model that answers in plain English on any laptop; the default.|Apache-2.0|chat teaching|en|135 8192 0.54|4.4 12|yes 42.5 0.12 0.71 1.02
smollm2-135m|SmolLM2 135M|HuggingFaceTB|The base model under SmolLM2 135M Instruct: continues texts, does not chat.|Apache-2.0|story research|en|135 8192 0.27|4.0 3|
smollm2-360m-instruct|SmolLM2 360M Instruct|HuggingFaceTB|A small chat model with more breath than the default one.|Apache-2.0|chat summary|en|362 8192 0.72|4.2 7|yes 18.2 0.31 1.61 0.94
smollm2-1.7b-instruct|SmolLM2 1.7B Instruct|HuggingFaceTB|The largest of its family; summarises and rewrites.|Apache-2.0|chat summary code|en|1710 8192 3.42|4.5 21|
gpt2|GPT-2 (small)|OpenAI|The 2019 model that most interpretability papers look into.|MIT|research teaching story|en|124 1024 0.55|4.1 34|yes 51.0 0.09 0.83 1.31
gpt2-medium|GPT-2 medium|OpenAI|Three times the small one, from the same paper.|MIT|research story|en|355 1024 1.52|3.9 6|
distilgpt2|DistilGPT2|Hugging Face|GPT-2 distilled to six layers: few heads, quick to look through.|Apache-2.0|research teaching|en|82 1024 0.35|3.6 9|
pythia-70m|Pythia 70M|EleutherAI|The smallest of a family trained in public, made for studying how models learn.|Apache-2.0|research|en|70 2048 0.17|4.0 5|
pythia-410m|Pythia 410M|EleutherAI|A middle one of the family, with checkpoints of all its training.|Apache-2.0|research|en|405 2048 0.91|4.2 4|
pythia-1.4b|Pythia 1.4B|EleutherAI|Large enough to translate a little, open enough to ask why.|Apache-2.0|research|en|1415 2048 2.93||
qwen2.5-0.5b-instruct|Qwen2.5 0.5B Instruct|Qwen|A chat model for many languages that still runs on a laptop.|Apache-2.0|chat multilingual translation|en zh fr de es|494 32768 0.99|4.6 40|yes 14.9 0.42 2.1 0.91
qwen2.5-1.5b-instruct|Qwen2.5 1.5B Instruct|Qwen|Follows instructions well, in a good dozen languages.|Apache-2.0|chat multilingual|en zh fr de es|1544 32768 3.09|4.7 28|
qwen2.5-7b-instruct|Qwen2.5 7B Instruct|Qwen|A grown chat model; wants a GPU.|Apache-2.0|chat multilingual code|en zh fr de es|7616 131072 15.2|4.8 64|
qwen2.5-coder-0.5b|Qwen2.5 Coder 0.5B|Qwen|Completes code in ninety languages of programming, small enough for an editor.|Apache-2.0|code|en zh|494 32768 0.99|4.3 11|
tinyllama-1.1b-chat|TinyLlama 1.1B Chat|TinyLlama|A Llama of a billion parameters, trained on three trillion tokens.|Apache-2.0|chat|en|1100 2048 2.2|4.0 18|
llama-3.2-1b-instruct|Llama 3.2 1B Instruct|Meta|A small chat model with a long memory; its licence asks to be accepted.|LicenseRef-Llama-3.2|chat summary multilingual|en de fr it pt|1236 131072 2.47|4.5 52|
llama-3.2-3b-instruct|Llama 3.2 3B Instruct|Meta|Summaries of whole books, where the memory is there.|LicenseRef-Llama-3.2|chat summary multilingual|en de fr it pt|3213 131072 6.43|4.6 31|
gemma-3-270m-it|Gemma 3 270M|Google|Tiny, with a large vocabulary; made to be tuned to one task.|LicenseRef-Gemma|classification chat multilingual|en de ja|268 32768 0.54|3.9 8|
gemma-3-1b-it|Gemma 3 1B|Google|Chats in many languages.|LicenseRef-Gemma|chat multilingual|en de ja|1000 32768 2.0|4.4 19|
olmo-2-1b|OLMo 2 1B|Ai2|Open to the last training document; for those who ask where an answer comes from.|Apache-2.0|research question-answering|en|1485 4096 2.97|4.3 6|
phi-3.5-mini|Phi-3.5 mini|Microsoft|Reasons step by step, in a long context.|MIT|chat code question-answering|en|3821 131072 7.64|4.4 23|
bloom-560m|BLOOM 560M|BigScience|Forty-six languages and thirteen programming languages, by a thousand researchers.|LicenseRef-BigScience-RAIL-1.0|multilingual translation|en fr ar hi|559 2048 1.12|3.5 7|
tinystories-33m|TinyStories 33M|Microsoft Research|Tells stories in the words of a four-year-old.|MIT|story teaching|en|68 2048 0.29|4.7 15|yes 96.3 0.05 0.42 1.64
opt-125m|OPT 125M|Meta|A GPT-3 in small, of which the logbook was published.|LicenseRef-OPT|research|en|125 2048 0.25|3.4 4|
cerebras-gpt-111m|Cerebras-GPT 111M|Cerebras|Trained by the scaling law, which makes it a ruler for others.|Apache-2.0|research|en|111 2048 0.45||
mystery-adapter|A model with a very long name that was put here to see where the line breaks and whether anything jumps|somebody-with-a-long-name-too|Nobody has said how large it is.|MIT|classification|en|12 512 ?||
"""
LISTINGS = [_listing(line) for line in TABLE.strip().splitlines()]
