"""python -m exporters.sms"""

import sys

from exporters.sms.command import main

if __name__ == "__main__":
    sys.exit(main())
