"""``python -m densnet.cli``."""

import sys

from densnet.cli import main

sys.exit(main())
