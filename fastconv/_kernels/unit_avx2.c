/* AVX2 with FMA: 16 registers of 32 bytes. */
#define LEVEL avx2
#define VECTOR_BYTES 32
#define REGISTERS 16
#include "unit.h"
