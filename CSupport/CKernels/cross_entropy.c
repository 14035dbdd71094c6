/* Softmax, negative log-likelihood and its gradient, a row of logits at a time:
 *   nll = log(sum exp(l - max)) + max - l[target],   dl = weight * (softmax(l) - onehot(target)).
 * Three sweeps over a row that stays in the second-level cache: maximum, sum, gradient.
 */
#include "layers.h"
#include "team.h"

enum { WORTH = 16384 }; /* values that are worth calling others */

typedef struct {
    float *nll;
    void *dlogits;
    ck_format type;
    const float *logits, *weights;
    const int32_t *targets;
    int64_t vocabulary;
} job;

static void run_rows(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const job *j = context;
    const size_t row_bytes = ck_element_bytes(j->type) * (size_t)j->vocabulary;
    for (int64_t row = from; row < to; row++)
        j->nll[row] = ck_layers()->cross_entropy(
            j->dlogits ? (char *)j->dlogits + row_bytes * (size_t)row : NULL, j->type,
            j->logits + row * j->vocabulary, j->targets[row], j->weights[row], j->vocabulary);
}

void ck_cross_entropy(float *nll, void *dlogits, ck_format type, const float *logits,
                      const int32_t *targets, const float *weights, int64_t rows,
                      int64_t vocabulary) {
    job job = {.nll = nll, .dlogits = dlogits, .type = type, .logits = logits, .weights = weights,
               .targets = targets, .vocabulary = vocabulary};
    ck_team_run(run_rows, &job, rows, ck_row_grain(vocabulary),
                ck_threads_for(rows * vocabulary, WORTH));
}
