"""llama.cpp's HTTP server with one compute thread: llama_server.py MODEL CONTEXT_TOKENS SLOTS. Says where it listens."""
import sys
import threading

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], 0
params.n_ctx, params.n_parallel = int(sys.argv[2]), int(sys.argv[3])
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.offline = True
params.warmup = False
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
threading.Event().wait()
