"""A Slurm of one machine, with two nodes, started and stopped by a test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")

_CONFIG = """\
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SchedulerTimeSlice=5
MaxArraySize={max_array}
ReturnToService=2
SlurmdTimeout=5
SlurmctldTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=10
BatchStartTimeout=10
OverTimeLimit=0
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={port1} CPUs=1 \
RealMemory=1000 State=UNKNOWN
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={port2} CPUs=1 \
RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP \
OverSubscribe=YES
"""


def missing_programs() -> list[str]:
    """Return what is not installed here."""
    return [name for name in PROGRAMS if _where(name) is None]


def program(name: str, *words: str) -> subprocess.CompletedProcess:
    """Run a program to its end."""
    found = _where(name)
    assert found is not None, name
    return subprocess.run([found, *words], capture_output=True, text=True, check=False)


def _where(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@dataclass
class Cluster:
    """Daemons of a small Slurm; use as a context manager."""

    folder: Path
    max_array: int = 3
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    def __enter__(self) -> Cluster:
        self.folder.chmod(0o755)  # munge wants no writers but its owner
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        ports = _free_ports(3)
        (self.folder / "slurm.conf").write_text(
            _CONFIG.format(
                host=socket.gethostname(),
                folder=self.folder,
                port=ports[0],
                port1=ports[1],
                port2=ports[2],
                max_array=self.max_array,
            )
        )
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        self._start(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={self.folder / 'munge.sock'}",
            f"--pid-file={self.folder / 'munge.pid'}",
            f"--log-file={self.folder / 'munge.log'}",
            f"--seed-file={self.folder / 'munge.seed'}",
        )
        self.wait(lambda: (self.folder / "munge.sock").exists(), "munge")
        self._start("slurmctld", "-D")
        for node in ("node1", "node2"):
            self.start_node(node)
        self.wait(lambda: self.idle_nodes() == 2, "two idle nodes")
        return self

    def __exit__(self, *problem: object) -> None:
        program("scancel", "--user=root")
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        os.environ.pop("SLURM_CONF")

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._start("slurmd", "-D", "-N", node, name=node)

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon the hard way; its jobs go on unheard."""
        self.daemons[node].send_signal(signal.SIGKILL)
        self.daemons[node].wait()

    def idle_nodes(self) -> int:
        """Return how many nodes wait for work."""
        answer = program("sinfo", "--noheader", "--Node", "--format=%T")
        return answer.stdout.split().count("idle")

    def queue(self) -> list[str]:
        """Return the tasks in the queue as ``job_index state``."""
        answer = program("squeue", "--noheader", "--array", "--format=%F_%K %T")
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()

    def wait(self, condition, what: str, seconds: float = 120) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(
                    path.name + "\n" + path.read_text()[-2000:]
                    for path in sorted(self.folder.glob("*.log"))
                )
                raise TimeoutError(f"waited for {what}; queue {self.queue()}\n{logs}")
            time.sleep(0.2)

    def wait_until_empty(self, seconds: float = 180) -> None:
        """Wait until no task is queued or running."""
        self.wait(lambda: not self.queue(), "an empty queue", seconds)

    def _start(self, daemon: str, *words: str, name: str = "") -> None:
        found = _where(daemon)
        assert found is not None
        self.daemons[name or daemon] = subprocess.Popen(
            [found, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
