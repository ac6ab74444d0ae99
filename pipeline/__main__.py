"""`python -m pipeline`: see `pipeline.cli.tool`."""

import sys

from pipeline.cli.tool import main

if __name__ == "__main__":
    sys.exit(main())
