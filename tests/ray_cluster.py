"""A Ray cluster of three machines that are three nodes of this one: `python ray_cluster.py TOKEN`.

Prints its address; for each line that it is sent it kills a node, all its processes with it, and adds another.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module


def main(token: str) -> None:
    """Serve until the input ends."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    cluster = import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    _say(cluster.address)
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(0), allow_graceful=False)
        _say("killed")
        nodes.append(cluster.add_node(num_cpus=1))
    cluster.shutdown()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
