from __future__ import annotations

import pickle
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from gptwidgets.errors import UnsafeModelError
from gptwidgets.kernel.checkpoint import checkpoint_dtype
from tests.kernel.test_folder import folder, load, saved

__all__ = ["folder", "saved"]  # fixtures


def test_the_dtype_of_the_files_is_known_from_their_header(folder):
    assert checkpoint_dtype(folder, {}) is torch.float32
    path = folder / "model.safetensors"
    save_file({k: v.bfloat16() for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    assert checkpoint_dtype(folder, {}) is torch.bfloat16
    path.unlink()
    assert checkpoint_dtype(folder, {"dtype": "float16"}) is torch.float16
    assert checkpoint_dtype(folder, {}) is None
    assert checkpoint_dtype(folder, {"dtype": "nonsense"}) is None


def test_a_pickle_under_the_name_of_safetensors(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UnsafeModelError, match="no safetensors file, whatever its name says"):
        load(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 7) + b'{"a":3}',
    ],
)
def test_a_broken_header(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UnsafeModelError, match=r"model\.safetensors"):
        load(folder)
