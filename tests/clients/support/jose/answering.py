"""The child's side: reads requests, calls the library, answers."""

import functools
import json
import sys


def answer(operations, own_errors):
    """`operations` maps names to functions of the request's members; `own_errors` are the exceptions that the library
    documents."""
    sys.stdin.reconfigure(errors="surrogateescape")
    for line in sys.stdin:
        request = json.loads(line)
        operation = operations.get(request.pop("op"))
        try:
            if operation is None:
                raise NotImplementedError("the library does not do that")
            told = {"ok": True, **(operation(**request) or {})}
        except Exception as error:  # whatever it raises is the answer
            told = {"ok": False, "own": isinstance(error, own_errors), "error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(told), flush=True)


def only(form, *known):
    if form not in known:
        raise NotImplementedError(f"no such form: {form}")


def remembered(read):
    """Reads each key once: some libraries take their time to see that an RSA key is sound."""
    from_text = functools.lru_cache(maxsize=256)(lambda text: read(json.loads(text)))
    return lambda key: from_text(json.dumps(key, sort_keys=True))
