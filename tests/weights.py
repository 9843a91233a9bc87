"""What a model's weights are, as a hash of their content."""

import hashlib

import torch
from torch import nn


def weights_hash(module: nn.Module) -> str:
    """Hash (64 hex digits) over names, dtypes, shapes and bytes of all parameters and buffers, saved or not."""
    digest = hashlib.sha256()
    for name, tensor in sorted([*module.named_parameters(), *module.named_buffers()], key=lambda item: item[0]):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
