"""Which layer to take: by the study's regret, never where an edit cannot act, and what the study is asked for."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
from view.made import rows
from view.made_study import plain_unit, unit
from view.made_sweep import sweep

from lga_core.data.facts import Fact
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.results import (
    Cost,
    Estimate,
    FactRow,
    LayerScores,
    ModelIdentity,
    Obstacle,
    PastWorth,
    Selection,
)
from lga_core.runs.storage.store import Store
from lga_core.scores.forecast.gain import Terms
from lga_core.scores.methods import layer_scores
from lga_core.service.reading import answering
from lga_core.service.reading.answering import stored_obstacles
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.service.requests import ProxySet
from lga_core.worth.reach import obstacles, subject_ends_prompt
from lga_core.worth.recommendation import past_worth, recommend
from lga_core.worth.selectors import SELECTORS
from lga_core.worth.study.across import summary
from lga_core.worth.study.sets import SETS

LAST = Obstacle(layer=5, why="no path", facts=3, of=3)


def study(**worth):
    """A study that says these regrets, whoever is compared."""
    return lambda _selectors: worth


def own_picks(*selectors: str) -> dict[str, None]:
    """These are compared by the study's own picks."""
    return dict.fromkeys(selectors)


def past(regret: float, proxy_facts: int = 4) -> PastWorth:
    return PastWorth(
        regret=Estimate(value=regret, low=regret - 1, high=regret + 1, n=12),
        like="this",
        units=("tiny/world",),
        facts=12,
        models=("tiny",),
        sets=("world",),
        editor="r-rome",
        proxy_facts=proxy_facts,
    )


def scores(method: str, best: int, n: int = 6):
    total = np.array([float(layer == best) + layer / 100 for layer in range(6)])
    ranking = tuple(np.argsort(-total).tolist())
    return LayerScores(
        method=method,
        settings={"loss": "sequence", "old": "data"} if method == "lga" else {},
        rows=tuple(rows(np.tile(total, (n, 1)), ())),
        per_fact=np.tile(total, (n, 1)),
        total=total,
        total_is="mean",
        selection=Selection(
            golden_layer=best, ranking=ranking, golden_layers=ranking[:3], excluded_layers={}, fences=None
        ),
        bootstrap=None,
        cost=Cost(seconds=1.0),
    )


def test_the_pick_whose_kind_lost_least_is_recommended():
    found = recommend(
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, study(lga=past(9), forecast=past(2)), {}
    )
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    other = recommend(
        {"lga": scores("lga", 2), "forecast": scores("forecast", 3)}, None, study(lga=past(1), forecast=past(2)), {}
    )
    assert (other.recommended.selector, other.layer) == ("lga", 2)


def test_a_layer_where_an_edit_cannot_act_is_never_recommended():
    both = {"lga": scores("lga", 5), "forecast": scores("forecast", 3)}
    worth = study(lga=past(1), forecast=past(2))
    found = recommend(both, None, worth, {5: LAST})
    assert (found.recommended.selector, found.layer) == ("forecast", 3)
    assert found.candidates[0].obstacle == LAST
    alone = recommend({"lga": both["lga"]}, None, worth, {5: LAST})
    assert alone.layer == alone.recommended.ranking[1] != 5
    everywhere = {layer: replace(LAST, layer=layer) for layer in range(6)}
    assert recommend(both, None, worth, everywhere).layer is None


@pytest.mark.parametrize(("facts", "picked"), [(1, "lga"), (2, "forecast"), (3, "forecast")])
def test_a_pick_from_under_half_of_the_studys_facts_comes_after_the_others(facts, picked):
    """The study's are from 4."""
    both = {"lga": scores("lga", 2, n=6), "forecast": scores("forecast", 3, n=facts)}
    assert recommend(both, None, study(lga=past(9), forecast=past(2)), {}).recommended.selector == picked


def test_a_pick_of_which_the_study_says_nothing_comes_last():
    """Eight facts of smollm2-135m, world: the study has no pick of LGA with the sequence's loss; it has CMA's, from
    more facts, with the least regret."""
    three = {name: scores(name, layer, n=8) for layer, name in enumerate(("lga", "cma-mlp", "forecast"))}
    worth = {"cma-mlp": past(-2.1, proxy_facts=12), "forecast": past(3.1, proxy_facts=12)}
    assert recommend(three, None, study(**worth), {}).recommended.selector == "cma-mlp"
    unfit = replace(past(0), regret=Estimate())
    assert recommend(three, None, study(lga=unfit, **worth), {}).recommended.selector == "cma-mlp"
    few = {"forecast": past(3.1, proxy_facts=99)}
    assert recommend(three, None, study(**few), {}).recommended.selector == "forecast"


