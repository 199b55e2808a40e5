"""Where transforms would drown what is quiet in the rounding of what is loud beside it.

A transform's error is about the rounding of its block's root mean square, everywhere in the block; that
of a direct sum, the rounding of what its window holds. Parts of half a kernel's size, one of which lies
whole in every window, are compared with the loudest one of their block.
"""

from math import prod

cimport numpy as cnp
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport View, view_of
from fastconv._core.team cimport share

cnp.import_array()

cdef enum:
    # The mean square of a part is at least this fraction of the loudest one's: then the error of what
    # sees it is at most about four times that of a direct sum.
    QUIETEST = 64
    TASK = 1 << 14  # elements of a task, about


# The parts of a plane, and what is in them.
cdef struct Parts:
    const View* view
    const char* plane
    const Py_ssize_t* cell     # elements of a part
    const Py_ssize_t* cells    # their number
    Py_ssize_t piece, pieces   # parts of a task, tasks across a plane
    bint single
    double* energies


def quiet_parts(problem, x, block, step, int threads):
    """Whether some block of `x`, of so many points and so far from the next, has too quiet a part.

    All three are in canonical form: three numbers each.
    """
    cdef View v = view_of(x, problem.layout == "channels_last")
    lead = (1,) * (3 - problem.ndim)
    cdef Py_ssize_t[3] cell, cells, blocks, steps, pads, counts
    cdef Py_ssize_t channels = problem.in_channels, planes = problem.batch * channels, plane
    cdef bint quiet = False
    cdef Parts p
    cdef int i
    for i, (n, e, o, s, pad) in enumerate(zip(
            lead + problem.input, lead + problem.extent, lead + problem.output, lead + problem.stride,
            (0,) * len(lead) + problem.pad_begin)):
        cell[i] = (e + 1) // 2
        cells[i] = n // cell[i]
        blocks[i] = block[i]
        steps[i] = step[i]
        pads[i] = pad
        counts[i] = -(-o * s // step[i])
        if cells[i] == 0:
            return False
    p.view = &v
    p.cell = cell
    p.cells = cells
    p.single = x.dtype.itemsize == 4
    p.piece = max(TASK // (cell[0] * cell[1] * cell[2]), <Py_ssize_t> 1)
    p.pieces = (cells[2] + p.piece - 1) // p.piece
    cdef Scratch scratch = acquire(cells[0] * cells[1] * cells[2] * sizeof(double))
    p.energies = <double*> scratch.data
    with nogil:
        for plane in range(planes):
            p.plane = v.data + plane // channels * v.batch + plane % channels * v.channel
            share(_energies, &p, cells[0] * cells[1] * p.pieces, threads)
            if _uneven(p.energies, cell, cells, blocks, steps, pads, counts):
                quiet = True
                break
    return quiet


def quiet_bytes(problem):
    """What `quiet_parts` takes for a while."""
    return 8 * prod(n // ((e + 1) // 2) for n, e in zip(problem.input, problem.extent))


ctypedef fused real:
    float
    double


cdef void _energies(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Sums of squares of some neighbouring parts."""
    cdef const Parts* p = <const Parts*> work
    cdef Py_ssize_t row = task // p.pieces, first = task % p.pieces * p.piece, d, h, w
    cdef Py_ssize_t last = min(first + p.piece, p.cells[2])
    cdef double* to = p.energies + row * p.cells[2]
    cdef const char* at
    for w in range(first, last):
        to[w] = 0
        for d in range(p.cell[0]):
            for h in range(p.cell[1]):
                at = (p.plane + (row // p.cells[1] * p.cell[0] + d) * p.view.axis[0]
                      + (row % p.cells[1] * p.cell[1] + h) * p.view.axis[1] + w * p.cell[2] * p.view.axis[2])
                if p.single:
                    to[w] += _squares(<const float*> at, p.view.axis[2], p.cell[2])
                else:
                    to[w] += _squares(<const double*> at, p.view.axis[2], p.cell[2])


cdef double _squares(const real* first, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    """Four sums, which do not wait for each other."""
    cdef const char* row = <const char*> first
    cdef double a = 0, b = 0, c = 0, d = 0, x
    cdef Py_ssize_t i
    for i in range(count // 4):
        x = (<const real*> row)[0]
        a += x * x
        x = (<const real*> (row + step))[0]
        b += x * x
        x = (<const real*> (row + 2 * step))[0]
        c += x * x
        x = (<const real*> (row + 3 * step))[0]
        d += x * x
        row += 4 * step
    for i in range(count % 4):
        x = (<const real*> row)[0]
        a += x * x
        row += step
    return (a + b) + (c + d)


cdef bint _uneven(const double* energies, const Py_ssize_t* cell, const Py_ssize_t* cells,
                  const Py_ssize_t* block, const Py_ssize_t* step, const Py_ssize_t* pad,
                  const Py_ssize_t* count) noexcept nogil:
    """Whether a block holds parts of very different energy."""
    cdef Py_ssize_t a, b, c, i, j, k
    cdef Py_ssize_t[3] first, last
    cdef double least, most, e
    for a in range(count[0]):
        first[0] = max((a * step[0] - pad[0] + cell[0] - 1) // cell[0], <Py_ssize_t> 0)
        last[0] = min((a * step[0] - pad[0] + block[0]) // cell[0], cells[0])
        for b in range(count[1]):
            first[1] = max((b * step[1] - pad[1] + cell[1] - 1) // cell[1], <Py_ssize_t> 0)
            last[1] = min((b * step[1] - pad[1] + block[1]) // cell[1], cells[1])
            for c in range(count[2]):
                first[2] = max((c * step[2] - pad[2] + cell[2] - 1) // cell[2], <Py_ssize_t> 0)
                last[2] = min((c * step[2] - pad[2] + block[2]) // cell[2], cells[2])
                least = -1
                most = 0
                for i in range(first[0], last[0]):
                    for j in range(first[1], last[1]):
                        for k in range(first[2], last[2]):
                            e = energies[(i * cells[1] + j) * cells[2] + k]
                            most = max(most, e)
                            if least < 0 or e < least:
                                least = e
                if least >= 0 and QUIETEST * least < most:
                    return True
    return False
