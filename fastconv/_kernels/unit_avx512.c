/* AVX-512 (F, BW, DQ, VL): 32 registers of 64 bytes. */
#define LEVEL avx512
#define VECTOR_BYTES 64
#define REGISTERS 32
#include "unit.h"
