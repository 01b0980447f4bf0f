"""Write one archive with what VPP on the nodes tells: state, tables, tunnels, counters, configuration, logs.

Secrets are masked. A manifest (JSON) says what was asked, when, of which VPP, and what could not be had. The archive is
written as it goes: a node that is lost loses only itself, and Ctrl-C leaves what there is by then.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from datetime import datetime
from pathlib import Path

from vppsh.errors import ExitStatus
from vppsh.kube.api import ClusterError
from vppsh.kube.arguments import add_nodes, add_output, count, selection_of
from vppsh.kube.bundle.archive import Archive, Part
from vppsh.kube.bundle.collect import collect_cluster, collect_node
from vppsh.kube.bundle.contents import LINES
from vppsh.kube.cluster import Cluster
from vppsh.kube.parallel import each, report, status_of
from vppsh.progress import Progress
from vppsh.targets.masking import Masker

HELP = "write an archive with all that nodes tell"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("--out", type=Path, metavar="FILE.tar.gz", help="where to write (default: calico-vpp-export-TIME.tar.gz)")
    parser.add_argument("--traces", type=count, default=0, metavar="N", help="also up to N packets of VPP's trace buffer")
    parser.add_argument("--insecure", action="store_true", help="leave keys, pre-shared secrets and tokens as they are")
    add_output(parser)
    add_nodes(parser, several=True)


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    nodes = cluster.nodes(selection_of(options))
    path = options.out or Path(f"calico-vpp-export-{datetime.now():%Y%m%d-%H%M%S}.tar.gz")
    felix = {}
    try:
        felix = {pod.node: pod for pod in cluster.api.felix_pods()}
    except ClusterError as error:
        sys.stderr.write(f"vppsh: {error}\n")
    lock, done = threading.Lock(), 0

    def step() -> None:
        nonlocal done
        with lock:
            done += 1
            progress.update(done)

    progress = Progress("exporting", len(nodes) * len(LINES), "lines")
    with Archive(path, None if options.insecure else Masker()) as archive, progress:
        collect_cluster(cluster.api, archive)
        outcomes = each(nodes, lambda node: collect_node(cluster.api, archive, node, felix.get(node.name), options.traces, step))
    report(outcomes)
    _tell(options, archive, path)
    status = status_of(outcomes)
    unanswered = any(part.node and any(entry.command in LINES for entry in part.lost) for part in archive.parts)
    return ExitStatus.UNREACHABLE if unanswered and status == ExitStatus.OK else status


def _tell(options: argparse.Namespace, archive: Archive, path: Path) -> None:
    parts = archive.parts
    if options.output == "json":
        values = [
            {"node": part.node, "files": _count(part), "lost": [f"{each.command}: {each.error}" for each in part.lost]} for part in parts
        ]
        sys.stdout.write(json.dumps({"file": str(path), "bytes": path.stat().st_size, "parts": values}, indent=2) + "\n")
        return
    for part in parts:
        lost = part.lost
        name = part.node or "cluster"
        sys.stdout.write(f"{name}: {_count(part)} files" + (f", {len(lost)} could not be had ({lost[0].error})" if lost else "") + "\n")
    sys.stdout.write(f"{path}, {path.stat().st_size} bytes\n")


def _count(part: Part) -> int:
    return sum(bool(entry.file) for entry in part.entries)
