"""Benchmarks of speed, of quality, of cost at scale and of the dashboard. One file each, one line here."""

from collections.abc import Callable, Mapping
from typing import Any

from lga_core.bench.dashboard.first import bench_first
from lga_core.bench.dashboard.load import bench_load
from lga_core.bench.dashboard.page import bench_page
from lga_core.bench.quality.editors import bench_editors
from lga_core.bench.quality.paper import bench_paper
from lga_core.bench.quality.r_rome import bench_r_rome
from lga_core.bench.scale.scale import bench_scale
from lga_core.bench.speed.cma import bench_cma
from lga_core.bench.speed.edit import bench_edit
from lga_core.bench.speed.lga import bench_lga
from lga_core.bench.speed.sweep import bench_sweep

BENCHES: Mapping[str, Callable[..., dict[str, Any]]] = {
    "lga": bench_lga,
    "cma": bench_cma,
    "edit": bench_edit,
    "r-rome": bench_r_rome,
    "editors": bench_editors,
    "scale": bench_scale,
    "sweep": bench_sweep,
    "first": bench_first,
    "page": bench_page,
    "load": bench_load,
    "paper": bench_paper,
}
"""name -> benchmark(model_name, limit=None, seed=0, *, report=silent) -> what the command line prints.

It adds null for the speedup, the plain way's seconds or the peak of memory that a benchmark does not have.
"""
