"""A sweep on dask: a scheduler and workers of their own, killed and stopped on the way."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]
MODELS = """
import os, time, pathlib
import torch
from torch import nn

def made(width):
    def build():
        time.sleep(0.5)
        return nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU())
    return build

def slow():
    time.sleep(600)

def hungry():
    held = []
    while True:
        held.append(b"x" * 2**24)
        time.sleep(0.002)

""" + "".join(f"m{width} = made({width})\n" for width in range(1, 25))
NAMES = [f"swept:m{width}" for width in range(1, 25)]
WORDS = ["--input", "image: N 3 H W", "--at", "N=1:2,H=W=8:16:8"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "swept.py").write_text(MODELS)
    return tmp_path


def environment(folder):
    path = os.pathsep.join([str(ROOT), str(folder)])
    return {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")}


def start(folder, *words):
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sweep(folder, output, *words, models=NAMES):
    return start(folder, "fxflops", "sweep", *models, *WORDS, "-o", str(output), *words)


def rows(path):
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in found]


@contextlib.contextmanager
def running(*processes):
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.communicate()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def scheduler(folder, port):
    words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    return start(folder, "distributed.cli.dask_scheduler", *words)


def worker(folder, port):
    words = [f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard"]
    return start(folder, "distributed.cli.dask_worker", *words)


def wait_for_parts(output, count, process):
    parts = Path(f"{output}.parts")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if parts.is_dir() and len(list(parts.glob("*.jsonl"))) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{count} parts did not come: {process.communicate()}")


def child_of(process):
    """The process that a nanny has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        tasks = Path(f"/proc/{process.pid}/task")
        children = [c for t in tasks.iterdir() for c in (t / "children").read_text().split()]
        named = [int(c) for c in children if "spawn_main" in Path(f"/proc/{c}/cmdline").read_text()]
        if named:
            return named[0]
        time.sleep(0.1)
    raise AssertionError("the nanny has no worker")


@pytest.fixture
def expected(folder):
    output = folder / "expected.jsonl"
    process = sweep(folder, output, "--workers", "0")
    _, error = process.communicate(timeout=250)
    assert process.returncode == 0, error
    assert len(rows(output)) == 4 * len(NAMES)
    return rows(output)


def test_a_killed_worker_and_a_scheduler_that_stops(folder, expected):
    output, port = folder / "sweep.jsonl", free_port()
    first = scheduler(folder, port)
    workers = [worker(folder, port) for _ in range(2)]
    driver = sweep(folder, output, "--scheduler", f"tcp://127.0.0.1:{port}")
    with running(driver):
        with running(first, *workers):
            wait_for_parts(output, 3, driver)
            os.kill(child_of(workers[0]), signal.SIGKILL)
            wait_for_parts(output, 8, driver)
        second = scheduler(folder, port)
        others = [worker(folder, port) for _ in range(2)]
        with running(second, *others):
            out, error = driver.communicate(timeout=200)
    assert driver.returncode == 0, error
    assert rows(output) == expected
    assert "24 tasks (96 done)" in out


def test_an_interrupted_sweep_resumes(folder, expected):
    output = folder / "sweep.jsonl"
    driver = sweep(folder, output, "--workers", "2")
    with running(driver):
        wait_for_parts(output, 3, driver)
        driver.send_signal(signal.SIGINT)
        driver.wait(30)
    assert not output.exists()
    again = sweep(folder, output, "--workers", "2")
    _, error = again.communicate(timeout=200)
    assert again.returncode == 0, error
    assert rows(output) == expected


def test_time_and_memory_have_limits(folder):
    output = folder / "sweep.jsonl"
    words = ["--workers", "2", "--timeout", "60", "--memory-limit", "1.5GB"]
    driver = sweep(folder, output, *words, models=["swept:slow", "swept:hungry", *NAMES[:4]])
    _, error = driver.communicate(timeout=280)
    assert driver.returncode == 0, error
    by_model = {row["model"]: row for row in rows(output)}
    assert by_model["swept:slow"]["why"] == "takes more than 60 s"
    assert by_model["swept:hungry"]["status"] == "failed"
    assert [row["status"] for row in rows(output)].count("done") == 16


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk(folder, expected):
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        output = small / "sweep.jsonl"
        driver = sweep(folder, output, "--workers", "2")
        _, error = driver.communicate(timeout=200)
        assert driver.returncode == 2
        assert "No space left on device" in error
        assert error.count("\n") == 1
        subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)
        again = sweep(folder, output, "--workers", "2")
        _, error = again.communicate(timeout=200)
        assert again.returncode == 0, error
        assert rows(output) == expected
    finally:
        subprocess.run(["umount", str(small)], check=True)
