/* The table of codecs and its drivers: row sizes, decoding and encoding of whole matrices. Rows
 * are handed out to the threads; a row is scalar work. */
#include "blocks.h"
#include "team.h"

static const ck_codec codecs[] = {
    {CK_F32, 1, 4, ck_decode_f32, ck_encode_f32},
    {CK_F16, 1, 2, ck_decode_f16, ck_encode_f16},
    {CK_BF16, 1, 2, ck_decode_bf16, ck_encode_bf16},
    {CK_Q4_0, 32, sizeof(ck_q4_0), ck_decode_q4_0, ck_encode_q4_0},
    {CK_Q4_1, 32, sizeof(ck_q4_1), ck_decode_q4_1, ck_encode_q4_1},
    {CK_Q5_0, 32, sizeof(ck_q5_0), ck_decode_q5_0, ck_encode_q5_0},
    {CK_Q5_1, 32, sizeof(ck_q5_1), ck_decode_q5_1, ck_encode_q5_1},
    {CK_Q8_0, 32, sizeof(ck_q8_0), ck_decode_q8_0, ck_encode_q8_0},
    {CK_Q2_K, 256, sizeof(ck_q2_k), ck_decode_q2_k, NULL},
    {CK_Q3_K, 256, sizeof(ck_q3_k), ck_decode_q3_k, NULL},
    {CK_Q4_K, 256, sizeof(ck_q4_k), ck_decode_q4_k, ck_encode_q4_k},
    {CK_Q5_K, 256, sizeof(ck_q5_k), ck_decode_q5_k, ck_encode_q5_k},
    {CK_Q6_K, 256, sizeof(ck_q6_k), ck_decode_q6_k, ck_encode_q6_k},
    {CK_IQ4_NL, 32, sizeof(ck_iq4_nl), ck_decode_iq4_nl, ck_encode_iq4_nl},
    {CK_IQ4_XS, 256, sizeof(ck_iq4_xs), ck_decode_iq4_xs, NULL},
};

/* An unknown format is a programmer's error: Swift's BlockFormat has no other values. */
const ck_codec *ck_codec_of(ck_format format) {
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].format == format) return &codecs[i];
    __builtin_trap();
}

size_t ck_row_bytes(ck_format format, int64_t count) {
    return ck_offset(ck_codec_of(format), count);
}

size_t ck_covering_bytes(ck_format format, int64_t count) {
    const ck_codec *codec = ck_codec_of(format);
    return (size_t)((count + codec->block_length - 1) / codec->block_length) * (size_t)codec->block_bytes;
}

/* Values of a piece, and how many are worth calling others. */
enum { PIECE = 16384, WORTH = 65536 };

typedef struct {
    const ck_codec *codec;
    float *floats;
    char *blocks;
    size_t stride; /* of rows of blocks, in bytes */
    int64_t columns;
} job;

static void decode_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t i = from; i < to; i++)
        j->codec->decode(j->floats + i * j->columns, j->blocks + (size_t)i * j->stride, j->columns);
}

static void encode_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    for (int64_t i = from; i < to; i++)
        j->codec->encode(j->blocks + (size_t)i * j->stride, j->floats + i * j->columns, j->columns);
}

static void run(ck_team_work *work, const float *floats, const void *blocks, ck_format format,
                int64_t rows, int64_t columns) {
    job job = {.codec = ck_codec_of(format), .floats = (float *)floats, .blocks = (char *)blocks,
               .columns = columns};
    job.stride = ck_offset(job.codec, columns);
    if (work == encode_rows && !job.codec->encode) __builtin_trap();
    int64_t grain = columns < PIECE ? PIECE / (columns > 0 ? columns : 1) : 1;
    ck_team_run(work, &job, rows, grain, ck_threads_for(rows * columns, WORTH));
}

void ck_dequantize(float *y, const void *w, ck_format format, int64_t rows, int64_t columns) {
    run(decode_rows, y, w, format, rows, columns);
}

void ck_quantize(void *w, const float *x, ck_format format, int64_t rows, int64_t columns) {
    run(encode_rows, x, w, format, rows, columns);
}
