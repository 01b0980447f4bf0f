"""`python -m vppsh`."""

import sys

from vppsh.cli import main

if __name__ == "__main__":
    sys.exit(main())
