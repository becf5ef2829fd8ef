"""python -m exporters.demo"""

import sys

from exporters.demo.command import main

if __name__ == "__main__":
    sys.exit(main())
