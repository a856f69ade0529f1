"""What pyroute2 needs for the work of netlink-scale.bench.ts: one line of nanoseconds a repetition.

Run inside the namespace: netlink_scale.py dumps|churn COUNT REPETITIONS
"""

import sys
import time

from pyroute2 import IPRoute

work, count, repetitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def route(i):
    return {
        "dst": f"10.{(i * 16 >> 16) & 255}.{(i * 16 >> 8) & 255}.{(i * 16) & 255}/28",
        "gateway": "192.168.0.2",
        "oif": 2,
        "priority": i % 7,
    }


with IPRoute() as ipr:
    for _ in range(repetitions):
        start = time.perf_counter_ns()
        if work == "dumps":
            for _ in range(count):
                list(ipr.get_links())
        else:
            for verb in ("add", "del"):
                for i in range(count):
                    ipr.route(verb, **route(i))
        print(time.perf_counter_ns() - start)
