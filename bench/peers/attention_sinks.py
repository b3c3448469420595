"""Where the influence of steps comes from: attention_sinks.py DIRECTORY RESPONSES, of which the second is the file
responses.json that `npm run real -- MODEL --home FOLDER` leaves. Prints one JSON object."""

import json
import sys

import torch
from transformers import AutoTokenizer

from model import load_model

# Of a chat, what comes before the first words of its template.
FIRST = 4


def is_mark(text):
    """Nothing but punctuation, blanks and line breaks."""
    return not any(character.isalnum() for character in text)


def shares(attentions, prompt):
    """Mean over layers, heads and the response's tokens: which part of their attention goes where."""
    rows = torch.stack([attention[0, :, prompt:] for attention in attentions])  # [L, H, R, S]
    mean = rows.mean((0, 1, 2))
    to_first = rows[..., 0].mean(-1)  # [L, H]
    return {
        "first token": float(mean[0]),
        f"tokens 1 to {FIRST - 1}": float(mean[1:FIRST].sum()),
        "rest of the prompt": float(mean[FIRST:prompt].sum()),
        "response": float(mean[prompt:].sum()),
        "heads that give the first token more than half": float((to_first > 0.5).float().mean()),
    }


def contributions(attentions, ranges, delta):
    """[L, H, K, S]: what token t of step k adds to y[k]; zero for the tokens of other steps."""
    steps, length = len(ranges), attentions[0].shape[-1]
    means = torch.zeros(steps, length)
    for step, (start, end) in enumerate(ranges):
        means[step, start:end] = 1 / (end - start)
    later = torch.ones(steps, steps).triu(delta)  # [k, j]: j >= k + delta
    received = [(later @ (means @ attention[0])) * means for attention in attentions]  # [H, K, S] each
    return torch.stack(received)


def analyse(model, tokenizer, row):
    ids = torch.tensor([row["tokens"]])
    ranges, prompt, delta = row["stepRanges"], row["promptLength"], row["delta"]
    texts = [tokenizer.decode([token]) for token in row["tokens"]]
    marks = torch.tensor([is_mark(text) for text in texts])
    attentions = model(input_ids=ids, output_attentions=True, use_cache=False).attentions
    parts = contributions(attentions, ranges, delta)
    influence = parts.sum(-1)  # [L, H, K]
    flat = influence.flatten(0, 1)
    best, head = flat.max(0)
    heads = attentions[0].shape[1]
    top = 2 + int(best[2:].argmax())
    steps = []
    for k in range(len(ranges)):
        if best[k] == 0:
            continue
        start, end = ranges[k]
        layer, which = divmod(int(head[k]), heads)
        own = parts[layer, which, k, start:end]
        strongest = int(own.argmax())
        steps.append(
            {
                "step": k,
                "text": "".join(texts[start:end]),
                "tokens": end - start,
                "influence": float(best[k]),
                "layer": layer,
                "head": which,
                "head's share for the first token": float(attentions[layer][0, which, prompt:, 0].mean()),
                "strongest token": texts[start + strongest],
                "its place": "first" if strongest == 0 else "last" if strongest == end - start - 1 else "between",
                "its share": float(own[strongest] / own.sum()),
                "share of marks": float(own[marks[start:end]].sum() / own.sum()),
                "marks among tokens": float(marks[start:end].float().mean()),
            }
        )
    # The same with the attention to words only.
    words = torch.zeros(len(ranges))
    for k, (start, end) in enumerate(ranges):
        keys = ~marks[start:end]
        if keys.any():
            per_word = parts[:, :, k, start:end][..., keys].sum(-1) * (end - start) / keys.sum()
            words[k] = per_word.max()
    mean_of_heads = flat.mean(0)
    return {
        "steps in all": len(ranges) - 1,
        "tokens": len(texts) - prompt,
        "shares": shares(attentions, prompt),
        "prompt": float(best[0]),
        "first step": float(best[1]),
        "highest": top,
        "highest by words only": 2 + int(words[2:].argmax()),
        "highest by the mean of heads": 2 + int(mean_of_heads[2:].argmax()),
        "steps": steps,
    }


@torch.inference_mode()
def main(directory, file):
    with open(file) as responses:
        rows = json.load(responses)
    model = load_model(directory, "eager", torch.get_num_threads())
    tokenizer = AutoTokenizer.from_pretrained(directory)
    json.dump([analyse(model, tokenizer, row) for row in rows], sys.stdout, indent=1, ensure_ascii=False)


main(*sys.argv[1:])
