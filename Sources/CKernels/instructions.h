// What the tables for AVX-512 are compiled with: the processor's own instructions, or what imitates them.
#ifndef SG_INSTRUCTIONS_H
#define SG_INSTRUCTIONS_H
#if defined(__x86_64__) && defined(SG_IMITATED)
#include "imitated.h"
#define SG_TARGET(features) "avx2,fma"
#define SG_PROCESSOR_HAS(feature) 1
#elif defined(__x86_64__)
#include <immintrin.h>
#define SG_TARGET(features) features
#define SG_PROCESSOR_HAS(feature) __builtin_cpu_supports(feature)
#endif
#endif
