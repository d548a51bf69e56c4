"""Modules of WebAssembly in a sandbox, and the interface by which they are filters: proxy-wasm.  Knows no exchange and no loop.

``sections``   what a module says of itself: imports, exports, sizes
``traps``      how a call of one ends that does not return
``binding``    the runtime (libwasmtime): compile, link, make an instance, call it, read and write its memory
``ticker``     the clock by which a call that takes too long ends
``interface``  names, numbers and forms of the ABI
    ``caller``     who calls the host, as that sees it
``hostcalls``  what a module may ask for
``guest``      one instance, for one exchange
``program``    a module that is ready to be instances, and the bounds of these
``compiler``   a process of its own, in which a module is compiled and tried
"""
