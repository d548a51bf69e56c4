"""The command line: arguments in, an exit code out; everything else is imported by the command that needs it.

main       the commands and their arguments
check      ``check``: is this file a configuration?
names      do the host names of a configuration resolve?
route      ``route``: where would this request go, and why?
version    ``version``: what is installed
"""
