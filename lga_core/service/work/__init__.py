"""What the engine does for each request: one function a request type, and this table."""

from collections.abc import Callable, Mapping
from typing import Any

from lga_core.service import ledger_requests as ask_ledger
from lga_core.service import requests as ask
from lga_core.service.work import editing, planning, publishing, replaying, scoring, sweeping
from lga_core.service.work.desk import Control, Desk

WORK: Mapping[type[ask.Request], Callable[[Desk, Any, Control], Any]] = {
    ask.MemoryRequest: planning.estimate_memory,
    ask.ReadFactsRequest: scoring.read_facts,
    ask.KnownFactsRequest: scoring.check_known_facts,
    ask.ScoreRequest: scoring.score,
    ask.TraceRequest: scoring.trace,
    ask.AverageTraceRequest: scoring.average_trace,
    ask.SweepRequest: sweeping.sweep,
    ask.ManyEditsRequest: sweeping.many_edits,
    ask.ReplayRequest: replaying.replay,
    ask.TrialRequest: editing.try_edit,
    ask.EasyEditRequest: editing.for_easyedit,
    ask.EveryLayerRequest: sweeping.every_layer,
    ask_ledger.WriteEdits: editing.write,
    ask_ledger.ChangeLedger: editing.change,
    ask_ledger.RecomputeEdits: editing.recompute_stale,
    ask_ledger.MeasureEdits: editing.measure,
    ask_ledger.LoadEditSet: editing.load,
    ask_ledger.SaveEditSet: editing.save,
    ask_ledger.ExportModel: editing.export,
    ask_ledger.ExportAdapter: editing.export_adapter,
    ask_ledger.ShowCard: publishing.show_card,
    ask_ledger.PublishEdits: publishing.publish,
    ask_ledger.PlayRequest: editing.play,
}


def perform(desk: Desk, request: ask.Request, control: Control) -> Any:
    """Do what the request says; returns what its class says."""
    return WORK[type(request)](desk, request, control)
