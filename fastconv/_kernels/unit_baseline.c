/* The portable level: vectors of 16 bytes, whatever the machine makes of them. */
#define LEVEL baseline
#define VECTOR_BYTES 16
#define REGISTERS 16
#include "unit.h"
