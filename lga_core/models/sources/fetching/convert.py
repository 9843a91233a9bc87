"""A GGUF file becomes a plain transformers folder: float32 safetensors, which load thirty times faster.

Float32 because the quantized values, once expanded, are not exact in bfloat16 (up to 0.2 % of the largest weight of
SmolLM2's embedding would be lost), and because a float32 file loads on a CPU without any conversion.
"""

import signal
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models.sources import files
from lga_core.models.sources.fetching.child import ChildFailed, own_modules, run_child
from lga_core.progress import Phase, Progress, Reporter, silent

WORKER = "lga_core.models.sources.fetching.gguf_conversion"
STEPS = 3  # lines that the worker writes: tokenizer, weights, saving
MARK = "finished: "
KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else None  # what Linux does to the largest process


def convert(gguf: Path, target: Path, title: str, log: Path, *, report: Reporter = silent) -> None:
    """Convert in a process of its own, which gives its memory back and can be stopped; reports a few times a second.

    Raises LgaError when the disk is full or the file is not a GGUF model that transformers can read.
    """
    env = {**own_modules(), "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}

    def finished(steps: int) -> None:
        report(Progress(phase=Phase.CONVERT, done=steps, total=STEPS, detail=title))

    def look() -> None:
        finished(log.read_text(encoding="utf-8", errors="replace").count(MARK))

    try:
        run_child(WORKER, [str(gguf), str(target), MARK], log=log, look=look, env=env)
    except ChildFailed as failed:
        raise _conversion_failed(gguf, title, failed) from failed
    finished(STEPS)


def _conversion_failed(gguf: Path, title: str, failed: ChildFailed) -> LgaError:
    if files.tells_no_room(failed.output):
        return files.no_room(f"The disk is full: {title} could not be converted.")
    if failed.code == KILLED:
        return LgaError(
            f"{gguf.name} was stopped while it was converted, most likely for want of memory.",
            hint="Close other programs, or choose a smaller model.",
        )
    return LgaError(
        f"{gguf.name} could not be converted: {failed.last_line}.",
        hint="Use a GGUF file of a model family that transformers reads (Llama, Gemma 3, GPT-2, …).",
    )
