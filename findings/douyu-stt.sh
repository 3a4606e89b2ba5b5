#!/usr/bin/env bash
# Douyu's live danmu write `@` as `@A` and `/` as `@S`. Three clients of PyPI read one message as three texts: pydouyu does not
# undo it at all; danmu undoes `@A` first and then `@S`, so that somebody's "@S" becomes "/"; aiodouyu goes the other way
# round, which is right. "1/2" and "@S" tell them apart.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile aiodouyu==0.4.11 pydouyu==0.0.7 danmu==1.0.5

cat > read.py <<'PY'
import socket
from importlib.metadata import version

from aiodouyu import stt
from danmu.DouYu import DouYuDanMuClient, _socket
from pydouyu import packet_util


def packet(text):
    """A message of the server's, as it stands on the wire: its length twice, its kind, the fields and a zero."""
    fields = f"type@=chatmsg/nn@=amy/txt@={stt.escape(text)}/".encode() + b"\0"
    return (len(fields) + 8).to_bytes(4, "little") * 2 + (690).to_bytes(2, "little") + b"\0\0" + fields


def by_aiodouyu(text):
    return stt.loads(packet(text)[12:-1].decode())["txt"]


def by_pydouyu(text):
    # It reads the first length by itself.
    return packet_util.parse_str_to_dict(packet_util.extract_str_from_data(packet(text)[4:]))["txt"]


def by_danmu(text):
    ours, theirs = socket.socketpair()
    client = object.__new__(DouYuDanMuClient)
    client.danmuSocket, client.msgPipe, client.maxNoDanMuWait = _socket(fileno=theirs.detach()), [], 60
    ours.sendall(packet(text))
    read, _ = client._create_thread_fn({})
    read(client)
    client.danmuSocket.close()
    ours.close()
    return client.msgPipe[0]["Content"]


said = ["前方高能", "1/2", "@S"]
readers = {"aiodouyu": by_aiodouyu, "pydouyu": by_pydouyu, "danmu": by_danmu}
read = {name: [reader(text) for text in said] for name, reader in readers.items()}
print(f"said: {said}")
for name, texts in read.items():
    print(f"  {name} {version(name)}: {texts}")
assert read["aiodouyu"] == said, "it changed"
assert read["pydouyu"] == ["前方高能", "1@S2", "@AS"], "it changed"
assert read["danmu"] == ["前方高能", "1/2", "/"], "it changed"
PY
python/bin/python read.py
