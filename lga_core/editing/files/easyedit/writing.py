"""Write the hyper-parameter file with which EasyEdit makes the same edit, and say in words what it cannot tell there.

The file is read back to equal settings: what EasyEdit has no field for stands in lines that it takes for comments.
"""

from typing import TYPE_CHECKING, Any

import yaml

from lga_core.editing.files.easyedit.facts_file import CHAT, EasyEditFile
from lga_core.editing.files.easyedit.fields import FORMATS, LAST_LAYER, REMARK, WEIGHT, FieldLink, ModelParts
from lga_core.editing.files.easyedit.reading import settings_of
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import catalogued, published_name
from lga_core.models.text.sources import IDENTITY
from lga_core.settings import Settings, flat_names, flat_values, settings_in

if TYPE_CHECKING:
    from torch import nn

    from lga_core.models.loaded import LoadedModel

FILE = "hparams.yaml"
WIDEST = 10**6  # no line is folded
QUANTIZED = "The weights: here they were quantized and expanded again, those of {name} never were."


def write_hparams(editor: str, layers: tuple[int, ...], settings: Settings, parts: ModelParts) -> EasyEditFile:
    """The whole file for one editor at these layers of a model. Raises LgaError for an editor that is not there."""
    if editor not in FORMATS:
        raise LgaError(f"EasyEdit's fields for {editor} are not known.", hint=f"Choose one of {', '.join(FORMATS)}.")
    fields = _fields(editor, layers, settings, parts)
    read_back = flat_values(settings_of(FILE, editor, fields, {}))
    lost = {name: value for name, value in flat_values(settings).items() if value != read_back[name]}
    links = {link.setting: link for link in FORMATS[editor].links}
    remarks = {
        name: {"value": value, "while": fields[links[name].field]} if name in links else value
        for name, value in lost.items()
    }
    differs = _differs(editor, settings, {name: read_back[name] for name in lost}, parts)
    lines = [
        "# Written by lga (golden layers) for EasyEdit.",
        *(["# What is not the same there:"] if differs else []),
        *(f"#   {_one_line(words)}" for words in differs),
        *(["# Settings that no field can hold; lga reads them back:"] if remarks else []),
        *(REMARK + line for line in _dumped(remarks).splitlines() if remarks),
    ]
    return EasyEditFile(text="\n".join(lines) + "\n" + _dumped(fields), differs=differs)


def _fields(editor: str, layers: tuple[int, ...], settings: Settings, parts: ModelParts) -> dict[str, Any]:
    known = FORMATS[editor]
    values = flat_values(settings)
    weight = WEIGHT if known.algorithm == "FT" else ""
    modules = {name: names[0] for name, names in parts.modules.items()}
    modules["rewrite_module_tmp"] += weight
    return {
        "alg_name": known.algorithm,
        "model_name": parts.name,
        "layers": sorted(layers),  # MEMIT takes the last one as the highest
        **{link.field: _field(link, values[link.setting], parts) for link in known.links},
        **{link.times: 1 for link in known.links if link.times is not None},
        **({} if known.algorithm == "FT" else {LAST_LAYER: parts.layers - 1}),
        **known.needed,
        **modules,
        **known.others,
    }


def _field(link: FieldLink, value: Any, parts: ModelParts) -> Any:
    if value is None and link.empty is not None:
        value = link.empty(parts)
    return link.write(value)


def _differs(editor: str, settings: Settings, there: dict[str, Any], parts: ModelParts) -> tuple[str, ...]:
    known = FORMATS[editor]
    links = {link.setting: link for link in known.links}
    values = flat_values(settings)
    differences = [CHAT] if parts.chat else []
    differences += [QUANTIZED.format(name=parts.name)] if parts.quantized else []
    for name, value in there.items():
        if values[name] is None:
            differences += [links[name].about] if links[name].about else []
        elif name in links or name in known.ways:
            differences.append(f"{_label(settings, name)}: {values[name]} here, {value} there.")
        else:
            differences.append(f"{_label(settings, name)}: {values[name]} here; there is no such setting there.")
    differences += known.differs
    covariance = values.get("covariance")
    if covariance == IDENTITY and "covariance" not in links:
        differences.append(f"C: the identity here; {known.algorithm} has no way to leave it out.")
    elif covariance not in (None, IDENTITY):
        differences.append(f"C: from {covariance} here, from Wikipedia there (mom2_dataset).")
    return tuple(differences)


def _label(settings: Settings, name: str) -> str:
    """ "Ridge (ridge)"."""
    kind: Any = type(settings)
    *within, last = flat_names(kind)[name]
    for step in within:
        kind = type(settings_in(kind)[step].default)
    return f"{settings_in(kind)[last].label} ({name})"


def _one_line(words: str) -> str:
    """For a comment: a path with a line end in it would go on as a field."""
    return "".join(character if character.isprintable() else " " for character in words)


def _dumped(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=WIDEST)


def parts_of(model: "LoadedModel") -> ModelParts:
    """What the file says of a model, by its structure."""
    from lga_core.editing.editors.fine_tuning import bound  # these import torch
    from lga_core.editing.search.value import weight_decay
    from lga_core.editing.settings import FineTuningSettings, ValueSettings

    architecture = model.architecture
    block = architecture.blocks[0]
    names = {module: name for name, module in model.model.named_modules(remove_duplicate=True)}
    template = f"{block.name.rpartition('.')[0]}.{{}}"

    def in_block(module: "nn.Module") -> tuple[str, ...]:
        return (template + names[module].removeprefix(block.name),)

    entry = catalogued(model.name)
    # EasyEdit looks the head's weight up among named_parameters(), where a tied weight has its first name only.
    tied = [name for name, weight in model.model.named_parameters() if weight is architecture.head.weight]
    return ModelParts(
        name=published_name(model.name),
        layers=model.layers,
        d_in=block.down.d_in,
        modules={
            "rewrite_module_tmp": (template + block.down.name.removeprefix(block.name),),
            "layer_module_tmp": (template,),
            "mlp_module_tmp": in_block(block.mlp),
            "attn_module_tmp": in_block(block.attn),
            "ln_f_module": (names[architecture.final_norm],),
            "lm_head_module": tuple(dict.fromkeys((tied[0].removesuffix(WEIGHT), names[architecture.head]))),
        },
        weight_decay=weight_decay(ValueSettings(), model),
        epsilon=bound(FineTuningSettings(), model) or 0.0,
        chat=model.chat is not None,
        quantized=entry is not None and entry.source == "wheel",
    )
