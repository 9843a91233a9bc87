"""How the tests of stored runs open tabs and choose runs, and what they read of them."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from tests.pages.conftest import APP


def header(kind: str):
    """The last run of this kind."""
    return next(item for item in RunIndex(Store()).headers() if item.kind.name == kind)


def new_tab(name: str, **query: str) -> AppTest:
    """A tab of another browser on the same server, or a reload of one, which has just said its name."""
    tab = AppTest.from_file(str(APP), default_timeout=900)
    for key, value in query.items():
        tab.query_params[key] = value
    return recognized(tab, name)


def recognized(tab: AppTest, name: str) -> AppTest:
    """The next run of this tab is the one in which the browser says its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages._ui.session.tab._component", lambda **_: SimpleNamespace(name=name))
        tab.run()
    assert not tab.exception
    return tab


def choose(app: AppTest, *keys: str) -> AppTest:
    app.multiselect(key="runs_chosen").set_value(list(keys)).run()
    assert not app.exception
    return app


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}
