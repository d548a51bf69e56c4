"""The processes: a supervisor that owns sockets and configuration, and the workers that serve.

    supervisor   the start, in the order that makes it short
    reload       two-phase change of configuration over all workers
    reload_guard whether a new configuration does harm, so that the one before comes back
    workers      the worker processes as the supervisor sees them: spawn, respawn with back-off
    gateway      what the supervisor holds: configuration, sockets, workers, slots
    control      the supervisor once it runs: signals, deaths, the stop
    worker       entry of a worker process
    serving      what it does: event loop, data plane, listening sockets it was given
    channel      messages and file descriptors between the two
    messages     what they say
    inherited    listening sockets that systemd made
    listening    binding, taking over and closing listening sockets
    slots, slab  which counter belongs to which name, and the shared memory it is in
    admin        the admin address, an HTTP server in the supervisor
    status       what it answers: /livez /readyz /status /metrics
    watch        which workers are stuck, and what then
    stacks       where a worker stands that is stuck or crashes
    cgroup       how much of the processors is ours
    notify       systemd
    log          JSON lines on stderr

This package imports nothing by itself: a worker must not pay for what only the supervisor needs, and the other way
round.
"""
