/* Gated activations, a = f(gate) * up, a range at a time.
 *
 * SwiGLU: f(g) = g s with s = 1 / (1 + exp(-g)). GeGLU: f(g) = g s with s = 1 / (1 + exp(-v)),
 * v = 2 sqrt(2/pi) (g + 0.044715 g^3), which is gelu's tanh form, since 1 + tanh(v/2) = 2 s.
 * Backward, with v = g and v' = 1 for SwiGLU: dup = da g s, dgate = da up s (1 + g (1 - s) v').
 */
#include "layers.h"
#include "team.h"

/* Values of a piece, and how many are worth calling others. */
enum { PIECE = 8192, WORTH = 8192 };

typedef struct {
    ck_gated *forward; /* or */
    ck_gated_backward *backward;
    void *a, *dgate, *dup;
    const void *da, *gate, *up;
    ck_format type;
} job;

static void run_range(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *job = context;
    const size_t offset = ck_element_bytes(job->type) * (size_t)from;
    const char *gate = (const char *)job->gate + offset, *up = (const char *)job->up + offset;
    if (job->forward)
        job->forward((char *)job->a + offset, gate, up, job->type, to - from);
    else
        job->backward((char *)job->dgate + offset, (char *)job->dup + offset,
                      (const char *)job->da + offset, gate, up, job->type, to - from);
}

static void go_forward(ck_gated *leaf, void *a, const void *gate, const void *up, ck_format type,
                       int64_t count) {
    job job = {.forward = leaf, .a = a, .gate = gate, .up = up, .type = type};
    ck_team_run(run_range, &job, count, PIECE, ck_threads_for(count, WORTH));
}

static void go_back(ck_gated_backward *leaf, void *dgate, void *dup, const void *da,
                    const void *gate, const void *up, ck_format type, int64_t count) {
    job job = {.backward = leaf, .dgate = dgate, .dup = dup, .da = da, .gate = gate, .up = up,
               .type = type};
    ck_team_run(run_range, &job, count, PIECE, ck_threads_for(count, WORTH));
}

void ck_swiglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    go_forward(ck_layers()->swiglu, a, gate, up, type, count);
}

void ck_swiglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up,
                        ck_format type, int64_t count) {
    go_back(ck_layers()->swiglu_backward, dgate, dup, da, gate, up, type, count);
}

void ck_geglu(void *a, const void *gate, const void *up, ck_format type, int64_t count) {
    go_forward(ck_layers()->geglu, a, gate, up, type, count);
}

void ck_geglu_backward(void *dgate, void *dup, const void *da, const void *gate, const void *up,
                       ck_format type, int64_t count) {
    go_back(ck_layers()->geglu_backward, dgate, dup, da, gate, up, type, count);
}
