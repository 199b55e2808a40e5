"""fastconv beside its peers: ``python -m benchmarks.peers --set NAME --threads N``.

============  =================================================================
rivals/       one file per rival, all with one face
worker        the process a rival lives in: answers JSON lines on a pipe
pool          starting workers, talking to them, keeping them apart
load          what other processes used of the machine meanwhile
contest       one problem after another, round robin; rows of results
report        rows as a terminal table, Markdown, JSON; filling marked tables
plot          rows as a picture: bars per problem against the ceiling
============  =================================================================

Only one process computes at any time: each contender is asked in turn for a short burst, and the
next one starts when the threads of the last have gone to sleep.
"""
