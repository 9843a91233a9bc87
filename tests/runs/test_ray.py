"""A sweep on a real Ray cluster of two workers on this machine, against the same sweep in this process."""

import importlib
import json
import secrets
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import psutil
import pytest
from conftest import tiny_network
from reporting import Collect

from lga_core.cli import main
from lga_core.data.load import load_facts
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.models.loading import load
from lga_core.models.text.own_text import prefixes_path
from lga_core.progress import Cancelled, Phase
from lga_core.results import METRICS
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.ray import driver
from lga_core.runs.ray.driver import sweep_on_ray
from lga_core.runs.storage.store import Store

LAYERS = (0, 1, 2)
QUICK = RRomeSettings(value=ValueSettings(steps=3), contexts=1)
OTHER = replace(QUICK, value=ValueSettings(steps=4), covariance="identity")  # no v* of QUICK's sweep is kept for it


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Cache folders, as machines of a cluster have them: the driver's and the workers'."""
    return tmp_path_factory.mktemp("driver"), tmp_path_factory.mktemp("workers")


@pytest.fixture(autouse=True)
def driver_home(places, monkeypatch):
    monkeypatch.delenv("LGA_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(places[0]))


@pytest.fixture(scope="module")
def ray(places):
    """Two workers, whose environment is the one that the cluster was started in."""
    ray = importlib.import_module("ray")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (
            ("XDG_CACHE_HOME", str(places[1])),
            ("RAY_USAGE_STATS_ENABLED", "0"),
            ("RAY_AUTH_TOKEN", secrets.token_hex(32)),  # else Ray keeps one in the user's home
            # A worker that has loaded torch and the model stays for the next test; none begins that no task needs.
            ("RAY_idle_worker_killing_time_threshold_ms", "3600000"),
            ("RAY_prestart_worker_first_driver", "0"),
            ("RAY_enable_worker_prestart", "0"),
            ("RAY_worker_register_timeout_seconds", "600"),
        ):
            patched.setenv(name, value)
        patched.delenv("LGA_HOME", raising=False)
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        yield ray
        ray.shutdown()


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load(str(tiny_folder))


@pytest.fixture(scope="module")
def some():
    return load_facts("world").facts[:3]


@pytest.fixture
def one_layer_a_task(monkeypatch):
    monkeypatch.setattr(driver, "LAYERS_AT_ONCE", 1)


def alone(model, facts, settings, folder, monkeypatch):
    """The sweep in this process, in a cache folder of its own: it finds no v* that is kept."""
    with monkeypatch.context() as patched:
        patched.setenv("LGA_HOME", str(folder / "home"))
        return sweep(model, "some", facts, LAYERS, "r-rome", settings, Store(folder / "alone"))[0]


def check_equal(swept, plain):
    assert swept.complete and swept.records == plain.records
    for name in METRICS:
        np.testing.assert_array_equal(swept.after[name], plain.after[name])
        np.testing.assert_array_equal(swept.before[name], plain.before[name])
        np.testing.assert_array_equal(swept.probes[name], plain.probes[name])
        np.testing.assert_allclose(swept.nll[name], plain.nll[name], rtol=1e-4)
    np.testing.assert_array_equal(swept.steps, plain.steps)
    np.testing.assert_array_equal(swept.clamped, plain.clamped)
    np.testing.assert_allclose(swept.delta_norm, plain.delta_norm, rtol=1e-4, atol=1e-7)


def workers():
    """This cluster's processes that are at a task of a sweep."""
    at_work = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "".join(process.cmdline()).startswith("ray::sweep_part"):
                at_work.append(process)
    return at_work


def on_ray(step):
    """Whether the step is of the sweep itself, not of what is computed before it."""
    return step.phase is Phase.SWEEP


# These come first: what this process is connected to already is used, whatever the address.


@pytest.mark.parametrize(("address", "reason"), [("127.0.0.1:1", "refused"), ("nonsense", "no address")])
def test_an_address_without_a_cluster(model, some, tmp_path, address, reason):
    assert not importlib.import_module("ray").is_initialized()
    with pytest.raises(LgaError, match=f"No Ray cluster can be reached at '{address}'.*{reason}.*HOST:6379"):
        sweep_on_ray(model, "some", some, LAYERS, "r-rome", QUICK, Store(tmp_path), address)


def test_without_ray_installed(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["sweep", "no-such-model", "world", "--ray", "local"]) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "not installed" in shown.err.splitlines()[-1] and "pip install ray" in shown.err.splitlines()[-1]


