/* The register tile of split products. Tiles 0 to 3 accumulate 16 pixels x 16 filters each, 4 and 5
   hold pixels, 6 and 7 weights; `tall` and `wide` say how many tiles of pixels and of filters there
   are. Needs the operations of a tile unit: TILES_ENTER, TILES_LEAVE, TILE_ZERO, TILE_LOAD,
   TILE_STORE, TILE_DOT. Everything else is the same wherever they come from. */

/* Products are added to an accumulator one after the other, and each addition rounds. After so many
   it is added to a sum of such sums, which keeps long sums as accurate as blocked sgemm. */
enum { PRODUCTS_PER_SUM = 96 };

typedef struct {
    _Alignas(64) float at[FC_SIDE][FC_SIDE];
} square;

INLINE void load_pixels(const fc_product *p, const char *pixels, int part, const int tall)
{
    pixels += part * p->pixel_split;
    TILE_LOAD(4, pixels, p->pixel_row);
    if (tall == 2)
        TILE_LOAD(5, pixels + 16 * p->pixel_row, p->pixel_row);
}

INLINE void load_weights(const char *weights, int part, const int wide)
{
    weights += part * FC_WEIGHT_TILES;
    TILE_LOAD(6, weights, 64);
    if (wide == 2)
        TILE_LOAD(7, weights + FC_WEIGHT_TILES / 2, 64);
}

INLINE void multiply(const int tall, const int wide)
{
    TILE_DOT(0, 4, 6);
    if (wide == 2)
        TILE_DOT(1, 4, 7);
    if (tall == 2)
        TILE_DOT(2, 5, 6);
    if (tall == 2 && wide == 2)
        TILE_DOT(3, 5, 7);
}

/* One tap of one block: all x_i w_j with i + j <= splits + 1; the others are below the rounding of
   the sum. Small ones first, and neighbours share an operand. */
INLINE void step(const fc_product *p, const char *pixels, const char *weights, const int splits,
                 const int tall, const int wide)
{
    load_weights(weights, 0, wide);
    if (splits == 3) {
        load_pixels(p, pixels, 2, tall);
        multiply(tall, wide);
        load_pixels(p, pixels, 1, tall);
        multiply(tall, wide);
        load_weights(weights, 1, wide);
        multiply(tall, wide);
        load_pixels(p, pixels, 0, tall);
        multiply(tall, wide);
        load_weights(weights, 2, wide);
        multiply(tall, wide);
        load_weights(weights, 0, wide);
        multiply(tall, wide);
    } else if (splits == 2) {
        load_pixels(p, pixels, 1, tall);
        multiply(tall, wide);
        load_pixels(p, pixels, 0, tall);
        multiply(tall, wide);
        load_weights(weights, 1, wide);
        multiply(tall, wide);
    } else {
        load_pixels(p, pixels, 0, tall);
        multiply(tall, wide);
    }
}

INLINE void clear_sums(const int tall, const int wide)
{
    TILE_ZERO(0);
    if (wide == 2)
        TILE_ZERO(1);
    if (tall == 2)
        TILE_ZERO(2);
    if (tall == 2 && wide == 2)
        TILE_ZERO(3);
}

INLINE void store_sums(square *to, const int tall, const int wide)
{
    TILE_STORE(0, &to->at[0][0], sizeof to->at[0]);
    if (wide == 2)
        TILE_STORE(1, &to->at[0][16], sizeof to->at[0]);
    if (tall == 2)
        TILE_STORE(2, &to->at[16][0], sizeof to->at[0]);
    if (tall == 2 && wide == 2)
        TILE_STORE(3, &to->at[16][16], sizeof to->at[0]);
}

INLINE void add_sums(square *total, const square *sums, const int tall, const int wide)
{
    for (int r = 0; r < tall * 16; r++)
        for (int v = 0; v < wide; v++)
            *(floats *)&total->at[r][v * 16] += *(const floats *)&sums->at[r][v * 16];
}

INLINE void finish(const fc_product *p, const square *sums, const int wide)
{
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        if (!p->out[r])
            continue;
        floats row[2];
        for (int v = 0; v < wide; v++) {
            row[v] = *(const floats *)&sums->at[r][v * 16];
            if (p->bias)
                row[v] += ((const floats *)p->bias)[v];
            if (p->relu)
                row[v] = (floats)((words)row[v] & ~(words)(row[v] < 0)); /* NaN stays */
        }
        if (p->lanes == wide * 16)
            for (int v = 0; v < wide; v++)
                ((floats *)p->out[r])[v] = row[v];
        else
            memcpy(p->out[r], row, (size_t)p->lanes * 4);
    }
}

INLINE void product(const fc_product *p, const int splits, const int tall, const int wide)
{
    square sums, total;
    const char *weights = p->weights;
    const int most = PRODUCTS_PER_SUM / (splits * (splits + 1) / 2);
    int steps = 0, totals = 0;
    clear_sums(tall, wide);
    for (ptrdiff_t b = 0; b < p->blocks; b++)
        for (ptrdiff_t t = 0; t < p->tap_count; t++) {
            if (steps == most) {
                store_sums(totals ? &sums : &total, tall, wide);
                if (totals)
                    add_sums(&total, &sums, tall, wide);
                clear_sums(tall, wide);
                totals = 1;
                steps = 0;
            }
            step(p, p->pixels + b * p->pixel_block + p->taps[t], weights, splits, tall, wide);
            weights += p->weight_step;
            steps++;
        }
    store_sums(&sums, tall, wide);
    if (totals)
        add_sums(&sums, &total, tall, wide);
    finish(p, &sums, wide);
}

#define PRODUCT(splits)                                                                        \
    static void product_##splits(const fc_product *p)                                          \
    {                                                                                          \
        if (p->rows > 16 && p->lanes > 16)                                                     \
            product(p, splits, 2, 2);                                                          \
        else if (p->rows > 16)                                                                 \
            product(p, splits, 2, 1);                                                          \
        else if (p->lanes > 16)                                                                \
            product(p, splits, 1, 2);                                                          \
        else                                                                                   \
            product(p, splits, 1, 1);                                                          \
    }
PRODUCT(1) PRODUCT(2) PRODUCT(3)
#undef PRODUCT

/* What LDTILECFG reads. All tiles are full, 16 rows of 64 bytes: operands are padded with zeros, so
   that one configuration serves every product. Constant, because compilers take it for 8 bytes. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_per_row[16];
    uint8_t rows[16];
} tiles = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
_Static_assert(sizeof tiles == 64, "the processor reads 64 bytes");

static void enter(void) { TILES_ENTER(&tiles); }
static void leave(void) { TILES_LEAVE(); }

static void fill_split(fc_split_kernels *k)
{
    k->present = 1;
    k->enter = enter;
    k->leave = leave;
    k->split = split;
    k->split_weights = split_weights;
    k->product[1] = product_1;
    k->product[2] = product_2;
    k->product[3] = product_3;
}
