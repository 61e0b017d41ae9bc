"""Foreign JOSE libraries, each as a process of its own that is asked one thing after the other, and our own beside them.

A library is a child process (it may hang or die on a token made for that) which reads a request per line and answers
with a line, both JSON: `{"op": "sign", "alg": "ES256", "key": {…JWK…}, …}` → `{"ok": true, "token": "…"}` or
`{"ok": false, "error": "…"}`. The operations and their members are those of `worker.OPERATIONS`."""