def test_it_equals_the_sweep_in_one_process_and_is_then_in_the_store(ray, model, some, places, tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    report = Collect()
    swept, stored = sweep_on_ray(model, "some", some, LAYERS, "r-rome", QUICK, store, "auto", report=report)
    check_equal(swept, alone(model, some, QUICK, tmp_path, monkeypatch))
    assert stored.complete and stored.rows == len(some) * len(LAYERS) and stored.reused == 0
    finished = [step.done for step in filter(on_ray, report.steps)]
    assert finished == sorted(finished) and finished[0] == 0 and finished[-1] == stored.rows
    derived = [
        sorted(path.name for path in place.rglob("*") if path.name.startswith(("moment-", "prefixes-")))
        for place in places
    ]
    assert derived[1] == [name for name in derived[0] if "layer3" not in name]  # what they need of what was made here
    assert len(derived[1]) == len(LAYERS) + 1
    assert not [path for path in places[0].rglob("values/*")] and [path for path in places[1].rglob("values/*")]

    monkeypatch.setitem(sys.modules, "ray", None)  # so that a task could not even be asked for
    again, answer = sweep_on_ray(model, "some", some, LAYERS, "r-rome", QUICK, store, "auto")
    assert answer.from_store and again.to_json() == swept.to_json()


def test_a_killed_worker_changes_nothing(ray, model, some, tmp_path, monkeypatch, one_layer_a_task):
    killed = []

    def look(step):
        if not killed and on_ray(step):
            killed.extend(kill_at_work())

    monkeypatch.setattr(driver, "WAIT_SECONDS", 0.02)
    swept, stored = sweep_on_ray(
        model, "some", some, LAYERS, "r-rome", OTHER, Store(tmp_path / "store"), "auto", report=look
    )
    assert len(killed) == 1 and not killed[0].is_running()
    assert stored.complete and stored.reused == 0
    check_equal(swept, alone(model, some, OTHER, tmp_path, monkeypatch))


def kill_at_work():
    """Kill a worker that is at a task: stopped first, so that it cannot finish meanwhile."""
    for process in workers():
        process.send_signal(signal.SIGSTOP)
        if process in workers():
            process.kill()
            process.wait(300)
            return [process]
        process.send_signal(signal.SIGCONT)
    return []


def test_a_reporter_that_raises_cancels_and_a_later_call_goes_on(
    ray, model, some, tmp_path, monkeypatch, one_layer_a_task
):
    store, settings = Store(tmp_path / "store"), replace(OTHER, contexts=0)
    report = Collect(lambda step: stop(on_ray(step) and step.done))
    with pytest.raises(Cancelled):
        sweep_on_ray(model, "some", some, LAYERS, "r-rome", settings, store, "auto", report=report)
    swept, stored = sweep_on_ray(model, "some", some, LAYERS, "r-rome", settings, store, "auto")
    assert stored.reused == report.steps[-1].done < stored.rows == len(some) * len(LAYERS)
    check_equal(swept, alone(model, some, settings, tmp_path, monkeypatch))


def stop(now):
    if now:
        raise Cancelled


def test_a_reporter_that_raises_stops_what_the_workers_are_at(ray, model, some, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "WAIT_SECONDS", 0.02)
    endless = replace(OTHER, value=ValueSettings(steps=10**5, stop_loss=0.0))
    with pytest.raises(Cancelled):
        sweep_on_ray(
            model,
            "some",
            some,
            LAYERS,
            "r-rome",
            endless,
            Store(tmp_path / "store"),
            "auto",
            report=lambda step: stop(on_ray(step) and workers()),
        )
    until = time.monotonic() + 300
    while workers() and time.monotonic() < until:
        time.sleep(0.05)
    assert not workers()


def test_the_command_line(ray, tiny_folder, capfd):
    quick = [part for setting in ("steps=2", "contexts=0", "covariance=identity") for part in ("--set", setting)]
    assert (
        main(
            [
                "sweep",
                str(tiny_folder),
                "world",
                "--limit",
                "2",
                "--layers",
                "0,1",
                "--method",
                "middle",
                "--ray",
                "auto",
                "--json",
                *quick,
            ]
        )
        == 0
    )
    shown = capfd.readouterr()
    report = json.loads(shown.out)
    assert report["layers"] == [0, 1] and report["unfinished"] == 0 and not report["from_store"]
    assert "Sweep 4/4 edits (on Ray)" in shown.err


def test_another_model_under_the_same_name_is_refused(ray, tiny_folder, some, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    model = load(str(folder))
    tiny_network("llama", seed=1).save_pretrained(folder)
    with pytest.raises(LgaError, match=r"is another model: fingerprint .* load the model again"):
        sweep_on_ray(model, "some", some[:1], (0,), "r-rome", QUICK, Store(tmp_path / "store"), "auto")


def test_other_derived_files_on_a_worker_are_refused(ray, model, some, places, tmp_path):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(places[1]))
        path = prefixes_path(model, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('["Once", "Twice"]')
    with pytest.raises(LgaError, match=f"{path.name} is not the one.*LGA_HOME"):
        sweep_on_ray(
            model, "some", some[:1], (0,), "r-rome", replace(QUICK, contexts=2), Store(tmp_path / "store"), "auto"
        )


def test_a_model_that_no_machine_can_hold(ray, model, some, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "PROCESS_BYTES", 10**15)
    with pytest.raises(LgaError, match=r"No machine of the Ray cluster has 1 CPU and 1000000\.0 GB"):
        sweep_on_ray(model, "some", some[:1], (0,), "r-rome", replace(OTHER, seed=1), Store(tmp_path), "auto")
