"""Nothing in the source runs a shell, evaluates text, or reads back what can run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "masm",
    "ibis_dalec",
    "landdata",
    "landmodels",
    "upscale",
    "jobs",
    "benchmarks",
    ".ci",
)
MODULES = {"cPickle", "marshal", "shelve", "dill", "cloudpickle", "pty"}
CALLS = {
    "os.system", "os.popen", "os.spawnl", "os.spawnv", "os.execl", "os.execv",
    "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput",
    "joblib.load", "joblib.dump", "torch.load", "pd.read_pickle", "pandas.read_pickle",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "pickle.dump",
    "eval", "exec", "compile", "__import__",
}  # fmt: skip
TRUE_MEANS_TROUBLE = ("shell", "allow_pickle")


def dotted(node):
    """``a.b.c`` of a name or of an attribute of one."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(source):
    """Yield line and name of whatever could run what it should only read."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = {alias.name.split(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found = {(node.module or "").split(".")[0]} & MODULES
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & CALLS
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            found = {name} & CALLS
            for word in node.keywords:
                safe = isinstance(word.value, ast.Constant) and not word.value.value
                if word.arg in TRUE_MEANS_TROUBLE and not safe:
                    found.add(f"{name}({word.arg}=...)")
            if name in ("YAML", "ruamel.yaml.YAML") and "unsafe" in ast.dump(node):
                found.add(name)
        else:
            continue
        for name in found:
            yield node.lineno, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_shell_no_evaluation_no_pickle(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in paths
        for line, name in dangers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "subprocess.run(words, shell=wanted)",
        "os.system('ls')",
        "from os import system",
        "import pickle\npickle.loads(content)",
        "from pickle import loads",
        "import dill",
        "from cloudpickle import dumps",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
        "YAML(typ='unsafe')",
    ],
)
def test_the_watch_sees_what_it_is_for(source):
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(['ls'], shell=False)",
        "np.load(path, allow_pickle=False)",
        "model.eval()",
        "import pickle\npickle.dumps(model)  # can it be sent to a worker?",
        "re.compile(pattern)",
        "YAML(typ='rt')",
    ],
)
def test_the_watch_lets_the_rest_be(source):
    assert list(dangers(source)) == []


def direct_netcdf(source):
    """Yield lines where xarray or SciPy writes a netCDF file to the disk itself."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        words = {word.arg for word in node.keywords}
        ours = "engine" not in words  # `masm.Result` writes its file in memory
        if name.endswith(".to_netcdf") and not ours:
            yield node.lineno
        if name.endswith("netcdf_file") and "str" in ast.dump(node.args[0]):
            yield node.lineno


@pytest.mark.parametrize(
    "folder", ["masm", "ibis_dalec", "landmodels", "upscale", "jobs"]
)
def test_netcdf_files_are_made_in_memory(folder):
    """HDF5 ends the process where the disk fails it in the middle of a file."""
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := list(direct_netcdf(path.read_text(encoding="utf-8"))))
    }
    found.pop("masm/hdf5_files.py", None)  # to a file in memory
    assert not found


@pytest.mark.parametrize(
    "source",
    ["data.to_netcdf(aside, engine='h5netcdf')", "netcdf_file(str(aside), 'w')"],
)
def test_a_file_written_to_the_disk_by_a_library_is_seen(source):
    assert list(direct_netcdf(source))
