"""llama.cpp's own server, from the package xllamacpp: llama_server.py MODEL.gguf NAME PORT CONTEXT SLOTS"""

import os
import pathlib
import sys
import time

import xllamacpp

path, name, port, context, slots = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = path
params.model_alias = {name}
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.n_ctx = int(context) * int(slots)
params.n_parallel = int(slots)
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.endpoint_metrics = True
params.endpoint_slots = True
params.use_jinja = True
params.warmup = False
if template := os.environ.get("OUTTHINK_ENGINES_TEMPLATE"):
    params.chat_template = pathlib.Path(template).read_text()
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
while True:
    time.sleep(3600)
