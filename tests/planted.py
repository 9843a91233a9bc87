"""Small decoders with planted facts: one block's MLP holds them all, and which block that is is known (METHOD.md §8).

The recipe, one for every family, block and seed, each part for something that a planted fact needs:

1. *A network at ordinary strength.* Embeddings N(0, 1), matrices N(0, 1/fan-in), the projections into the residual
   stream divided by √(2L) as GPT-2's are: no block is silent and none drowns the tokens. The head is twice 1/√d, so
   that an answer can be given with a probability near 1. MLPs, embeddings, norms and head are never trained before
   planting, so no other place can come to hold a fact.
2. *A way from the subject to the answer.* Random attention mixes tokens but does not carry what an MLP writes at the
   subject to the prompt's end, and then no block can hold a fact. So attention alone is trained until an object's
   embedding, added to the MLP's output at the last subject token of a random block, is what the model says. Subjects,
   prompts, objects and blocks are drawn independently, so there is no fact to learn in it and no block is favoured.
   The last block is left out: nothing written there at the subject can reach the end.
3. *The facts.* Everything is frozen but one block's MLP, which is trained on rewrite prompts and paraphrases until
   each object has a probability of at least 0.9. A penalty keeps its output at all other tokens near what it was:
   without it the MLP would answer at the prompt's last token too, and the fact would not be at its subject, where
   the trace looks and the editors write.

Each part was settled by whether facts can be planted at all, never by what a layer score or an editor makes of them.
"""

import copy
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.pytorch_utils import Conv1D
from weights import weights_hash

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import ActivationCache, final_hidden, record_activations, resume
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.own_text import OPENINGS
from lga_core.models.text.tokens import Batch, TokenRow, prompt_row, subject_span

LAYERS, WIDTH, HEADS = 6, 64, 4
RELATIONS, SUBJECTS, OBJECTS = 4, 6, 6  # subjects and objects of each relation
KNOWN = 0.9  # least probability of a planted object
RATE = 3e-3  # Adam's, for attention and for the MLP
TRANSPORT_ROWS, TRANSPORT_STEPS, TRANSPORT_NLL = 32, 600, 0.05
PLANTING_STEPS = 600


@dataclass(frozen=True, kw_only=True, eq=False)
class Planted:
    """A model that knows `facts`, all of them in `block`'s MLP, and the same model before they were planted."""

    model: LoadedModel
    blank: LoadedModel
    facts: tuple[Fact, ...]
    block: int
    seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompts:
    """Every prompt of every fact as one batch: rewrite, then paraphrases, fact by fact."""

    rows: tuple[TokenRow, ...]
    batch: Batch
    subjects: torch.Tensor  # (B,) last subject token
    ends: torch.Tensor  # (B,) last token

    @classmethod
    def of(cls, model: LoadedModel, facts: Sequence[Fact]) -> "Prompts":
        rows: list[TokenRow] = []
        subjects: list[int] = []
        for fact in facts:
            for text in (fact.prompt, *fact.rephrases):
                first = text.rindex(fact.subject)
                rows.append(prompt_row(model.asking, text))
                subjects.append(subject_span(model.asking, text, (first, first + len(fact.subject)))[1] - 1)
        return cls(
            rows=tuple(rows),
            batch=Batch.of(rows, model.device),
            subjects=torch.tensor(subjects),
            ends=torch.tensor([len(row) - 1 for row in rows]),
        )

    def chosen(self, model: LoadedModel, numbers: torch.Tensor) -> "Prompts":
        rows = tuple(self.rows[i] for i in numbers.tolist())
        return Prompts(
            rows=rows, batch=Batch.of(rows, model.device), subjects=self.subjects[numbers], ends=self.ends[numbers]
        )

    def logits(self, model: LoadedModel, hidden: torch.Tensor) -> torch.Tensor:
        """(B, V) after each prompt, from normed hidden states (B, T, d)."""
        return model.architecture.logits(hidden[torch.arange(len(self.rows)), self.ends])


