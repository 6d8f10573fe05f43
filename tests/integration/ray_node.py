"""One more node of a local Ray cluster: ``python -m tests.integration.ray_node ADDRESS``; runs until killed.

Not ``ray start --address``: that refuses to join with the setting that keeps all listeners on 127.0.0.1.
"""

from __future__ import annotations

import sys
import time

from ray._private.node import Node
from ray._private.parameter import RayParams

if __name__ == "__main__":
    parameters = RayParams(
        gcs_address=sys.argv[1],
        node_ip_address="127.0.0.1",
        num_cpus=1,
        num_gpus=0,
        object_store_memory=80_000_000,
        min_worker_port=0,
        max_worker_port=0,
        include_log_monitor=False,
    )
    Node(parameters, head=False, shutdown_at_exit=False, spawn_reaper=False)
    while True:
        time.sleep(60)
