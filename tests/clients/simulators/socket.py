"""A WebSocket on the simulators' server: its rules are those of the package `websockets`, on the connection that is there."""

import json

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

LONGEST = 16 << 20


class Socket:
    """Agrees to what `http` asks for; `refused` says why it does not."""

    def __init__(self, http, subprotocols):
        # Who offers none may come in all the same.
        chosen = lambda protocol, offered: next((one for one in offered if one in subprotocols), None)
        self.http, self.protocol, self.refused = http, ServerProtocol(select_subprotocol=chosen, max_size=LONGEST), None
        lines = [http.raw_requestline.decode("latin-1").strip(), *(f"{name}: {value}" for name, value in http.headers.items()), "", ""]
        self.protocol.receive_data("\r\n".join(lines).encode("latin-1"))
        asked = [event for event in self.protocol.events_received() if isinstance(event, Request)]
        if not asked:
            self.refused = str(self.protocol.handshake_exc)
            return
        self.protocol.send_response(self.protocol.accept(asked[0]))
        self.refused = self.protocol.handshake_exc and str(self.protocol.handshake_exc)
        self.write()

    def texts(self):
        """What is said, until either end closes. Only texts are: a message of bytes comes as `None`."""
        parts, text = b"", True
        while self.protocol.state is OPEN and (data := self.http.rfile.read1(65536)):
            self.protocol.receive_data(data)
            for frame in self.protocol.events_received():
                if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    text = frame.opcode is Opcode.TEXT or (frame.opcode is Opcode.CONT and text)
                    parts += frame.data
                    if frame.fin:
                        yield parts.decode() if text else None
                        parts = b""
            self.write()

    def say(self, event):
        self.protocol.send_text(json.dumps(event, ensure_ascii=False).encode())
        self.write()

    def write(self):
        for data in self.protocol.data_to_send():
            self.http.wfile.write(data)
        self.http.wfile.flush()
