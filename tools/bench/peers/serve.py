"""A peer as a long-lived child process: one JSON request a line on stdin, one JSON reply a line on stdout."""

import json
import os
import sys


class Channel:
    def __init__(self):
        self._replies = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)  # what libraries print must not end up among the replies

    def receive(self):
        """The next request; ends the process when there will be no more."""
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        return json.loads(line)

    def reply(self, result):
        self._replies.write(json.dumps(result) + "\n")


def serve(operations):
    """Answers {"operation": name, ...arguments} with what that operation returns."""
    channel = Channel()
    while True:
        request = channel.receive()
        try:
            channel.reply(operations[request.pop("operation")](**request))
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
                raise
            channel.reply({"outOfMemory": True})
