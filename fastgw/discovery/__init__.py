"""Members of services that come and go by themselves: where they are listed, and when a list is believed.

    listing     what a source is, and what it says: members, and what of it was no member
    keeping     one source over time: asked again when it fails, its lists believed or not, changes gathered
    etcd, consul, dns, file, kubernetes    one file, one kind of source

All of it runs in the supervisor, off the request path.  Nothing here knows a worker: ``server.discovering`` tells them.
"""
