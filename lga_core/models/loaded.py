"""A model that is ready to be measured: weights, tokenizer, structure, fingerprint and its lock."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lga_core.errors import LgaError
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.chat import Asking, ChatTemplate, chat_name
from lga_core.results import ModelIdentity


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedModel:
    """One model in memory. Every touch happens inside `using()`; the weights are never written."""

    name: str  # as the user named it
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    architecture: Architecture
    fingerprint: str  # hash of configuration, tokenizer and weights
    chat: ChatTemplate | None = None  # through which it is asked; None: prompts are given as they are
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _user: list[str] = field(default_factory=list, repr=False)

    @property
    def device(self) -> torch.device:
        return self.architecture.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.architecture.embedding.weight.dtype

    @property
    def layers(self) -> int:
        return len(self.architecture.blocks)

    @property
    def machine(self) -> str:
        """Device and dtype in words, for provenance."""
        return machine_words(self.device, self.dtype)

    @functools.cached_property
    def asking(self) -> Asking:
        """How prompts become tokens. Text that the model writes by itself, as for second moments, is not asked."""
        rows = self.architecture.embedding.weight.shape[0]
        return Asking(tokenizer=self.tokenizer, chat=self.chat, embeddings=rows, positions=self._learned_positions)

    @property
    def _learned_positions(self) -> int | None:
        """How many tokens a text may have where the positions have embeddings (GPT-2, OPT); None for all others."""
        embeddings = [each for each in self.architecture.decoder.modules() if isinstance(each, nn.Embedding)]
        config = self.model.config.get_text_config()
        return getattr(config, "max_position_embeddings", None) if len(embeddings) > 1 else None

    @functools.cached_property
    def chatting(self) -> "LoadedModel":
        """The same model, in the same memory, asked through its chat template. Raises LgaError where it has none."""
        if self.chat is not None:
            return self
        return replace(self, name=chat_name(self.name), chat=ChatTemplate.of(self.tokenizer, self.name))

    @property
    def asked_through(self) -> tuple[str, ...]:
        """What the key of an answer that the model gave holds beside its fingerprint: the template's, if any."""
        return () if self.chat is None else (self.chat.key,)

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is, without the model: for the store, and for a process that has no torch."""
        return ModelIdentity(
            name=self.name,
            fingerprint=self.fingerprint,
            dtype=str(self.dtype),
            machine=self.machine,
            layers=self.layers,
            chat=None if self.chat is None else self.chat.key,
        )

    @contextmanager
    def using(self, task: str, timeout: float = 600.0) -> Iterator[None]:
        """Hold the model for one step. Raises LgaError when another task holds it longer than `timeout` seconds."""
        if not self.lock.acquire(timeout=timeout):
            raise LgaError(
                f"The model is busy: {self._user[-1] if self._user else 'another task'}.",
                hint="Wait for that task or cancel it, then try again.",
            )
        self._user.append(task)
        try:
            yield
        finally:
            self._user.pop()
            self.lock.release()


def machine_words(device: torch.device, dtype: torch.dtype) -> str:
    """ "cpu, float32, 2 threads"."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    words = f"{where}, {str(dtype).removeprefix('torch.')}"
    count = torch.get_num_threads()
    return f"{words}, {count} thread{'' if count == 1 else 's'}" if device.type == "cpu" else words
