"""The update of AttnRL in PyTorch: packed trees under a mask, the clipped policy loss, clip of the gradient's norm, AdamW."""

import time

import torch
from safetensors import safe_open

from model import limit_memory, load_model
from serve import serve

state = {}


def load(directory, attention, threads, checkpointing, learningRate, betas, eps, weightDecay, maxGradNorm):
    state.clear()  # the one before
    model = load_model(directory, attention, threads).train()
    model.config.use_cache = False
    model.get_input_embeddings().padding_idx = None  # it would get no gradient, though here it is a token like others
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    settings = {"lr": learningRate, "betas": tuple(betas), "eps": eps, "weight_decay": weightDecay, "fused": True}
    state.update(model=model, optimizer=torch.optim.AdamW(model.parameters(), **settings), norm=maxGradNorm)
    return {}


def update(rows, loss):
    """rows: trees of the same length. One step on all of them."""
    model, optimizer = state["model"], state["optimizer"]
    started = time.perf_counter()
    value = policy_loss(model, rows, **loss)
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), state["norm"])
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {"seconds": time.perf_counter() - started, "loss": value.item()}


def gradientDifference(rows, loss, stepped, learningRate):
    """Relative to the norm of the gradient g of the weights as loaded: `stepped` holds them less learningRate g / (|g| + 1)."""
    model = state["model"]
    policy_loss(model, rows, **loss).backward()
    apart = whole = 0.0
    with torch.no_grad(), safe_open(stepped, "pt") as other:
        for name, weight in model.named_parameters():
            gradient = weight.grad.double()
            step = (weight.double() - other.get_tensor(name).double()) / learningRate
            apart += (step / (1 - step.abs()) - gradient).square().sum().item()
            whole += gradient.square().sum().item()
    model.zero_grad(set_to_none=True)
    return {"relative": (apart / whole) ** 0.5}


def policy_loss(model, rows, temperature, clipLow, clipHigh, dualClip):
    def column(name, dtype=torch.float32):
        return torch.tensor([row[name] for row in rows], dtype=dtype)

    tokens, before = column("tokens", torch.long), column("predecessors", torch.long)
    weights = column("weights")
    on_path, positions = zip(*map(paths, (row["predecessors"] for row in rows)))
    mask = torch.zeros(len(rows), 1, *on_path[0].shape).masked_fill_(~torch.stack(on_path)[:, None], float("-inf"))
    hidden = model.model(
        input_ids=tokens, attention_mask=mask, position_ids=torch.stack(positions), use_cache=False
    ).last_hidden_state
    row, place = weights.nonzero(as_tuple=True)
    logits = model.lm_head(hidden[row, before[row, place]]) / temperature
    log_probs = torch.log_softmax(logits, -1).gather(-1, tokens[row, place, None])[:, 0]
    weight, advantage, old = weights[row, place], column("advantages")[row, place], column("oldLogProbs")[row, place]
    ratio = (log_probs - old).clamp(-20, 20).exp()
    worst = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clipLow, 1 + clipHigh))
    worst = torch.where(advantage < 0, torch.minimum(worst, -advantage * dualClip), worst)
    return (weight * worst).sum() / (weight.sum() + 1e-8)


def paths(predecessors):
    """[L, L]: whether the second token is on the path of the first; [L]: tokens before each on its path."""
    on_path = torch.eye(len(predecessors), dtype=torch.bool)
    for token, before in enumerate(predecessors):
        if before >= 0:
            on_path[token] |= on_path[before]
    return on_path, on_path.sum(-1) - 1


serve({"limitMemory": limit_memory, "load": load, "update": update, "gradientDifference": gradientDifference})
