/* See bench.h. */
#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

int64_t comparisons, disagreements;
int32_t tiers[8], tier_count;

/* ---- Memory ---- */

enum { ROOM = 1 << 26, BORDER = 64, MOST_MATRICES = 64 };

static _Alignas(64) unsigned char memory[ROOM];
static size_t used = ROOM, begins[MOST_MATRICES], ends[MOST_MATRICES];
static int matrices;

void bench_clear(void) {
    memset(memory, 0xFF, used);
    used = 0;
    matrices = 0;
}

static void *place(size_t bytes, size_t misalignment) {
    size_t begin = used + BORDER + misalignment, end = begin + bytes;
    if (end + BORDER > ROOM || matrices == MOST_MATRICES) abort();
    begins[matrices] = begin;
    ends[matrices++] = end;
    used = (end + BORDER + 63) / 64 * 64;
    return memory + begin;
}

void *bench_place(ck_format type, int64_t count, const float *values) {
    void *to = place((size_t)count * (type == CK_BF16 ? 2 : 4), 0);
    if (values && type == CK_BF16) ck_encode_bf16(to, values, count);
    if (values && type == CK_F32) ck_encode_f32(to, values, count);
    return to;
}

void *bench_place_bytes(const void *bytes, size_t count) {
    return memcpy(place(count, 2), bytes, count);
}

int bench_intact(void) {
    for (int i = 0; i < matrices; i++)
        for (size_t j = 0; j < BORDER; j++)
            if (memory[begins[i] - 1 - j] != 0xFF || memory[ends[i] + j] != 0xFF) return 0;
    return 1;
}

float *bench_read(const void *x, ck_format type, int64_t count) {
    float *to = malloc((size_t)count * 4 + 4);
    if (type == CK_BF16)
        ck_decode_bf16(to, x, count);
    else
        ck_decode_f32(to, x, count);
    return to;
}

/* ---- Numbers ---- */

static uint64_t mix(uint64_t *state) { /* SplitMix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

float *random_floats(int64_t count, uint64_t seed, float scale) {
    uint64_t state = seed * 0x9E3779B97F4A7C15;
    float *x = malloc((size_t)count * 4 + 4);
    for (int64_t i = 0; i < count; i++)
        x[i] = ((float)(mix(&state) >> 40) / (float)(1 << 23) - 1) * scale;
    return x;
}

float *random_exact(int64_t count, uint64_t seed, float scale) {
    float *x = random_floats(count, seed, scale);
    for (int64_t i = 0; i < count; i++)
        x[i] = ck_float_of_bits(ck_bits_of_float(x[i]) & 0xFFFF0000);
    return x;
}

/* Blocks whose bytes are all random, drawn until the weights reach about one on either side of
 * zero: this needs no knowledge of the format. */
static void find_block(unsigned char *block, const ck_codec *codec, uint64_t *state) {
    float values[256], low, high;
    do {
        for (int i = 0; i < codec->block_bytes; i++) block[i] = (unsigned char)mix(state);
        codec->decode(values, block, codec->block_length);
        low = high = 0;
        for (int i = 0; i < codec->block_length; i++) {
            if (!isfinite(values[i])) values[i] = 100;
            low = fminf(low, values[i]);
            high = fmaxf(high, values[i]);
        }
    } while (!(low < -0.25f && low > -4 && high > 0.25f && high < 4));
}

void *random_weights(ck_format format, int64_t rows, int64_t columns, uint64_t seed) {
    enum { POOL = 48, MOST_BYTES = 512 };
    const ck_codec *codec = ck_codec_of(format);
    size_t bytes = (size_t)codec->block_bytes;
    int64_t count = rows * columns / codec->block_length;
    char *w = malloc(bytes * (size_t)count + 1);
    if (codec->block_length == 1) {
        float *x = random_floats(count, seed, 1);
        codec->encode(w, x, count);
        free(x);
        return w;
    }
    static unsigned char pool[POOL][MOST_BYTES];
    static ck_format pooled = -1;
    uint64_t state = seed + (uint64_t)format;
    if (bytes > MOST_BYTES || codec->block_length > 256) abort();
    for (int i = 0; pooled != format && i < POOL; i++) find_block(pool[i], codec, &state);
    pooled = format;
    for (int64_t i = 0; i < count; i++)
        memcpy(w + bytes * (size_t)i, pool[mix(&state) % POOL], bytes);
    return w;
}

double relative_error(const float *a, const float *b, int64_t count, double norm) {
    double difference = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        double delta = (double)a[i] - b[i];
        if (!isfinite(delta)) return INFINITY;
        difference += delta * delta;
        squares += (double)b[i] * b[i];
    }
    return sqrt(difference) / fmax(sqrt(squares), fmax(norm, 1e-30));
}

/* ---- Verdicts ---- */

void expect(int holds, const char *format, ...) {
    comparisons++;
    if (holds) return;
    if (++disagreements > 40) return; /* the first tell enough */
    va_list arguments;
    va_start(arguments, format);
    fputs("disagreement: ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

const char *tier_name(int32_t isa) {
    switch (isa) {
    case CK_ISA_SCALAR: return "scalar";
    case CK_ISA_AVX2: return "avx2";
    case CK_ISA_AVX2_VNNI: return "avx2vnni";
    case CK_ISA_AVX512: return "avx512";
    case CK_ISA_AVX512_BF16: return "avx512bf16";
    case CK_ISA_NEON: return "neon";
    case CK_ISA_NEON_BF16: return "neonbf16";
    default: return "another";
    }
}
