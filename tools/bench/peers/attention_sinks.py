"""Where the influence of steps comes from: attention_sinks.py DIRECTORY RESPONSES, of which the second is the file
responses.json that `npm run real -- MODEL --home FOLDER` leaves. Prints one JSON object: each response with influence that is
cut into more than single tokens, and a summary."""

import json
import sys
from collections import Counter

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


def has_influence(row):
    steps = len(row["stepRanges"]) - 1
    cut_by_token = len(row["tokens"]) - row["promptLength"] == steps
    return steps > row["delta"] + 1 and not cut_by_token


def mean(values):
    values = list(values)
    return sum(values) / max(1, len(values))


def counts(values):
    return dict(Counter(values).most_common(6))


def summary(responses):
    later = [step for response in responses for step in response["steps"] if step["step"] >= 2]
    tops = [step for response in responses for step in response["steps"] if step["step"] == response["highest"]]
    highest = [step["influence"] for step in tops]
    of = lambda steps, name: mean(step[name] for step in steps)
    about = lambda steps: {
        "steps": len(steps),
        "tokens": of(steps, "tokens"),
        "of marks only": mean(is_mark(step["text"]) for step in steps),
        "begin with a mark": mean(is_mark(step["text"][:1]) for step in steps),
        "layer and head of the maximum": counts(f"{step['layer']}.{step['head']}" for step in steps),
        "different heads": len({(step["layer"], step["head"]) for step in steps}),
        "those heads' share for the first token": of(steps, "head's share for the first token"),
        "share of the strongest token": of(steps, "its share"),
        "place of the strongest token": counts(step["its place"] for step in steps),
        "strongest token is a mark": mean(is_mark(step["strongest token"]) for step in steps),
        "strongest tokens": counts(step["strongest token"] for step in steps),
        "share of marks": of(steps, "share of marks"),
        "marks among tokens": of(steps, "marks among tokens"),
    }
    return {
        "responses": len(responses),
        "steps of a response": of(responses, "steps in all"),
        "shares": {name: mean(r["shares"][name] for r in responses) for name in responses[0]["shares"]},
        "sum of the prompt, before zeroing": of(responses, "prompt"),
        "sum of the first step, before zeroing": of(responses, "first step"),
        "highest influence behind it": mean(highest),
        "prompt would be highest": mean(r["prompt"] > top for r, top in zip(responses, highest)),
        "first step would be highest": mean(r["first step"] > top for r, top in zip(responses, highest)),
        "highest is step 2": mean(r["highest"] == 2 for r in responses),
        "highest is the same by words only": mean(r["highest"] == r["highest by words only"] for r in responses),
        "highest is the same by the mean of heads": mean(
            r["highest"] == r["highest by the mean of heads"] for r in responses
        ),
        "steps with influence": about(later),
        "highest steps": about(tops),
    }


@torch.inference_mode()
def main(directory, file):
    with open(file) as lines:
        rows = [row for row in json.load(lines) if has_influence(row)]
    model = load_model(directory, "eager", torch.get_num_threads())
    tokenizer = AutoTokenizer.from_pretrained(directory)
    responses = [analyse(model, tokenizer, row) for row in rows]
    json.dump({"summary": summary(responses), "responses": responses}, sys.stdout, indent=1, ensure_ascii=False)


main(*sys.argv[1:])
