"""How the tests of the trial page start an edit, and what they read of it."""

from streamlit.testing.v1 import AppTest

from pages._ui.session.state import Trial
from tests.pages.driving import kept, wait


def edit(app: AppTest) -> AppTest:
    app.button(key="edit").click().run()
    return wait(app)


def last(app: AppTest) -> Trial:
    job = kept(app).trials[-1]
    report, stored = job.result
    return Trial(request=job.request, report=report, stored=stored)
