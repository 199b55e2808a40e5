/* The tile unit in portable C, slow and strict, so that what AMX machines run is tested on all
   others. Operations that the processor would refuse (#UD) stop the program here too.

   Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, TDPBF16PS. */
#include <stdint.h>
#include <string.h>

#include "table.h"

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_per_row[16];
    uint8_t rows[16];
} tile_shapes;

static _Thread_local struct {
    tile_shapes shapes;
    uint8_t data[8][16][64];
} unit;

/* Not inlined: each stands in dozens of places. */
#define OPERATION static __attribute__((noinline)) void
OPERATION enter_unit(const void *configuration);
OPERATION leave_unit(void);
OPERATION zero_tile(int tile);
OPERATION load_tile(int tile, const char *from, ptrdiff_t row);
OPERATION store_tile(int tile, char *to, ptrdiff_t row);
OPERATION dot_tiles(int sum, int a, int b);

#define TILES_ENTER(configuration) enter_unit(configuration)
#define TILES_LEAVE() leave_unit()
#define TILE_ZERO(tile) zero_tile(tile)
#define TILE_LOAD(tile, from, row) load_tile(tile, from, row)
#define TILE_STORE(tile, to, row) store_tile(tile, (char *)(to), row)
#define TILE_DOT(sum, a, b) dot_tiles(sum, a, b)

#include "split.h"
#include "split_tile.h"

static void demand(int legal)
{
    if (!legal)
        __builtin_trap();
}

static void demand_tile(int tile)
{
    demand(unit.shapes.palette == 1 && unit.shapes.rows[tile] && unit.shapes.bytes_per_row[tile]);
}

static void enter_unit(const void *configuration)
{
    memset(&unit, 0, sizeof unit);
    memcpy(&unit.shapes, configuration, sizeof unit.shapes);
    demand(unit.shapes.palette == 1);
    for (int i = 0; i < 14; i++)
        demand(unit.shapes.reserved[i] == 0);
    for (int i = 0; i < 16; i++) {
        const int rows = unit.shapes.rows[i], bytes = unit.shapes.bytes_per_row[i];
        demand(i < 8 ? rows <= 16 && bytes <= 64 && bytes % 4 == 0 : !rows && !bytes);
    }
}

static void leave_unit(void) { memset(&unit, 0, sizeof unit); }

static void zero_tile(int tile)
{
    demand_tile(tile);
    memset(unit.data[tile], 0, sizeof unit.data[tile]);
}

static void load_tile(int tile, const char *from, ptrdiff_t row)
{
    zero_tile(tile);
    for (int r = 0; r < unit.shapes.rows[tile]; r++)
        memcpy(unit.data[tile][r], from + r * row, unit.shapes.bytes_per_row[tile]);
}

static void store_tile(int tile, char *to, ptrdiff_t row)
{
    demand_tile(tile);
    for (int r = 0; r < unit.shapes.rows[tile]; r++)
        memcpy(to + r * row, unit.data[tile][r], unit.shapes.bytes_per_row[tile]);
}

/* Denormals count as zero, as operands and as results. */
#define FLUSHED(x) ((floats)((words)(x) & (words)(((words)(x) & 0x7fffffff) >= 0x00800000)))

/* The first and the second bfloat16 of every word, as floats. */
#define FIRST(pairs) FLUSHED((pairs) << 16)
#define SECOND(pairs) FLUSHED((pairs) & 0xffff0000)

/* sum += a b: pairs of depth are summed apart, then together, then added to what was there. */
static void dot_tiles(int sum, int a, int b)
{
    const tile_shapes *s = &unit.shapes;
    demand_tile(sum), demand_tile(a), demand_tile(b);
    demand(sum != a && sum != b && a != b);
    demand(s->rows[sum] == s->rows[a] && s->bytes_per_row[sum] == s->bytes_per_row[b]);
    demand(s->bytes_per_row[a] == 4 * s->rows[b]);
    floats first[16], second[16];
    for (int k = 0; k < 16; k++) {
        const words pairs = *(const words *)unit.data[b][k];
        first[k] = FIRST(pairs);
        second[k] = SECOND(pairs);
    }
    for (int m = 0; m < s->rows[a]; m++) {
        const words row = *(const words *)unit.data[a][m];
        const floats row_first = FIRST(row), row_second = SECOND(row);
        floats even = {0}, odd = {0};
        for (int k = 0; k < s->rows[b]; k++) {
            even += row_first[k] * first[k];
            even = FLUSHED(even);
            odd += row_second[k] * second[k];
            odd = FLUSHED(odd);
        }
        floats *target = (floats *)unit.data[sum][m];
        even += odd;
        even = FLUSHED(even) + FLUSHED(*target);
        *target = FLUSHED(even);
    }
}

void fc_fill_amx_emulated(fc_table *table) { fill_split(&table->split); }
