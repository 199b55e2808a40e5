/* Every kernel of a level against those of the portable one, on random operands; tools/aarch64.sh runs it.
   Compiled with -DFILL=fc_fill_<level>, and linked with the units of both. */
#include "operands.h"

#include "sums.h"
#include "transforms.h"
#include "pools.h"
#include "moves.h"

static fc_table tables[2];

int main(void)
{
    memory = malloc(MEMORY);
    fc_fill_baseline(&tables[0]);
    tables[1] = tables[0];
    FILL(&tables[1]);
    for (d = 0; d < FC_DTYPES; d++) {
        size = SIZE[d];
        base = &tables[0].of[d];
        level = &tables[1].of[d];
        tiles();
        depthwise();
        planes();
        signals();
        windows();
        dots();
        winograd();
        fused();
        fourier();
        pools();
        slides();
        spreads();
        moves();
        conversions();
        if (!(level->peak(1000) > 0))
            fail("peak");
    }
    d = FC_FLOAT64;
    ordered(&tables[1].ordered, &tables[0].ordered, 0);
    ordered(&tables[1].modular, &tables[0].modular, 1);
    extrema(&tables[1], &tables[0]);
    printf("%ld kernels, %ld comparisons, %ld differ\n", all_kernels, all_comparisons, failures);
    return failures != 0;
}
