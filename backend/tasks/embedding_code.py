"""Plain Python that makes one vector of a text as `embedding` does, without this product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.exports.snippet import literal
from backend.tasks.base import RunsOn

if TYPE_CHECKING:
    from backend.tasks.embedding import Manner
    from backend.tasks.sentence_modules import Dense

_ANYWHERE = RunsOn()
_POOL_MANY = {
    "mean": "(states * mask).sum(1) / mask.sum(1)",
    "cls": "states[:, 0]",
    "max": 'states.masked_fill(mask == 0, float("-inf")).amax(1)',
    "mean_sqrt_len": "(states * mask).sum(1) / mask.sum(1).sqrt()",
    "lasttoken": """states[
        torch.arange(len(states)), (inputs["attention_mask"] * torch.arange(states.shape[1])).argmax(1)
    ]""",
}
POOL = {
    "mean": "vector = states[0].mean(0)",
    "cls": "vector = states[0, 0]",
    "max": "vector = states[0].amax(0)",
    "mean_sqrt_len": "vector = states[0].sum(0) / len(states[0]) ** 0.5",
    "lasttoken": "vector = states[0, -1]",
}
_CACHED = "from transformers.utils import cached_file\n"


def embed_code(source: str, manner: Manner, normalized: bool = True, on: RunsOn = _ANYWHERE) -> str:
    """Python that defines `embed(texts)` with exactly this model, without this product. on: where it computes."""
    prefix = f"{literal(manner.prefix)} + text for text in texts" if manner.prefix else ""
    given = f"[{prefix}]" if prefix else "texts"
    length = f", max_length={manner.limit}" if manner.limit else ""
    last = "torch.nn.functional.normalize(vectors, dim=-1)" if normalized else "vectors"
    pooled, to = _POOL_MANY[manner.pooling], ".to(model.device)" if on.moved else ""
    if on != _ANYWHERE:
        pooled = f"({pooled}).float().cpu()"
    masked = manner.pooling not in ("cls", "lasttoken")
    mask = '    mask = inputs["attention_mask"].unsqueeze(-1)\n' if masked else ""
    load, cached = ("from safetensors.torch import load_file\n", _CACHED) if manner.dense else ("", "")
    layers = "".join(f"dense_{place} = {load_code(one)}\n" for place, one in enumerate(manner.dense))
    dense = "".join(f"    {dense_code('vectors', f'dense_{place}', one)}\n" for place, one in enumerate(manner.dense))
    return f"""import torch
{load}from transformers import AutoModel, AutoTokenizer
{cached}
name = {literal(source)}
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModel.from_pretrained(name, dtype="{on.dtype}").eval(){on.moved}
{layers}

def embed(texts):
    inputs = tokenizer({given}, padding=True, truncation=True{length}, return_tensors="pt"){to}
    with torch.inference_mode():
        states = model(**inputs).last_hidden_state
{mask}    vectors = {pooled}
{dense}    return {last}


"""


def load_code(layer: Dense) -> str:
    """Python for the weights of a dense layer."""
    return f"load_file(cached_file(name, {literal(f'{layer.folder}/model.safetensors')}))"


def dense_code(vectors: str, dense: str, layer: Dense) -> str:
    """Python that puts vectors through a dense layer."""
    bias = f', {dense}["linear.bias"].float()' if layer.bias else ""
    tanh = ".tanh()" if layer.tanh else ""
    return f'{vectors} = torch.nn.functional.linear({vectors}, {dense}["linear.weight"].float(){bias}){tanh}'
