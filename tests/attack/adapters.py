"""Hostile adapters: peft's two files beside an edit set, broken, forged, hidden or blown up, as a .zip or a folder."""

import io
import json
import os
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attack.hostile import NAMES, WORDS, document, name, safetensors, value
from safetensors.torch import load, save

from lga_core.editing.files.lora import WEIGHTS
from lga_core.editing.files.manifest import MANIFEST
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG

FOREIGN = ("auto_mapping", "modules_to_save", "lora_bias", "layers_pattern", "__class__")  # fields that we never write
DEPTHS = (60, 400, 900, 940, 960, 980, 100_000)  # under and over what Python's JSON reads and writes
SIZES = ([10**9, 10**9], [2**63], [-1, 2], [], [1] * 1_000, [0, 2**62, 2**62], [2**63, 0], [0, 10**18], ["2"], None)
OFFSETS = ([0, 2**63], [16, 0], [-16, 0], [0], [8, 24], [0, 0], None)
DTYPES = ("F64", "F16", "I32", "BOOL", "F4", "F8_E8M0", "x" * 100_000, "\x1b[2J<b>", 7, None)
BOMB = bytes(32 * 2**20)


def hostile_source(exported: dict[str, bytes], chance: random.Random, folder: Path) -> bytes | Path:
    """These files with one or two of them harmed, as a .zip's bytes, or in `folder` as a .zip or a folder."""
    files = dict(exported)
    for harm in chance.choice(HARMS):
        harm(files, chance)
    place = folder / "adapter"
    shutil.rmtree(place, ignore_errors=True)
    place.with_suffix(".zip").unlink(missing_ok=True)
    kind = chance.random()
    if kind < 0.3:
        return hostile_folder(files, place, chance)
    data = hostile_zip(files, chance)
    if kind < 0.9:
        return data
    place.with_suffix(".zip").write_bytes(data)
    return place.with_suffix(".zip")


def harmed_config(files: dict[str, bytes], chance: random.Random) -> None:
    good = json.loads(files[ADAPTER_CONFIG])
    field = chance.choice((*good, *FOREIGN))
    kind = chance.random()
    if kind < 0.3:
        files[ADAPTER_CONFIG] = document(good, chance)
    elif kind < 0.5:
        depth = chance.choice(DEPTHS)
        opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
        deep = f"{opening * depth}0{closing * depth}"
        files[ADAPTER_CONFIG] = f'{json.dumps(good)[:-1]}, "{field}": {deep}}}'.encode()
    else:
        files[ADAPTER_CONFIG] = json.dumps({**good, field: hostile_field(chance)}).encode()


def hostile_field(chance: random.Random) -> Any:
    """What stands in a field in place of a rank, a scale, names of modules, patterns or a path."""
    rank = chance.choice((0, -1, 10**9, 2**63, 10**400, 0.5, float("nan"), float("-inf"), "2", True, None))
    words = chance.choice(WORDS)
    one = chance.choice((name(chance), "(a+)+$", ".*", words))
    return chance.choice((rank, one, [one], [one] * 1_000, {one[:500]: rank}, {"parent_library": "os"}, value(chance)))


def harmed_weights(files: dict[str, bytes], chance: random.Random) -> None:
    kind = chance.random()
    if kind < 0.1:
        files[WEIGHTS] = safetensors(chance)
    elif kind < 0.6:
        files[WEIGHTS] = with_lying_header(files[WEIGHTS], chance)
    else:
        files[WEIGHTS] = save(hostile_tensors(load(files[WEIGHTS]), chance))


def with_lying_header(weights: bytes, chance: random.Random) -> bytes:
    """The file with one entry of its header, or the header's length, saying what is not so."""
    (length,) = struct.unpack("<Q", weights[:8])
    header, body = json.loads(weights[8 : 8 + length]), weights[8 + length :]
    key = chance.choice([key for key in header if key != "__metadata__"])
    entry, lie = header[key], chance.randrange(7)
    if lie == 0:
        entry["shape"] = chance.choice(SIZES)
    elif lie == 1:  # sizes with a 0 take no bytes: behind all others they fit into any file
        header[chance.choice((key, "more"))] = {**entry, "shape": chance.choice(SIZES), "data_offsets": [len(body)] * 2}
    elif lie == 2:
        entry["data_offsets"] = chance.choice(OFFSETS)
    elif lie == 3:
        entry["data_offsets"] = chance.choice([other["data_offsets"] for other in header.values() if "dtype" in other])
    elif lie == 4:
        entry["dtype"] = chance.choice(DTYPES)
    elif lie == 5:
        header["__metadata__"] = chance.choice((value(chance), {"format": chance.choice(WORDS)[:100_000]}))
    text = json.dumps(header).encode()
    length = chance.choice((2**63, 2**40, 0, len(text) + 5, len(text) - 5)) if lie == 6 else len(text)
    return struct.pack("<Q", length) + text + body


