"""`python -m gnomon` is the gnomon command."""

import sys

from gnomon.cli.main import main

sys.exit(main())
