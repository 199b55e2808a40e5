"""L3, the planner: which room runs a problem, and why. Knows algorithms only through the registry.

===========  =====================================================================
planner      choosing a room: forced, remembered, measured or by the cost model
measure      operands of a problem, and rooms raced against each other on them
wisdom       what was measured: in memory, and in a file that outlives the process
explanation  a choice with all that speaks for and against it, as a table
machine      what a room's estimate is made with: prices, and what they cost here
costs.json   prices as data: how much each room needs of what, per processor level
profile      what a multiply-add, a cycle, a byte, a parallel loop costs on this machine
profiles.json  those of processors that were measured
files        reading and replacing files that other processes may write
===========  =====================================================================
"""