@cache
def planted(block: int, seed: int, family: str = "llama", others: float = 1.0) -> Planted:
    """The model of this block and seed; built once. `others` scales the matrices of every MLP that stays frozen.

    Below 1 these MLPs are quieter than the recipe's: the control for what a score owes to their strength.
    """
    blank, facts = blank_model(seed, family, others)
    model = _loaded(copy.deepcopy(blank.model), blank.tokenizer)
    with torch.no_grad():
        for matrix in model.architecture.blocks[block].mlp_linears:
            matrix.module.weight.div_(others)
    _plant(model, facts, block)
    return Planted(model=_loaded(model.model, model.tokenizer), blank=blank, facts=facts, block=block, seed=seed)


@cache
def blank_model(seed: int, family: str, strength: float) -> tuple[LoadedModel, tuple[Fact, ...]]:
    """A network that carries what is written at a subject to the prompt's end, and knows nothing."""
    facts, tokenizer = planted_facts(seed)
    model = _loaded(_network(seed, family, len(tokenizer), strength), tokenizer)
    _open_ways(model, facts, seed)
    return model, facts


def _loaded(network: nn.Module, tokenizer: PreTrainedTokenizerFast) -> LoadedModel:
    return LoadedModel(
        name="planted",
        model=network,
        tokenizer=tokenizer,
        architecture=Architecture.find(network),
        fingerprint=weights_hash(network),
    )


def planted_facts(seed: int) -> tuple[tuple[Fact, ...], PreTrainedTokenizerFast]:
    """Facts in made-up words, subjects of one to three tokens, and a tokenizer with one token a word."""
    draw = random.Random(seed)
    taken: set[str] = set()

    def words(count: int) -> list[str]:
        fresh: list[str] = []
        while len(fresh) < count:
            word = "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(3))
            if word not in taken:
                taken.add(word)
                fresh.append(word)
        return fresh

    parts = words(30)
    subjects = _subjects(draw, parts)
    vocabulary = ["<unk>", "<eos>", *" ".join(OPENINGS).split(), "is", "a", ".", *parts]
    facts = []
    for relation in range(RELATIONS):
        say = words(9)
        objects = words(OBJECTS)
        vocabulary += [*say, *objects]
        templates = (
            f"{say[0]} {{}} {say[1]} {say[2]}",
            f"{say[3]} {say[4]} {{}} {say[5]}",
            f"{say[6]} {{}} {say[7]} {say[8]} {say[1]}",
        )
        for subject in subjects[relation * SUBJECTS : (relation + 1) * SUBJECTS]:
            old, new = draw.sample(objects, 2)
            prompt, *rephrases = (template.format(subject) for template in templates)
            first = prompt.rindex(subject)
            facts.append(
                Fact(
                    record=len(facts),
                    prompt=prompt,
                    subject=subject,
                    span=(first, first + len(subject)),
                    target_new=new,
                    target_old=(old,),
                    rephrases=tuple(rephrases),
                    relation=f"relation {relation}",
                )
            )
    numbers = {word: i for i, word in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tuple(facts), PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>")


def _subjects(draw: random.Random, parts: Sequence[str]) -> list[str]:
    """Subjects of one, two, three, one … words, none of them inside another."""
    subjects: list[str] = []
    while len(subjects) < RELATIONS * SUBJECTS:
        subject = " ".join(draw.sample(parts, 1 + len(subjects) % 3))
        if not any(subject in other or other in subject for other in subjects):
            subjects.append(subject)
    return subjects


def _network(seed: int, family: str, vocabulary: int, strength: float) -> nn.Module:
    shape = {"vocab_size": vocabulary, "bos_token_id": None, "eos_token_id": 1, "tie_word_embeddings": False}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if family == "llama":
            network = LlamaForCausalLM(
                LlamaConfig(
                    hidden_size=WIDTH,
                    intermediate_size=2 * WIDTH,
                    num_hidden_layers=LAYERS,
                    num_attention_heads=HEADS,
                    num_key_value_heads=HEADS,
                    **shape,
                )
            )
        else:
            network = GPT2LMHeadModel(
                GPT2Config(
                    n_positions=256,
                    n_embd=WIDTH,
                    n_inner=2 * WIDTH,
                    n_layer=LAYERS,
                    n_head=HEADS,
                    resid_pdrop=0.0,
                    embd_pdrop=0.0,
                    attn_pdrop=0.0,
                    **shape,
                )
            )
        with torch.no_grad():
            _draw_weights(network, strength)
    return network.eval().requires_grad_(False)


def _draw_weights(network: nn.Module, strength: float) -> None:
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding):
            module.weight.normal_()
        elif isinstance(module, nn.Linear | Conv1D):
            fan_in = module.weight.shape[0 if isinstance(module, Conv1D) else 1]
            into_stream = name.endswith(("o_proj", "down_proj", "c_proj"))
            scale = (2 * LAYERS) ** -0.5 if into_stream else 2.0 if name == "lm_head" else 1.0
            module.weight.normal_(0, fan_in**-0.5 * scale * (strength if ".mlp." in name else 1.0))


