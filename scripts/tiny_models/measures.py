"""What is measured on a model, and the json that it is written as."""

import json

import torch


def rounded(value):
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.7g}")


def likelihood(model, ids):
    """Logits [tokens, vocabulary] and the NLL of every target."""
    logits = model(torch.tensor([ids]), use_cache=False).logits[0].float()
    losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    return logits, losses


def nll(losses):
    return {"mean_nll": rounded(losses.double().mean()), "nll_per_target": rounded(losses)}


def last(logits):
    return {"last_logits": rounded(logits[-1]), "last_logsumexp": rounded(logits[-1].double().logsumexp(0))}


def summary(gradient, rows):
    return {
        "fro": rounded(gradient.double().norm()), "max": rounded(gradient.abs().max()),
        "sum": rounded(gradient.double().sum()), **{f"row{i}": rounded(gradient[i, :8]) for i in range(rows)}}


def measured(model, ids, names, tensors):
    """Everything of one sequence on the F32 model."""
    hidden = []
    hooks = [model.model.layers[0].register_forward_pre_hook(
        lambda module, inputs, named: hidden.append(inputs[0] if inputs else named["hidden_states"]), with_kwargs=True)]
    hooks += [module.register_forward_hook(lambda module, inputs, output: hidden.append(
        output[0] if isinstance(output, tuple) else output)) for module in [*model.model.layers, model.model.norm]]
    model.zero_grad()
    logits, losses = likelihood(model, ids)
    losses.mean().backward()
    for hook in hooks:
        hook.remove()
    norms = [rounded(x.detach().double().norm()) for x in hidden]
    logits, losses = logits.detach(), losses.detach()
    return {
        "ids": ids, **nll(losses), **last(logits), "hidden_fro": norms[:-1], "final_norm_fro": norms[-1],
        "grads": {name: summary(gradient, 2) for name, gradient in names.gradients(model, tensors).items()}}


def lines(value, depth=0):
    """JSON with lists of numbers, and objects of numbers, on one line."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list) or not any(isinstance(item, dict) for item in inner) and "ids" not in value and (
            isinstance(value, list) or "fro" in value or not any(isinstance(item, list) for item in inner)):
        return json.dumps(value, separators=(",", ":"))
    indent = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}:{lines(item, depth + 1)}" for key, item in value.items()]
    else:
        items = [lines(item, depth + 1) for item in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return start + indent + ("," + indent).join(items) + "\n" + " " * depth + end
