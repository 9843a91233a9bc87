"""Layer sweep: every fact edited at every layer alone, and what the layers that LGA and CMA name are worth by it."""

from functools import partial

from lga_core.service.reading.sweep import SweepReader, scored_set
from lga_core.service.requests import SweepRequest
from pages._ui.facts.sets import editable_or_hint
from pages._ui.model.choose import layers_or_hint
from pages._ui.session.state import Question, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import page_head, waiting
from pages._ui.shell.engine import engine, identity, store
from pages._ui.shell.errors import boxed, job_outcome
from pages._ui.sweep import form, results
from pages._ui.sweep.study_view import study


def page(question: Question) -> None:
    """From the form to the verdict."""
    layers = layers_or_hint(question.model)
    if layers is None or not editable_or_hint(question):
        return
    request = form.form(question, layers)
    if request is None:
        return
    kept().shown[SweepRequest] = request
    view = reader_of(request, question.seed).read()
    if "proxy" in view.parts:
        session().shown_run = view.parts["proxy"][1].provenance.key
    form.bar(request, view)
    job = engine().find(request)
    if jobs.is_running(form.AREA) and job is None:
        waiting("Another sweep is running. The sidebar shows its progress.")
    scoring = jobs.last_job(results.SCORING, request.model)
    if scoring is not None and "proxy" in view.facts and scoring.request.proxy == scored_set(request.proxy, view):
        job_outcome(scoring, "What was finished is kept.")
    results.live_results(request, partial(reader_of, request, question.seed), question.seed, job)


def reader_of(request: SweepRequest, seed: int) -> SweepReader:
    """The reader of this sweep: a new one for another question or model, or when a job has begun or ended."""
    begun = frozenset((job.number, job.alive) for job in kept().jobs.values())
    asked = request, seed, begun, identity(request.model)
    memory = session()
    if memory.sweep is None or memory.sweep[0] != asked:
        memory.sweep = asked, SweepReader(asked[-1], request, seed, store())
    return memory.sweep[1]


ABOUT = (
    "Brute force: every fact is edited at every layer alone and measured, which shows what the layers that LGA, CMA "
    "and others name are worth, and what finding them costs."
)
if asked := page_head("Layer sweep", ABOUT):
    with boxed("The sweep"):
        page(asked)
study()
