"""The senders' libraries for Python against the real binary. Usage: python live.py

COUNTERSIGN_BIN names the binary; left out: ../debug/countersign
"""

import sys

from checks import Checks
from delivered import delivered
from inbound import inbound
from keys import keys
from makers import makers
from outbound import outbound
from presets import presets
from resigned import resigned

checks = Checks()
inbound(checks)
outbound(checks)
delivered(checks)
keys(checks)
presets(checks)
makers(checks)
resigned(checks)
sys.exit(checks.close())
