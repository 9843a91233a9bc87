"""`edit`: one trial edit, before and after."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lga_core.cli.commands.edit_copies import NOTHING, Copies, Export, ExportLora, LoraRank, Save, WrittenCopies
from lga_core.cli.options import Chat, FactsName, Index, ModelName, ModelOptions, Set, settings_of_each, store_asked_by
from lga_core.cli.output import answer, attributes, if_stored, origin, progress_line, table
from lga_core.data.facts import Fact
from lga_core.data.load import load_facts
from lga_core.errors import LgaError
from lga_core.results import METRICS, EditReport, Metric, ProbeResult, Stored
from lga_core.settings import flat_values
from lga_core.view.words.edits.rows import side_effect_cards
from lga_core.view.words.protocol import not_asked_words, protocol_words

if TYPE_CHECKING:
    from lga_core.editing.files.easyedit.reading import Hparams
    from lga_core.models.loaded import LoadedModel

NOT_ASKED = Metric(teacher_forced=None, free=None, n=0)


@dataclass(frozen=True, kw_only=True)
class EditOptions(ModelOptions):
    """The fact is named by --index, so nothing chooses among the set's facts."""

    chat: Chat = False


def edit(
    common: EditOptions,
    model: ModelName,
    facts: FactsName,
    index: Index,
    layers: Annotated[
        str | None, typer.Option(metavar="L[,L…]", help="Where to edit: 5 or 5,6 or 0-3; else those of --hparams.")
    ] = None,
    editor: Annotated[str | None, typer.Option(help="rome, r-rome, …; else that of --hparams, else r-rome.")] = None,
    set_: Set = None,
    hparams: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Editor, layers and settings of an EasyEdit file.")
    ] = None,
    save: Save = None,
    export: Export = None,
    export_lora: ExportLora = None,
    lora_rank: LoraRank = None,
    export_easyedit: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the same edit for EasyEdit: hparams.yaml, facts.json.")
    ] = None,
) -> None:
    """Edit one fact and measure what changed. The model itself stays as it is."""
    from lga_core.data.asked import fact_at
    from lga_core.editing.ledger import Ledger, extend
    from lga_core.editing.table import editor_named
    from lga_core.evaluation.memory_need import editing_need
    from lga_core.evaluation.settings import MetricSettings
    from lga_core.runs.tasks import trial

    asked = _asked(hparams, editor, layers)
    chosen = editor_named(asked.editor)
    settings, metrics = settings_of_each([(chosen.settings, asked.values), (MetricSettings, {})], set_)
    at = asked.layers
    copies = Copies(save=save, merged=export, lora=export_lora, lora_rank=lora_rank)
    copies.check(export_easyedit)
    fact_set = load_facts(facts)
    fact = fact_at(fact_set, index)
    store = store_asked_by(model, facts)
    with progress_line(common) as report:
        loaded = common.load(model, report)
        chosen.check(loaded, [fact], at)
        report.show_memory(chosen.title, editing_need(loaded, at, settings, facts=1))
        edited, stored = trial(
            loaded, fact_set.name, fact, at, chosen.name, settings, store, metrics=metrics, report=report
        )
        written = WrittenCopies(data=NOTHING)
        if copies:  # the store keeps what an edit did, not the edit: it is computed again
            ledger = extend(loaded, Ledger(), [fact], chosen.name, at, settings, "sequential", report=report)
            written = copies.write(loaded, ledger, edited.means, report)
        easyedit = _for_easyedit(export_easyedit, loaded, fact, chosen.name, at, settings)
        remarks = _remarks(asked.file, loaded)
    lines = [
        _text(edited, stored),
        *written.lines,
        *easyedit.lines,
        *(f"{hparams}: {words}" for words in remarks),
    ]
    told = {**_report(model, edited, stored), **written.data, **easyedit.data, "hparams": remarks}
    answer(common, told, "\n".join(lines))


def _for_easyedit(
    folder: Path | None, model: "LoadedModel", fact: Fact, editor: str, layers: tuple[int, ...], settings: Any
) -> WrittenCopies:
    """The same edit in EasyEdit's own files, where a folder for them is named."""
    from lga_core.editing.files.easyedit.both_files import easyedit_files
    from lga_core.editing.files.easyedit.writing import parts_of

    if folder is None:
        return WrittenCopies(data={"easyedit": None})
    files = easyedit_files([fact], editor, layers, settings, parts_of(model))
    files.write(folder)
    return WrittenCopies(
        data={"easyedit": {"folder": str(folder), "differs": files.differs}},
        lines=(f"for EasyEdit in {folder}", *(f"  not the same there: {it}" for it in files.differs)),
    )


