"""L3, the planner: which room runs a problem, and why. Knows algorithms only through the registry.

===========  =====================================================================
planner      choosing a room: forced, remembered, measured or by the cost model
measure      operands of a problem, and rooms raced against each other on them
wisdom       what was measured: in memory, and in a file that outlives the process
explanation  a choice with all that speaks for and against it, as a table
machine      the speed of this machine and the prices that estimates are made with
costs.json   these prices as data, per processor level
===========  =====================================================================
"""
