"""What an engine said about the machine is kept for the next start, whole, however many engines say it at once."""

import json
from concurrent.futures import ThreadPoolExecutor

from lga_core.service.process import machine
from lga_core.service.process.messages import Machine

TOLD = tuple(Machine(device="cpu" * size, dtype="torch.float32") for size in (1, 20_000))


def test_two_engines_with_one_cache_folder_leave_no_torn_file(home):
    machine.remember(TOLD[0])

    def tell(item: Machine) -> None:
        for _ in range(100):
            machine.remember(item)

    read = set()
    with ThreadPoolExecutor(2) as engines:
        work = [engines.submit(tell, item) for item in TOLD]
        while not all(item.done() for item in work):
            read.add(machine.kept())
    assert read and read <= set(TOLD)
    assert [path.name for path in home.glob("*machine*")] == ["machine.json"]


def test_what_an_earlier_version_kept_beside_is_passed_over(home):
    machine.remember(TOLD[0])
    (path,) = home.glob("machine.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "threads": 2}))
    assert machine.kept() == TOLD[0]


def test_another_servers_device_is_not_taken_for_this_ones(home):
    machine.remember(TOLD[0])
    (path,) = home.glob("machine.json")
    path.write_text(json.dumps({"device": "cuda", "dtype": "torch.bfloat16"}))
    assert machine.kept().dtype == "torch.bfloat16" and machine.known() == TOLD[0]