def test_the_middle_layer_is_followed_only_where_the_study_has_something_to_compare_it_with():
    measured = {"lga": scores("lga", 2), "forecast": scores("forecast", 4), "middle": scores("middle", 3)}
    assert recommend(measured, None, study(middle=past(1)), {}).recommended.selector == "lga"
    both = study(middle=past(1), forecast=past(2))
    assert recommend(measured, None, both, {}).recommended.selector == "middle"
    alone = {"middle": measured["middle"]}
    assert recommend(alone, None, study(middle=past(1)), {}).recommended.selector == "middle"


def test_scores_that_are_read_in_another_way_than_the_studys_have_no_past():
    asked = []

    def of_study(selectors):
        asked.append(selectors)
        return {"lga": past(1), "forecast": past(2)}

    cosine = replace(scores("lga", 2), settings={"loss": "sequence", "old": "data", "normalize": "cosine"})
    found = recommend({"lga": cosine, "forecast": scores("forecast", 3)}, None, of_study, {})
    lga, forecast = found.candidates
    assert (lga.studied, lga.past, forecast.studied) == (False, None, True) and forecast.past is not None
    assert found.recommended is forecast and asked == [{"forecast": 6}], "with the facts that its pick is from"


@pytest.mark.parametrize("method", ["lga", "cma-mlp", "forecast", "middle"])
def test_what_the_study_picks_by_is_as_studied_and_no_option_changed_is(method):
    """Scores made by `layer_scores` with the study's own settings and view, and with one choice of the view changed."""
    selector = SELECTORS[method]
    measured = selector.settings(seed=3)
    asked = asdict(measured) if measured is not None else {}

    def alike(view, settings):
        made = layer_scores(method, [], 4, view, settings)
        return recommend({method: made}, None, study(), {}).candidates[0].studied

    assert alike(replace(selector.choices(3), top=5), asked)
    assert alike(replace(selector.choices(3), known="known"), asked) == (method == "middle")  # which reads no fact
    if method == "lga":
        for other in ({"scope": "block"}, {"normalize": "cosine"}, {"rank": "magnitude"}, {"fences": None}):
            assert not alike(replace(selector.choices(3), **other), asked)
        assert alike(selector.choices(3), {**asked, "loss": "answer"})  # a reading of its own in the study
    if method == "cma-mlp":
        assert not alike(selector.choices(3), {**asked, "window": 3})


def test_a_sweep_is_a_candidate_with_the_share_of_draws_that_pick_its_layer():
    swept = sweep(8, 6, 0)
    found = recommend({}, swept, study(**{"brute-force": past(3)}), {})
    best = int(np.argmax(swept.overall.mean(0)))
    assert found.layer == best and 0 < found.recommended.share <= 1
    assert recommend({}, None, study(), {}).recommended is None


@pytest.mark.parametrize(
    ("model", "fact_set", "like", "units"),
    [("tiny", "world", "this", 1), ("tiny", "unseen", "this model", 2), ("unseen", "world", "any", 3)],
)
def test_the_study_answers_with_the_nearest_units_it_has(model, fact_set, like, units):
    kept = [unit(0), unit(1, fact_set="other"), unit(2, model="second"), unit(3, editor="ft-m")]
    every = past_worth(kept, model, fact_set, "r-rome", own_picks("lga", "cma-mlp", "middle", "brute-force"))
    found = every["lga"]
    assert (found.like, len(found.units), found.editor) == (like, units, "r-rome")
    assert found.regret.low <= found.regret.value <= found.regret.high
    assert (found.regret.n, found.facts) == (12 * units, 12 * min(units, 2)), "two of the units have the same facts"
    assert found.proxy_facts == min(
        pick.n_facts for one in kept[:units] for pick in one.picks if pick.selector == "lga"
    )
    assert every["middle"].proxy_facts == 0
    random = summary(kept[:units]).any_layer["regret"]
    assert every["any"].regret == random and every["any"].units == found.units


