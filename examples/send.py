"""An app that sends events by countersign, in Python's standard library: python3 examples/send.py ENDPOINT TYPE < body

Whether a request arrived is not always known. So each event has an id, and is posted again with the same one until it
is answered: the gateway makes one delivery of it.
"""

import http.client
import sys
import time
import uuid

GATEWAY = "127.0.0.1:8081"
PATIENCE = 10


def send(endpoint, event_type, body, event_id):
    headers = {
        "Content-Type": "application/json",
        "Countersign-Event-Type": event_type,
        "Countersign-Event-Id": event_id,
    }
    for attempt in range(PATIENCE):
        try:
            connection = http.client.HTTPConnection(GATEWAY, timeout=30)
            connection.request("POST", f"/endpoints/{endpoint}", body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError as error:
            print(f"no answer, once more: {error}", file=sys.stderr)
        else:
            if answer.status != 503:
                return answer.status, text
            # The store cannot be written, or a limit was reached.
            print("not now, once more", file=sys.stderr)
        time.sleep(2**attempt / 10)
    sys.exit("nobody took the event")


# An id that the event keeps: of the row that it is about, for example.
status, text = send(sys.argv[1], sys.argv[2], sys.stdin.buffer.read(), f"evt_{uuid.uuid4().hex}")
print(status, text)
if status >= 300:
    sys.exit("refused: sending it again would not help")