def _remarks(file: "Hparams | None", model: "LoadedModel") -> tuple[str, ...]:
    """What of a hyper-parameter file is not taken over for this model, in words."""
    from lga_core.editing.files.easyedit.writing import parts_of

    return () if file is None else file.remarks(model.layers, parts_of(model).modules)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be done, by the options and the hyper-parameter file."""

    editor: str
    layers: tuple[int, ...]
    values: Mapping[str, Any]  # of the file's settings, by their names
    file: "Hparams | None"


def _asked(path: Path | None, editor: str | None, layers: str | None) -> Asked:
    """Raises LgaError where they do not fit together."""
    from lga_core.data.asked import parse_layers
    from lga_core.editing.files.easyedit.reading import read_hparams_file

    if path is None:
        if layers is None:
            raise LgaError("No layer is named.", hint="Name it with --layers, or a file with --hparams.")
        return Asked(editor=editor or "r-rome", layers=parse_layers(layers), values={}, file=None)
    file = read_hparams_file(path)
    if editor not in (None, file.editor):
        raise LgaError(f"{path} is for {file.editor}, not for {editor}.", hint="Leave out --editor or --hparams.")
    at = file.layers if layers is None else parse_layers(layers)
    return Asked(editor=file.editor, layers=at, values=flat_values(file.settings), file=file)


def _report(model: str, report: EditReport, stored: Stored) -> dict[str, Any]:
    return {
        "model": model,
        "fact": attributes(report, "record", "prompt", "subject", "target_new", "target_old"),
        **attributes(report, "layers", "editor", "settings"),
        "protocol": protocol_words(report.answers),
        "answers": report.answers,
        "left_out": {},  # a trial edit asks every probe
        "before": {name: _metric(report, name, "before") for name in METRICS},
        "after": {name: _metric(report, name, "after") for name in METRICS},
        **attributes(report, "dropped_probes", "dropped_locality", "target_error", "target_errors", "target_nll"),
        "delta_norm": report.delta_norms,
        "weight_norm": report.weight_norms,
        **attributes(report, "clamped", "losses"),
        "diagnostics": report.diagnostics and asdict(report.diagnostics),
        "seconds": report.cost.seconds,
        **origin(stored),
    }


def _metric(report: EditReport, name: str, when: str) -> dict[str, Any]:
    metric = getattr(report, when).get(name) or NOT_ASKED
    probes = [_probe(probe, when) for probe in report.probes if probe.metric == name]
    return {**attributes(metric, "teacher_forced", "free", "n"), "probes": probes}


def _probe(probe: ProbeResult, when: str) -> dict[str, Any]:
    return {
        **attributes(probe, "prompt", "expected"),
        "text": getattr(probe, f"text_{when}"),
        **attributes(probe, "group", "expected_source"),
        "teacher_forced": getattr(probe, when),
        "free": getattr(probe, f"free_{when}"),
    }


def _text(report: EditReport, stored: Stored) -> str:
    def row(name: str) -> list[Any]:
        before = report.before.get(name) or NOT_ASKED
        after = report.after.get(name) or NOT_ASKED
        return [name, before.teacher_forced, after.teacher_forced, before.free, after.free, after.n]

    error = "n/a" if report.target_error is None else f"{report.target_error:.1e}"
    nll = "n/a" if report.target_nll is None else f"{report.target_nll:.3f}"
    probes = [
        [f"{probe.metric}: {probe.prompt}", probe.expected, probe.text_before, probe.text_after]
        for probe in report.probes
    ]
    return "\n".join(
        [
            f"{report.prompt} → {report.target_new} ({report.editor}, layers {', '.join(map(str, report.layers))})",
            f"target error {error}, nll of the new answer {nll}; {report.cost.seconds:.1f} s{if_stored(stored)}",
            f"Forced: {protocol_words(report.answers)}. Free: prefix match of what the model writes. "
            + not_asked_words({}, report.dropped_locality),
            table(["percent", "forced before", "after", "free before", "after", "probes"], list(map(row, METRICS))),
            "",
            table(["probe", "expected", "before", "after"], probes),
            *_side_effects(report),
        ]
    )


def _side_effects(report: EditReport) -> list[str]:
    """What the edit did to the model beside its fact, and what is wrong with it."""
    if report.diagnostics is None:
        return []
    cards = [f"{card.label} {card.value} ({card.below})" for card in side_effect_cards(report, report.diagnostics)]
    return ["", "; ".join(cards), *report.diagnostics.warnings]