def hostile_tensors(tensors: dict[str, torch.Tensor], chance: random.Random) -> dict[str, torch.Tensor]:
    """A sound file of wrong tensors: numbers, dtypes, shapes, names, one too many, one too few."""
    key = chance.choice([*tensors])
    tensor = tensors.pop(key)
    spoiled = tensor.clone()
    spoiled[-1, -1] = chance.choice((float("nan"), float("inf"), float("-inf")))
    foreign = chance.choice(("base_model.model.lm_head.lora_A.weight", *NAMES, *WORDS))[:100_000]
    foreign = foreign.encode("utf-8", "replace").decode()
    harms: tuple[dict[str, torch.Tensor], ...] = (
        {},
        {key: spoiled},
        {key: tensor.to(chance.choice((torch.float64, torch.float16, torch.int8, torch.bool, torch.complex64)))},
        {key: tensor.T.contiguous()},
        {key: chance.choice((tensor[:1], tensor[:, :1], tensor[:0], tensor[0])).contiguous()},
        {key: tensor, foreign: tensor.clone()},
        {foreign: tensor},
        {key.replace(".weight", chance.choice(("", ".bias", ".default.weight"))): tensor},
        {key.replace("lora_", chance.choice(("lora_embedding_", "lora_magnitude_", "../"))): tensor},
        {key.replace("layers.", "layers.9"): tensor},
    )
    return {**tensors, **chance.choice(harms)}


def harmed_members(files: dict[str, bytes], chance: random.Random) -> None:
    part = chance.choice((ADAPTER_CONFIG, WEIGHTS))
    kind = chance.random()
    if kind < 0.3:
        del files[part]
    elif kind < 0.5:
        moved = chance.choice((f"../{part}", f"/{part}", f"{part}/", part.upper()))
        files[moved] = files.pop(part)
    elif kind < 0.9:
        outside = str(Path.cwd().parent / "hit")
        files[chance.choice((outside, "../hit", "../../hit", "hit", "adapter_model.bin", "\x1b[2J", "x" * 200))] = b"x"
    else:
        files[part] = BOMB


HARMS = (
    (harmed_config,),
    (harmed_weights,),
    (harmed_config, harmed_weights),
    (harmed_members,),
    (harmed_config, harmed_members),
)


def zipped(files: dict[str, bytes], change: Callable[[zipfile.ZipFile], object] = lambda archive: None) -> bytes:
    """These files as a .zip; `change` is done to its directory before that is written."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in files.items():
            archive.writestr(part, content)
        change(archive)
    return file.getvalue()


def hostile_zip(files: dict[str, bytes], chance: random.Random) -> bytes:
    """A .zip; of some one member is a link, twice there, of another size or packing than it says, or damaged."""
    trick = chance.randrange(20)

    def change(archive: zipfile.ZipFile) -> None:
        member = chance.choice(archive.filelist)
        if trick == 0:
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
        elif trick == 1:
            archive.filelist.append(member)
        elif trick == 2:
            member.file_size = chance.choice((0, 10, 2**31))
        elif trick == 3:
            member.flag_bits |= 1  # encrypted
        elif trick == 4:
            member.compress_type = chance.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 99))

    data = bytearray(zipped(files, change))
    if trick == 5:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data[: chance.randrange(len(data))]) if trick == 6 else bytes(data)


def hostile_folder(files: dict[str, bytes], place: Path, chance: random.Random) -> Path:
    """These files as a folder, those whose names stay in it; sometimes one is a link, a folder, a pipe, or all is."""
    place.mkdir()
    for part, content in files.items():
        if Path(part).name == part:
            (place / part).write_bytes(content)
    planted = place / chance.choice((ADAPTER_CONFIG, WEIGHTS))
    tricks: tuple[Callable[[], object], ...] = (
        lambda: planted.symlink_to(place.parent / "link" / "secret.json"),
        lambda: planted.symlink_to(place / MANIFEST),
        lambda: planted.symlink_to(planted),
        lambda: planted.symlink_to("/dev/zero"),
        planted.mkdir,
        lambda: os.mkfifo(planted),
    )
    if chance.random() < 0.5:
        planted.unlink(missing_ok=True)
        chance.choice(tricks)()
    elif chance.random() < 0.2:
        os.mkfifo(place.with_suffix(".zip"))
        return place.with_suffix(".zip")
    return place
