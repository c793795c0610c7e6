"""Requests over HTTP with nothing but the standard library."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request


def get(url, seconds=5):
    with urllib.request.urlopen(url, timeout=seconds) as reply:
        return reply.read().decode()


def post(url, body, seconds=3600):
    """Status and JSON of the reply, errors included."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"error": {"message": text}}


def events(url, body, most=None, seconds=3600):
    """The JSON events of a stream; with `most`, the connection is closed after so many that carry text."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"{reply.status}: {reply.read(500).decode(errors='replace')}")
    found, with_text = [], 0
    for line in reply:
        line = line.strip()
        if not line.startswith(b"data:") or line == b"data: [DONE]":
            continue
        event = json.loads(line[5:])
        found.append(event)
        delta = (event.get("choices") or [{}])[0].get("delta") or {}
        with_text += bool(delta.get("content") or delta.get("reasoning_content"))
        if most and with_text >= most:
            break
    connection.close()
    reply.close()
    return found