def test_selectors_are_compared_over_the_units_in_which_all_of_them_have_a_pick():
    """LGA is worse in the unit in which CMA has no pick; CMA alone says nothing of that unit."""
    kept = [unit(0), unit(1, fact_set="other"), unit(2, fact_set="third", without="cma-mlp")]
    both = past_worth(kept, "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp", "brute-force"))
    own = {item.selector: item.measures["regret"].value for item in summary(kept[:2]).selectors}
    assert {name: both[name].regret.value for name in own if name in both} == pytest.approx(
        {name: own[name] for name in own if name in both}
    )
    assert both["lga"].units == both["cma-mlp"].units == ("tiny/world", "tiny/other")
    alone = past_worth(kept, "tiny", "unseen", "r-rome", own_picks("lga"))["lga"]
    assert len(alone.units) == 3 and alone.regret.value != pytest.approx(both["lga"].regret.value)
    apart = [unit(0, without="lga"), unit(1, fact_set="other", without="cma-mlp")]  # no unit has both
    fallen_back = past_worth(apart, "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert (fallen_back["lga"].units, fallen_back["cma-mlp"].units) == (("tiny/other",), ("tiny/world",))


def test_few_facts_no_longer_put_a_pick_behind_the_middle_layer_where_the_study_drew_as_few():
    """The middle layer of six, layer 3, has a regret of 30; LGA's own pick at layer 1 has 10, from 8 facts 25."""
    kept = [plain_unit("world", 1, {8: 35.0, 32: 50.0}, facts=32)]
    both = {"lga": scores("lga", 2, n=8), "middle": replace(scores("middle", 3), rows=())}

    def ask(picked_from):
        return past_worth(kept, "tiny", "world", "r-rome", picked_from)

    found = recommend(both, None, ask, {})
    assert (found.recommended.selector, found.layer) == ("lga", 2)
    assert (found.recommended.past.regret.value, found.recommended.fewer_facts) == (pytest.approx(25), False)
    fewer = recommend(both | {"lga": scores("lga", 2, n=7)}, None, ask, {})
    assert fewer.recommended.selector == "middle" and fewer.candidates[0].fewer_facts


@pytest.mark.parametrize(("name", "file"), [(name, file or name) for name, (_title, file) in SETS.items()])
def test_a_set_that_is_loaded_from_the_benchmarks_file_is_the_studys(name, file):
    found = past_worth([unit(0, fact_set=name), unit(1, fact_set="another")], "tiny", file, "r-rome", own_picks("lga"))
    assert found["lga"].like == "this" and found["lga"].units == (f"tiny/{name}",)


def test_the_set_that_a_selector_was_developed_on_is_told():
    kept = [unit(0), unit(1, fact_set="other")]
    forecasts = [
        replace(one, picks=(*one.picks, replace(one.picks[0], selector="forecast", title="Forecast"))) for one in kept
    ]
    told = past_worth(forecasts, "tiny", "unseen", "r-rome", own_picks("lga", "forecast"))
    assert told["forecast"].developed_on == "Set world" and told["lga"].developed_on is None
    assert past_worth(forecasts, "tiny", "other", "r-rome", own_picks("forecast"))["forecast"].developed_on is None


def test_an_editor_without_units_is_judged_by_those_of_most():
    found = past_worth([unit(0), unit(1, fact_set="other")], "tiny", "world", "emmet", own_picks("lga"))["lga"]
    assert (found.like, found.editor) == ("this model", "r-rome")
    assert past_worth([], "tiny", "world", "r-rome", own_picks("lga")) == {}


def test_units_that_were_swept_in_another_way_are_not_put_together():
    """Of two ways the one measured last: another stop of the search, or another rule of which answer counts."""
    late = unit(1, fact_set="other")
    first = unit(0)
    early = replace(first, provenance=replace(first.provenance, created="2020-01-01T00:00:00+00:00"))
    alone = summary([late], selectors=("lga", "cma-mlp"))
    for differing in (
        replace(early, test=replace(early.test, settings={**early.test.settings, "steps": 99})),
        replace(early, test=replace(early.test, answers="best" if late.test.answers == "first" else "first")),
    ):
        found = past_worth([differing, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
        assert {name: item.units for name, item in found.items()} == dict.fromkeys(found, ("tiny/other",))
        for item in alone.selectors:
            assert found[item.selector].regret.value == pytest.approx(item.measures["regret"].value)
        assert found["any"].facts == len(late.test.records)
    both = past_worth([early, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert both["lga"].units == ("tiny/world", "tiny/other"), "swept in one way, whenever that was"


def test_a_selector_without_a_pick_in_the_latest_units_is_judged_by_the_earlier_ones():
    late = unit(1, fact_set="other", without="cma-mlp")
    first = unit(0)
    early = replace(
        first,
        provenance=replace(first.provenance, created="2020-01-01T00:00:00+00:00"),
        test=replace(first.test, settings={**first.test.settings, "steps": 99}),
    )
    found = past_worth([early, late], "tiny", "unseen", "r-rome", own_picks("lga", "cma-mlp"))
    assert found["lga"].units == found["cma-mlp"].units == ("tiny/world",)


def fact(prompt: str, record: int = 0) -> Fact:
    start = prompt.index("Needle")
    return Fact(record=record, prompt=prompt, subject="Needle", span=(start, start + 6), target_new="Boston")


def test_the_last_block_has_no_path_where_the_prompt_goes_on_behind_the_subject():
    behind, at_end = fact("The Needle is in"), fact("Where is the Needle")
    assert subject_ends_prompt(at_end) and not subject_ends_prompt(behind)
    found = obstacles(6, [behind], "r-rome")
    assert list(found) == [5] and found[5].why == "no path"
    assert obstacles(6, [at_end], "r-rome") == {} == obstacles(6, [behind], "ft-m")
    assert obstacles(6, [behind, at_end, at_end], "r-rome") == {}
    assert obstacles(6, [behind, behind, at_end], "r-rome")[5].facts == 2


def test_in_a_chat_template_its_marks_follow_every_subject():
    at_end = fact("Where is the Needle")
    assert not subject_ends_prompt(at_end, chat=True)
    found = obstacles(6, [at_end, at_end], "r-rome", chat=True)
    assert list(found) == [5] and (found[5].why, found[5].facts) == ("no path", 2)
    assert obstacles(6, [at_end], "ft-m", chat=True) == {}


@pytest.mark.parametrize(("chat", "layers"), [(None, []), ("template", [5])])
def test_the_store_is_asked_for_obstacles_in_the_models_chat_template(tmp_path, chat, layers):
    at_end = fact("Where is the Needle")
    model = ModelIdentity(name="made", fingerprint="m", dtype="torch.float32", machine="cpu", layers=6, chat=chat)
    proxy = ProxySet(name="made", candidates=(at_end,), limit=1)
    found = stored_obstacles(model, proxy, at_end, ScoreChoices(seed=0), "r-rome", Store(tmp_path))
    assert list(found) == layers


def forecast_of(values):
    """One fact's row of the forecast."""
    return FactRow(record=0, status="used", old_answer="Seattle", old_source="data", known=True, values=values)


def test_the_expected_gain_is_read_at_the_editors_norm_bound(tmp_path, monkeypatch):
    """The rewrite gains more than both others lose; at the default bound it saturates, and they outweigh it."""
    losing = {f"change/{name}": np.array([[0.45]]) for name in ("rephrase", "locality")}
    nll = {f"nll/{name}": np.array([1.0]) for name in ("rephrase", "locality")}
    row = forecast_of({"change/rewrite": np.array([-1.0]), "nll/rewrite": np.array(1.0), **losing, **nll})
    asked = fact("Where is the Needle")
    assert list(obstacles(1, [asked], "r-rome", [row])) == [0]
    assert obstacles(1, [asked], "r-rome", [row], terms=Terms(norm_bound=0.1)) == {}
    choices = ScoreChoices(seed=0)
    measured = SimpleNamespace(measured={choices.need("forecast"): ([row], None)})
    monkeypatch.setattr(answering, "scored_facts", lambda *_args: measured)
    model = ModelIdentity(name="made", fingerprint="m", dtype="torch.float32", machine="cpu", layers=1)
    proxy = ProxySet(name="made", candidates=(asked,), limit=1)
    stored = (model, proxy, asked, choices, "r-rome", Store(tmp_path))
    assert list(stored_obstacles(*stored)) == [0]
    assert stored_obstacles(*stored, RRomeSettings(value=ValueSettings(norm_bound=0.1))) == {}


def test_a_layer_without_an_expected_gain_is_named():
    change = np.array([-0.5, 0.2, -0.1, 0.0])  # of the nll: less is better
    row = forecast_of({"change/rewrite": change, "nll/rewrite": np.array(2.0)})
    found = obstacles(4, [fact("Where is the Needle")], "r-rome", [row])
    assert {layer: item.why for layer, item in found.items()} == {1: "no gain", 3: "no gain"}
    for editor in ("ft-l", "ft-m"):  # the forecast is of an edit through the key at the subject
        assert obstacles(4, [fact("Where is the Needle")], editor, [row]) == {}