def _open_ways(model: LoadedModel, facts: Sequence[Fact], seed: int) -> None:
    """Train attention alone to say the object whose embedding is written at the subject, at whichever block."""
    prompts = Prompts.of(model, facts)
    draw = torch.Generator().manual_seed(seed)
    words = {answer for fact in facts for answer in (*fact.target_old, fact.target_new)}
    objects = torch.tensor(model.tokenizer.convert_tokens_to_ids(sorted(words)))
    blocks = model.architecture.blocks[:-1]
    optimizer = torch.optim.Adam(
        [weight.requires_grad_() for block in model.architecture.blocks for weight in block.attn.parameters()], lr=RATE
    )
    recent = math.inf
    for _ in range(TRANSPORT_STEPS):
        numbers, spoken, depth = (
            torch.randint(len(choices), (TRANSPORT_ROWS,), generator=draw)
            for choices in (prompts.rows, objects, blocks)
        )
        some = prompts.chosen(model, numbers)
        answers = objects[spoken]
        written = model.architecture.embedding.weight[answers]  # (B, d)
        hooks = {block.mlp: _writing(some, written, depth == i) for i, block in enumerate(blocks)}
        with on_outputs(hooks):
            loss = functional.cross_entropy(some.logits(model, final_hidden(model, some.batch)), answers)
        _step(optimizer, loss)
        recent = loss.item() if recent == math.inf else 0.9 * recent + 0.1 * loss.item()
        if recent < TRANSPORT_NLL:
            break
    else:
        raise AssertionError(f"What is written at a subject does not reach the prompt's end (seed {seed}).")
    _freeze(model)


def _writing(prompts: Prompts, written: torch.Tensor, here: torch.Tensor) -> OutputFunction:
    rows = here.nonzero()[:, 0]

    def write(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return output.index_put((rows, prompts.subjects[rows]), written[rows], accumulate=True)

    return write


def _plant(model: LoadedModel, facts: Sequence[Fact], block: int) -> None:
    """Train one block's MLP until every prompt is answered with the old object."""
    prompts = Prompts.of(model, facts)
    mlp = model.architecture.blocks[block].mlp
    objects = [fact.target_old[0] for fact in facts for _ in (fact.prompt, *fact.rephrases)]
    answers = torch.tensor(model.tokenizer.convert_tokens_to_ids(objects))
    elsewhere = prompts.batch.mask.bool()
    elsewhere[torch.arange(len(answers)), prompts.subjects] = False
    with torch.no_grad():
        activations = record_activations(model, prompts.batch, [block])
        before = _outputs(model, activations, block)[0][elsewhere]
    optimizer = torch.optim.Adam([weight.requires_grad_() for weight in mlp.parameters()], lr=RATE)
    for _ in range(PLANTING_STEPS):
        output, hidden = _outputs(model, activations, block)
        nll = functional.cross_entropy(prompts.logits(model, hidden), answers, reduction="none")
        if nll.max() < -math.log(KNOWN):
            break
        _step(optimizer, nll.mean() + (output[elsewhere] - before).square().sum() / before.square().sum())
    else:
        raise AssertionError(f"Block {block} does not learn its facts.")
    _freeze(model)


def _outputs(model: LoadedModel, activations: ActivationCache, block: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The block's MLP output (B, T, d) and the final normed hidden states, run from that block on."""
    outputs: list[torch.Tensor] = []
    with on_outputs({model.architecture.blocks[block].mlp: lambda _given, output: outputs.append(output)}):
        hidden = resume(model, activations, block)
    return outputs[0], hidden


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _freeze(model: LoadedModel) -> None:
    model.model.requires_grad_(False)
    for weight in model.model.parameters():
        weight.grad = None
