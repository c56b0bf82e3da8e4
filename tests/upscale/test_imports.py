import json
import subprocess
import sys

OURS = {"masm", "jobs", "landdata", "landmodels", "ibis_dalec"}
HEAVY = {"xgboost", "sklearn", "rasterio", "pystac", "pyarrow", "matplotlib", "torch"}


def test_upscale_needs_no_other_package_of_ours_and_nothing_heavy_to_be_imported():
    code = "import json, sys, upscale; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in json.loads(found.stdout)}
    assert "upscale" in loaded
    assert not loaded & OURS
    # pandas may load pyarrow by itself where it is installed.
    assert not loaded & (HEAVY - {"pyarrow"})
