"""Tiny random models of many architectures, from their configurations."""

from __future__ import annotations

from typing import Any

import torch
import transformers

SMALL: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SMALL, "num_key_value_heads": 2}
GPT2 = {"vocab_size": 97, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64, "bos_token_id": 1}
ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]

# Every model of these goes through transformers' attention interface and must be exact on it.
INTERFACE: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2", GPT2),
    "gpt2-inverse-layer": ("GPT2", {**GPT2, "scale_attn_by_inverse_layer_idx": True}),
    "gpt_neox": ("GPTNeoX", SMALL),
    "opt": ("OPT", {**SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "llama": ("Llama", GROUPED),
    "qwen2": ("Qwen2", GROUPED),
    "qwen3": ("Qwen3", {**GROUPED, "head_dim": 16}),
    "mistral": ("Mistral", {**GROUPED, "sliding_window": 7}),
    "phi3": ("Phi3", {**GROUPED, "sliding_window": 9}),
    "gemma2": (
        "Gemma2",
        {
            **GROUPED,
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "sliding_window": 6,
            "attn_logit_softcapping": 0.5,
            "layer_types": ALTERNATING,
        },
    ),
    "gemma3": (
        "Gemma3",
        {
            **GROUPED,
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "sliding_window": 6,
            "layer_types": ALTERNATING,
        },
    ),
    "gpt_oss": (
        "GptOss",
        {
            **GROUPED,
            "head_dim": 8,
            "sliding_window": 6,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "layer_types": ALTERNATING,
        },
    ),
    "olmo2": ("Olmo2", GROUPED),
    "cohere2": ("Cohere2", {**GROUPED, "sliding_window": 6, "layer_types": ALTERNATING}),
    "stablelm": ("StableLm", GROUPED),
    "smollm3": ("SmolLM3", {**GROUPED, "no_rope_layers": [1, 0, 1]}),
    "deepseek_v3": (
        "DeepseekV3",
        {
            **SMALL,
            "num_key_value_heads": 4,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 12,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "moe_intermediate_size": 16,
            "first_k_dense_replace": 1,
            "n_shared_experts": 1,
        },
    ),
}


def tiny(name: str, cls: str, options: dict[str, Any], implementation: str | None = None) -> Any:
    """A random model in evaluation mode; sharp enough that its attention is no mere average."""
    torch.manual_seed(sum(map(ord, name)))
    config_name = "Gemma3TextConfig" if cls == "Gemma3" else f"{cls}Config"
    config = getattr(transformers, config_name)(**options)
    model = getattr(transformers, f"{cls}ForCausalLM", None) or getattr(transformers, f"{cls}LMHeadModel")
    if implementation:
        config._attn_implementation = implementation
    made = model._from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter_name, parameter in made.named_parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.25)
            elif "sinks" in parameter_name:
                parameter.normal_(0, 1)
    return made


def make(name: str) -> Any:
    """One of INTERFACE."""
    return tiny(name, *INTERFACE[name])
