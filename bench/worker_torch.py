#!/usr/bin/env python3
"""The PyTorch side of bench/run: our own definition of the network, run when a line asks.

    worker_torch.py NETWORK FOLDER THREADS

Lines in: "load", then "run N" and "output FILE". One line of JSON out at the start and for each.
"""
import json
import sys
import time


def answer(**values):
    print(json.dumps(values), flush=True)


def main():
    name, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    import numpy as np
    import torch

    import networks

    torch.set_num_threads(threads)
    answer(engine="PyTorch", version=torch.__version__)
    if sys.stdin.readline() != "load\n":
        return
    network = networks.NETWORKS[name]
    model = networks.build_torch(network)
    inputs = [torch.from_numpy(np.fromfile(networks.input_file(folder, n), np.float32)
                               .reshape(given.shape)) for n, given in network.inputs.items()]
    with torch.inference_mode():
        y = model(*inputs)
        answer(info="oneDNN " + ("on" if torch.backends.mkldnn.is_available() else "off"))
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            if command == "run":
                ms, cpu_ms = [], []
                for _ in range(int(argument)):
                    start, cpu_start = time.perf_counter(), time.process_time()
                    y = model(*inputs)
                    ms.append((time.perf_counter() - start) * 1e3)
                    cpu_ms.append((time.process_time() - cpu_start) * 1e3)
                answer(ms=ms, cpu_ms=cpu_ms)
            elif command == "output":
                y.contiguous().numpy().tofile(argument)
                answer(count=y.numel())
            else:
                break


if __name__ == "__main__":
    main()
