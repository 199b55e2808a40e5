/* NEON, which every AArch64 has: 32 registers of 16 bytes. */
#define LEVEL neon
#define VECTOR_BYTES 16
#define REGISTERS 32
#include "unit.h"
