"""The senders' libraries for Python against the real binary. Usage: python live.py

COUNTERSIGN_BIN names the binary; left out: ../debug/countersign
"""

import sys

from checks import Checks
from delivered import delivered
from inbound import inbound
from outbound import outbound

checks = Checks()
inbound(checks)
outbound(checks)
delivered(checks)
sys.exit(checks.close())
