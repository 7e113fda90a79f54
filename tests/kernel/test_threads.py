from __future__ import annotations

import subprocess
import sys

import pytest

from gptwidgets.kernel import threads


def alone(code):
    """Runs code in a fresh Python with two threads to compute with; returns what it prints."""
    head = """
import os, sys
from gptwidgets.kernel import threads
from gptwidgets.kernel.worker import Worker
def count():
    return len(os.listdir("/proc/self/task"))
"""
    environment = {"OMP_NUM_THREADS": "2", "PATH": "", "LD_LIBRARY_PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        capture_output=True, text=True, timeout=120, check=True, env=environment,
    )  # fmt: skip
    return done.stdout.split()


def test_without_torch_there_is_nothing_to_release():
    assert alone("print(threads.release(), 'torch' in sys.modules)") == ["False", "False"]


pool = """
import torch
numbers = torch.randn(1_000_000)
def compute():
    return torch.add(numbers, numbers)
before = count()
compute()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_the_pool_of_the_calling_thread_ends_and_begins_again():
    code = "print(count() - before, threads.release(), count() - before); compute(); print(count() - before)"
    assert alone(pool + code) == ["1", "True", "0", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_whoever_gives_a_worker_work_gives_it_the_processors_too():
    code = """
worker = Worker("one")
seen = worker.submit(lambda: (compute(), count() - before)).result()[1]
print(seen)       # the worker's thread and its pool, and nothing of ours
worker.submit(lambda: None).result()
while count() - before > 1:
    pass          # an idle worker has no pool
print(count() - before)
"""
    assert alone(pool + code) == ["2", "1"]


def test_inside_a_parallel_region_or_without_gnu_openmp_it_does_nothing(monkeypatch):
    monkeypatch.setattr(threads, "_pause", lambda: lambda _: -1)
    assert not threads.release()
    monkeypatch.setattr(threads, "_pause", lambda: None)
    assert not threads.release()
