"""Files of a Zarr store are looked at before they are read."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr
import zarr

from jobs.files import OddFile
from jobs.stages.synced_store import SyncedStore, sync


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "posteriors.zarr"
    group = zarr.open_group(SyncedStore(path), mode="w", zarr_format=3)
    array = group.create_array(
        "mean", shape=(4,), chunks=(2,), dtype="f8", dimension_names=["pixel"]
    )
    array[...] = np.arange(4.0)
    sync(group)
    return path


def read(path):
    opened = SyncedStore(path, read_only=True)
    with xr.open_zarr(opened, chunks=None, consolidated=False) as found:
        return found["mean"].to_numpy()


@pytest.mark.parametrize("name", ["zarr.json", "mean/zarr.json", "mean/c/1"])
@pytest.mark.parametrize("size", [2**28, 2**40])
def test_a_file_blown_up_is_refused_before_it_is_read(store, name, size):
    assert read(store).tolist() == [0.0, 1.0, 2.0, 3.0]
    os.truncate(store / name, size)
    with pytest.raises(OddFile, match="more than can be meant"):
        read(store)


def test_a_pipe_in_the_place_of_a_chunk_holds_nobody_up(store):
    (store / "mean/c/1").unlink()
    os.mkfifo(store / "mean/c/1")
    with pytest.raises(OddFile, match="1 is a pipe"):
        read(store)
