"""`vppsh serve` as the VPP of a pod: the files that it writes are in the pod's /tmp.

python engine.py FOLDER ARGUMENT ...
"""

from __future__ import annotations

import sys

from vppsh import cli
from vppsh.commands import tmpfile

if __name__ == "__main__":
    tmpfile.FOLDER = sys.argv[1]
    raise SystemExit(cli.main(["serve", *sys.argv[2:]]))
