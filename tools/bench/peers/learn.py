"""Supervised optimiser steps in PyTorch: forward, backward, clip of the gradient's norm, AdamW."""

import time

import torch

from model import limit_memory, load_model, peak_bytes, reset_peak, resident_bytes
from serve import serve

trainings = {}


def load(name, directory, attention, threads, fused, learningRate, betas, eps, weightDecay, maxGradNorm):
    model = load_model(directory, attention, threads).train()
    model.config.use_cache = False
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learningRate, betas=tuple(betas), eps=eps, weight_decay=weightDecay, fused=fused
    )
    trainings[name] = (model, optimizer, maxGradNorm)
    return {}


def step(name, tokens):
    """One step of cross-entropy over all tokens but the first of each row."""
    model, optimizer, max_grad_norm = trainings[name]
    tokens = torch.tensor(tokens)
    started = time.perf_counter()
    loss = model(input_ids=tokens, labels=tokens).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {"seconds": time.perf_counter() - started, "loss": loss.item()}


def markMemory():
    reset_peak()
    return {"bytes": resident_bytes()}


def peakMemory():
    return {"bytes": peak_bytes()}


serve(
    {
        "limitMemory": limit_memory,
        "load": load,
        "step": step,
        "markMemory": markMemory,
        "peakMemory": peakMemory,
    }
)
