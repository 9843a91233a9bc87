"""One session of `bench load`: a person in front of a tab, who asks, waits, stops, reloads and looks around."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Error as BrowserError

from lga_core.bench.dashboard.load_work import (
    ARRIVAL_SECONDS,
    PAUSE_SECONDS,
    AskedQuestion,
    LoadQuestion,
    Switch,
    facts_of,
)
from lga_core.bench.dashboard.tab import CALM_MS, PAGES, Tab, button_of
from lga_core.bench.measure import FACT_SET, after_example, some_facts
from lga_core.data.load import write_facts
from lga_core.errors import LgaError
from lga_core.view.words.sentences import layers_in_words

SCORED, EDITED, SWEPT, WIDELY_SWEPT, UPLOADED = 6, 4, 3, 8, 4  # facts of a question
SWEEP_LAYERS = (1, 2)
RESULT_MS = 300_000  # a result counts as not shown after it, on a machine with all the other sessions
EDIT_LAYERS = 4  # trial edits take turns at the first so many layers
MAIN, HEADING, METRIC = "[data-testid=stMain]", "h3", "[data-testid=stMetric]"
ERRORS = '[data-testid="stException"], [data-testid="stAlertContentError"]'


@dataclass(kw_only=True)
class LoadSession:
    """One person in front of one tab. Mutable on purpose: it notes what happens.

    Every session goes through the same rounds of work, each in an order of its own.
    """

    number: int
    tab: Tab
    seed: int
    folder: Path  # for the files that it uploads
    asked: list[AskedQuestion] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # what went wrong, in words

    def __post_init__(self) -> None:
        self._begin = 0.0  # by the clock, when the sessions began
        self._draws = random.Random(f"{self.seed}/{self.number}")

    async def work_for(self, seconds: float) -> None:
        """Round after round for so long, with the time until this session comes; what is begun is finished."""
        self._begin = time.monotonic()
        await asyncio.sleep(self.number * ARRIVAL_SECONDS)
        todo: list[Callable[[int], Awaitable[None]]] = []
        seed = after_example(self.seed) - 1
        while time.monotonic() < self._begin + seconds:
            if not todo:
                todo = [self.score, self.reload, self.edit, self.sweep, self.cancel, self.upload, self.walk]
                self._draws.shuffle(todo)
                seed += 1
            work = todo.pop()
            try:
                await self._look()
                await work(seed)
                await self._note_errors(work.__name__)
            except (LgaError, BrowserError) as error:
                self._problem(work.__name__, str(error))

    async def score(self, seed: int) -> None:
        """The scores of a few facts."""
        question = LoadQuestion(work="scores", facts=FACT_SET, limit=SCORED, seed=seed)
        await self.tab.open("", facts=question.limit, seed=seed)
        await self._score(question)

    async def reload(self, seed: int) -> None:
        """The page is loaded anew while it waits for scores."""
        question = LoadQuestion(work="scores", facts=FACT_SET, limit=SCORED, seed=seed + 10_000)
        await self.tab.open("", facts=question.limit, seed=question.seed)
        await self._score(question, reload=True)

    async def upload(self, seed: int) -> None:
        """A file of this session's own, and its scores."""
        path = self.folder / f"session-{self.number}-{seed}.json"
        facts = some_facts(UPLOADED, seed + 100_000 * (self.number + 1))
        path.write_text(write_facts(facts), encoding="utf-8")
        page = self.tab.page
        await self.tab.open("", facts=SCORED, seed=seed)
        await self.tab.button("add_facts").click()
        await page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(path)
        await page.get_by_text(f"{UPLOADED} facts from {UPLOADED} records").wait_for()
        await self.tab.button("use_upload").click()
        await page.get_by_role("dialog").wait_for(state="detached")
        await self.tab.until_shown("How many", UPLOADED)
        await self.tab.until_idle()
        await self._score(LoadQuestion(work="scores", facts=str(path), limit=UPLOADED, seed=seed))

    async def edit(self, seed: int) -> None:
        """A trial edit of the first fact at one layer."""
        await self.tab.open("trial_edit", facts=EDITED, seed=seed)
        await self.tab.choose_only(seed % EDIT_LAYERS)
        button = self.tab.button("edit")
        question = LoadQuestion(
            work="trial edit", facts=FACT_SET, limit=EDITED, seed=seed, layers=self.tab.chosen_layers()
        )
        await button.click()
        (fact, *_) = facts_of(question)
        title = f"at {layers_in_words(question.layers)}"
        about = f"{fact.prompt} {fact.target_old[0]} → {fact.target_new}"

        async def shown() -> bool:
            return await self.tab.says(HEADING, title) and await self.tab.says(MAIN, about)

        self._note(question, shown=await self._comes_to(shown))
        await self.tab.until_idle()

    async def sweep(self, seed: int) -> None:
        """A sweep of two layers, with looks at other pages meanwhile."""
        question = await self._begin_sweep(SWEPT, seed)
        for link in ("Facts", "Golden layers", "Layer sweep"):
            await self._switch(link)
        self._note(question, shown=await self._comes_to(self._is_swept))

    async def cancel(self, seed: int) -> None:
        """A larger sweep. Sessions with an even number stop it, the others wait for it."""
        question = await self._begin_sweep(WIDELY_SWEPT, seed)
        stopped = self.number % 2 == 0 and await self.tab.clicked(self.tab.button("cancel_sweep"))
        self._note(question, cancelled=stopped, shown=not stopped and await self._comes_to(self._is_swept))
        await self.tab.until_idle()

    async def walk(self, seed: int) -> None:
        """Every page once, while the others work."""
        await self.tab.open("", facts=SCORED, seed=seed)
        for link in PAGES:
            if link != "Golden layers":
                await self._switch(link)
                await self._note_errors(link)
        await self._switch("Golden layers")

    async def _switch(self, link: str) -> None:
        await self._look()
        at = time.monotonic() - self._begin
        self.switches.append(Switch(to=link, at=at, seconds=await self.tab.switch(link)))

    async def _look(self) -> None:
        await asyncio.sleep(self._draws.uniform(*PAUSE_SECONDS))

    async def _score(self, question: LoadQuestion, *, reload: bool = False) -> None:
        await self.tab.button("score").click()
        about = f"{question.limit} facts of {_shown_name(question)} · seed {question.seed}"

        async def begun() -> bool:
            return await self.tab.says("h1", "Golden layers", exact=True) and await self.tab.says(MAIN, about)

        await self.tab.until(begun)
        if reload:
            await self.tab.page.reload()
            await self.tab.until(begun)  # an empty page has no job either

        async def shown() -> bool:
            return await self.tab.says(MAIN, about) and await self.tab.says(METRIC, f"of {question.limit}")

        self._note(question, shown=await self._comes_to(shown))
        await self.tab.until_idle()

    async def _begin_sweep(self, limit: int, seed: int) -> LoadQuestion:
        """Unless it is stored: then it is shown without a click."""
        await self.tab.open("layer_sweep", facts=limit, seed=seed)
        await self.tab.choose_layer_range(*SWEEP_LAYERS)
        await self.tab.until_idle()
        layers = tuple(range(SWEEP_LAYERS[0], SWEEP_LAYERS[1] + 1))
        if await self.tab.button("sweep").is_enabled():
            await self.tab.clicked(self.tab.button("sweep"))  # another session may have swept the same meanwhile
        return LoadQuestion(work="sweep", facts=FACT_SET, limit=limit, seed=seed, layers=layers)

    async def _is_swept(self) -> bool:
        """The button to go on is off, and the figure is there."""
        return await self.tab.has(f"{button_of('sweep')}:disabled") and await self.tab.has(".js-plotly-plot")

    async def _comes_to(self, shown: Callable[[], Awaitable[bool]]) -> bool:
        return await self.tab.comes_to(shown, CALM_MS, RESULT_MS)

    def _note(self, question: LoadQuestion, *, shown: bool, cancelled: bool = False) -> None:
        self.asked.append(AskedQuestion(session=self.number, question=question, cancelled=cancelled, shown=shown))
        if not shown and not cancelled:
            self._problem(question.work, f"the page did not show the result of {question}")

    async def _note_errors(self, where: str) -> None:
        for text in await self.tab.page.locator(ERRORS).all_inner_texts():
            self._problem(where, text)

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(f"session {self.number}, {where}: {' '.join(what.split())[:300]}")


def _shown_name(question: LoadQuestion) -> str:
    return Path(question.facts).name if "/" in question.facts else question.facts
