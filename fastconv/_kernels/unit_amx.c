/* AMX (TILE, BF16) on top of AVX-512: the tile unit itself. */
#include <immintrin.h>
#include <string.h>

#include "table.h"

#define TILES_ENTER(configuration) _tile_loadconfig(configuration)
#define TILES_LEAVE() _tile_release()
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, from, row) _tile_loadd(tile, from, row)
#define TILE_STORE(tile, to, row) _tile_stored(tile, to, row)
#define TILE_DOT(sum, a, b) _tile_dpbf16ps(sum, a, b)

#include "split.h"
#include "split_tile.h"

void fc_fill_amx(fc_table *table) { fill_split(&table->split); }
