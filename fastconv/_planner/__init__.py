"""L3, the planner: which room runs a problem, and why. Knows algorithms only through the registry.

==========  ======================================================================
planner     choosing a room by the cost model; the cache of choices; running it
machine     the constants of this machine that estimates are made with
==========  ======================================================================
"""
