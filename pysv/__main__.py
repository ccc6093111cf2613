"""``python -m pysv``."""

import sys

from pysv.cli import main

sys.exit(main())
