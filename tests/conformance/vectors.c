/* The same sum made of scalars, by AVX2 and by AVX-512, a line for each that the CPU says it has. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { COUNT = 1 << 18, FACTOR = 0x9e3779b1, SHIFT = 15, TURN = 13 };

static uint32_t data[COUNT] __attribute__((aligned(64)));

/* Of the odd ones, the mixed bits; of all, the bits of x * 1.5 + 1/3. */
static uint64_t bits(double d) {
    union {
        double d;
        uint64_t u;
    } both = {d};
    return both.u;
}

static uint64_t scalar(void) {
    uint64_t sum = 0;
    for (int i = 0; i < COUNT; i++) {
        uint32_t x = data[i], h = x * FACTOR ^ x >> SHIFT;
        if (x & 1) sum += h << TURN | h >> (32 - TURN);
        sum += bits(fma((int32_t)x, 1.5, 1.0 / 3));
    }
    return sum;
}

__attribute__((target("avx2,fma"))) static uint64_t avx2(void) {
    __m256i sum = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    for (int i = 0; i < COUNT; i += 8) {
        __m256i x = _mm256_load_si256((__m256i *)(data + i));
        __m256i h = _mm256_xor_si256(_mm256_mullo_epi32(x, _mm256_set1_epi32((int)FACTOR)), _mm256_srli_epi32(x, SHIFT));
        h = _mm256_or_si256(_mm256_slli_epi32(h, TURN), _mm256_srli_epi32(h, 32 - TURN));
        h = _mm256_and_si256(h, _mm256_cmpeq_epi32(_mm256_and_si256(x, one), one));
        for (int half = 0; half < 2; half++) {
            __m128i of_h = half ? _mm256_extracti128_si256(h, 1) : _mm256_castsi256_si128(h);
            __m128i of_x = half ? _mm256_extracti128_si256(x, 1) : _mm256_castsi256_si128(x);
            __m256d d = _mm256_fmadd_pd(_mm256_cvtepi32_pd(of_x), _mm256_set1_pd(1.5), _mm256_set1_pd(1.0 / 3));
            sum = _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_cvtepu32_epi64(of_h), _mm256_castpd_si256(d)));
        }
    }
    uint64_t parts[4];
    _mm256_storeu_si256((__m256i *)parts, sum);
    return parts[0] + parts[1] + parts[2] + parts[3];
}

__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))) static uint64_t avx512(void) {
    __m512i sum = _mm512_setzero_si512();
    for (int i = 0; i < COUNT; i += 16) {
        __m512i x = _mm512_load_si512(data + i);
        __m512i h = _mm512_xor_si512(_mm512_mullo_epi32(x, _mm512_set1_epi32((int)FACTOR)), _mm512_srli_epi32(x, SHIFT));
        h = _mm512_maskz_rol_epi32(_mm512_test_epi32_mask(x, _mm512_set1_epi32(1)), h, TURN);
        for (int half = 0; half < 2; half++) {
            __m256i of_h = half ? _mm512_extracti32x8_epi32(h, 1) : _mm512_castsi512_si256(h);
            __m256i of_x = half ? _mm512_extracti32x8_epi32(x, 1) : _mm512_castsi512_si256(x);
            __m512d d = _mm512_fmadd_pd(_mm512_cvtepi32_pd(of_x), _mm512_set1_pd(1.5), _mm512_set1_pd(1.0 / 3));
            sum = _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_cvtepu32_epi64(of_h), _mm512_castpd_si512(d)));
        }
    }
    return _mm512_reduce_add_epi64(sum);
}

int main(void) {
    for (uint32_t i = 0, x = 1; i < COUNT; i++) data[i] = x = x * 1664525 + 1013904223;
    __builtin_cpu_init();
    printf("scalar %016lx\n", scalar());
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) printf("AVX2 %016lx\n", avx2());
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) printf("AVX-512 %016lx\n", avx512());
    return 0;
}
