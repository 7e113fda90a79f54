from __future__ import annotations

import pytest
import torch

from gptwidgets.errors import OutOfMemory
from gptwidgets.kernel import device as devices

GB = 1_000_000_000


def group(folder, version, *, limit, used, cache):
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\n")


def test_the_tightest_group_of_version_2_counts(tmp_path):
    proc = tmp_path / "cgroup"
    proc.write_text("0::/user/notebook\n")
    group(tmp_path / "fs/user/notebook", 2, limit="max", used=1 * GB, cache=0)
    group(tmp_path / "fs/user", 2, limit=4 * GB, used=3 * GB, cache=GB // 2)
    assert devices.cgroup_free(proc, tmp_path / "fs") == GB + GB // 2


def test_in_a_container_the_mount_itself_is_the_group(tmp_path):
    proc = tmp_path / "cgroup"
    proc.write_text("0::/kubepods/pod1/abc\n")  # the host's path, which is not there inside
    group(tmp_path / "fs", 2, limit=2 * GB, used=GB, cache=0)
    assert devices.cgroup_free(proc, tmp_path / "fs") == GB


def test_version_1_has_its_own_names_and_its_own_no_limit(tmp_path):
    proc = tmp_path / "cgroup"
    proc.write_text("9:name=systemd:/\n4:memory:/job\n2:cpu,cpuacct:/\n0::/\n")
    group(tmp_path / "fs/memory/job", 1, limit=3 * GB, used=2 * GB, cache=GB // 4)
    group(tmp_path / "fs/memory", 1, limit=9223372036854771712, used=9 * GB, cache=0)
    assert devices.cgroup_free(proc, tmp_path / "fs") == GB + GB // 4


@pytest.mark.parametrize("lines", ["0::/\n", "", "4:memory:/gone\n"])
def test_no_limit_is_none(tmp_path, lines):
    proc = tmp_path / "cgroup"
    proc.write_text(lines)
    assert devices.cgroup_free(proc, tmp_path / "fs") is None
    assert devices.cgroup_free(tmp_path / "missing", tmp_path / "fs") is None


def test_free_memory_says_whose_limit_it_is(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(devices, "cgroup_free", lambda: 5)
    assert devices.available(cpu).free == 5
    assert "container" in devices.available(cpu).where
    monkeypatch.setattr(devices, "cgroup_free", lambda: None)
    assert devices.available(cpu).free > 5
    assert "machine" in devices.available(cpu).where


@pytest.mark.parametrize(
    ("cuda", "mps", "first"), [(True, True, "cuda:1"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_cuda_then_mps_then_the_cpu(monkeypatch, cuda, mps, first):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(devices, "available", lambda d: devices.Memory([1, 9][d.index], ""))
    found = devices.candidates("auto")
    assert str(found[0]) == first
    assert str(found[-1]) == "cpu"


@pytest.mark.parametrize("name", ["tpu9", "cuda:7", "", "mps", "CPU "])
def test_a_device_that_is_not_here_is_refused_in_words(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match='"cpu"'):
        devices.candidates(name)


def test_a_device_of_the_wrong_type():
    with pytest.raises(TypeError, match="device must be"):
        devices.candidates(3)


def test_auto_dtype():
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    bf16 = torch.bfloat16
    assert devices.pick_dtype("auto", cpu, GB, bf16)[0] is torch.float32
    assert devices.pick_dtype("auto", cpu, GB + 1, bf16)[0] is bf16
    assert devices.pick_dtype("auto", cuda, 1000, bf16)[0] is bf16
    assert devices.pick_dtype("auto", cuda, 1000, None)[0] is torch.float32
    assert devices.pick_dtype("fp16", cpu, 1000, bf16)[0] is torch.float16
    assert devices.pick_dtype(torch.bfloat16, cpu, 1000, None)[0] is bf16


@pytest.mark.parametrize(("dtype", "kind"), [("int8", ValueError), (torch.int64, ValueError), (8, TypeError)])
def test_other_dtypes_are_refused(dtype, kind):
    with pytest.raises(kind, match="bfloat16"):
        devices.pick_dtype(dtype, torch.device("cpu"), 1, None)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("MPS backend out of memory"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_out_of_memory_in_all_its_forms_becomes_one_sentence(error):
    with pytest.raises(OutOfMemory, match=r"^close something$"), devices.memory_in_words("close something"):
        raise error


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shape"), devices.memory_in_words("close something"):
        raise RuntimeError("shape mismatch")


def test_a_real_allocation_that_is_too_large():
    with pytest.raises(OutOfMemory), devices.memory_in_words("too large"):
        torch.empty(1 << 50)


def test_gigabytes():
    assert [devices.gigabytes(n) for n in (538e6, 999.6e6, 1.15e9, 23e9)] == [
        "538 MB",
        "1.0 GB",
        "1.1 GB",
        "23.0 GB",
    ]
