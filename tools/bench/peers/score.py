"""Log-probs, entropies and FCI with Hugging Face transformers' `output_attentions`."""

import copy
import time

import torch

from model import limit_memory, load_model, peak_bytes, reset_peak, resident_bytes
from serve import serve

models = {}


def load(name, directory, threads):
    models[name] = load_model(directory, "eager", threads)  # only this one gives attention probabilities
    return {}


@torch.inference_mode()
def score(name, tokens, promptLength, stepRanges, delta, thinkEndStep=-1):
    """One row or several of the same length and steps."""
    ids = torch.tensor(tokens)
    started = time.perf_counter()
    output = models[name](input_ids=ids, output_attentions=True, use_cache=False)
    predicted = torch.log_softmax(output.logits[:, promptLength - 1 : -1], dim=-1)
    log_probs = predicted.gather(-1, ids[:, promptLength:, None])[..., 0]
    entropies = -(predicted.exp() * predicted).sum(-1)
    fci = influence(output.attentions, stepRanges, delta, thinkEndStep)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "logProbs": log_probs.tolist(),
        "entropies": entropies.tolist(),
        "fci": fci.tolist(),
    }


def scoreInDouble(name, **rows):
    """The same in double precision: what single precision is measured by."""
    double = f"{name} in double precision"
    if double not in models:
        models[double] = copy.deepcopy(models[name]).double()
    return score(double, **rows)


def influence(attentions, ranges, delta, think_end_step):
    """attentions: per layer [B, H, S, S]. Returns [B, K]; the prompt, the first step and those from the end of the
    thinking on (-1: it has none) are zero."""
    length = attentions[0].shape[-1]
    steps = len(ranges)
    means = torch.zeros(steps, length, dtype=attentions[0].dtype)
    for step, (start, end) in enumerate(ranges):
        means[step, start:end] = 1 / (end - start)
    later = torch.ones(steps, steps, dtype=means.dtype).triu(delta)  # [k, j]: j >= k + delta
    best = torch.zeros(attentions[0].shape[0], steps, dtype=means.dtype)
    for attention in attentions:
        by_step = means @ attention @ means.T  # [B, H, j, k]
        received = (by_step * later.T).sum(-2)  # [B, H, k]
        best = torch.maximum(best, received.amax(1))
    best[:, :2] = 0
    if think_end_step >= 0:
        best[:, think_end_step:] = 0
    return best


def markMemory():
    reset_peak()
    return {"bytes": resident_bytes()}


def peakMemory():
    return {"bytes": peak_bytes()}


serve(
    {
        "limitMemory": limit_memory,
        "load": load,
        "score": score,
        "scoreInDouble": scoreInDouble,
        "markMemory": markMemory,
        "peakMemory": peakMemory,
    }
)
