"""GPTs that are served elsewhere, over the API that OpenAI began and vLLM, SGLang and llama.cpp share."""
