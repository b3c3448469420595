"""Sampling with Hugging Face transformers' `generate`."""

import time

import torch

from model import limit_memory, load_model, peak_bytes
from serve import serve

models = {}


def load(name, directory, attention, threads):
    started = time.perf_counter()
    models[name] = load_model(directory, attention, threads)
    return {"seconds": time.perf_counter() - started}


@torch.inference_mode()
def generate(name, prompts, siblings, newTokens, cache, seed=0):
    """Every sequence gets exactly newTokens tokens; prompts are of one length, so nothing is padded."""
    torch.manual_seed(seed)
    started = time.perf_counter()
    output = models[name].generate(
        input_ids=torch.tensor(prompts),
        attention_mask=torch.ones(len(prompts), len(prompts[0]), dtype=torch.long),
        do_sample=True,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        num_return_sequences=siblings,
        max_new_tokens=newTokens,
        eos_token_id=None,
        pad_token_id=0,
        cache_implementation=cache,
    )
    seconds = time.perf_counter() - started
    made = output.shape[0] * (output.shape[1] - len(prompts[0]))
    return {"seconds": seconds, "tokens": made}


def peakMemory():
    return {"bytes": peak_bytes()}


serve({"limitMemory": limit_memory, "load": load, "generate": generate, "peakMemory": peakMemory})
