"""Files from a pod: compressed on the way, checked, and asked for again when something was lost."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from vppsh.errors import OutputFileError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.execution import pieces, run
from vppsh.kube.model import Pod

ATTEMPTS = 3
GZIP = 16 + zlib.MAX_WBITS


def size_of(api: Api, pod: Pod, path: str) -> int:
    """Bytes of a file in VPP's container; raises ClusterError when it is not there."""
    done = run(api, pod, api.settings.vpp_container, ("stat", "-c", "%s", path))
    if done.status:
        raise ClusterError(f"{pod.name}: {done.stderr.decode('utf-8', 'replace').strip() or path}")
    return int(done.stdout)


def download(api: Api, pod: Pod, path: str, size: int, local: Path, told: Callable[[int], None], stop: threading.Event) -> None:
    """Copy a file of so many bytes; `told` gets the bytes that have come, negative when they came in vain.

    The local file is there when it is whole (gzip's checksum and the size are right), and not before. Raises ClusterError
    after three attempts, OutputFileError when the local file cannot be written, InterruptedError when `stop` is set.
    """
    part = local.with_name(f"{local.name}.part")
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _copy(api, pod, path, size, part, told, stop)
                break
            except (ClusterError, zlib.error) as error:
                if attempt == ATTEMPTS:
                    raise ClusterError(f"{pod.name}:{path}: {error} (in {ATTEMPTS} attempts)") from error
        part.replace(local)
    except InterruptedError:
        raise
    except OSError as error:
        raise OutputFileError(f"{local}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(api: Api, pod: Pod, path: str, size: int, part: Path, told: Callable[[int], None], stop: threading.Event) -> None:
    unpack = zlib.decompressobj(GZIP)
    come = 0
    stderr = b""
    try:
        with part.open("wb") as file:
            running = pieces(api, pod, api.settings.vpp_container, ("gzip", "-c", path), timeout=api.settings.request_timeout)
            for out, error in running:
                if stop.is_set():
                    running.close()
                    raise InterruptedError
                stderr += error
                data = unpack.decompress(out)
                file.write(data)
                come += len(data)
                told(len(data))
        if not unpack.eof or come != size:
            text = stderr.decode("utf-8", "replace").strip()
            raise ClusterError(text or f"{come} of {size} bytes came")
    except BaseException:
        told(-come)
        raise
