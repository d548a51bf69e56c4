"""What the gateway tells about its work.

    totals    sums of the counter slabs of all workers
    metrics   the same in the Prometheus text formats

This package imports nothing by itself; ``metrics`` needs ``prometheus_client`` and is imported at the first scrape.
"""
