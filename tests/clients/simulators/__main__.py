"""Serves until its standard input ends. Prints the port."""

import sys
import threading

from .server import Simulators

simulators = Simulators()
threading.Thread(target=simulators.server.serve_forever, daemon=True).start()
print(simulators.port, flush=True)
sys.stdin.read()
