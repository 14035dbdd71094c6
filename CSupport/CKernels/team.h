/* How every kernel uses the processor's cores: a job is cut into pieces, and whoever is there takes
 * them. Who takes which piece does not change a bit of the result.
 *
 * One team serves the process (team.c). The calling thread takes part, goes on alone when helpers have
 * not come, and waits at the end only for pieces that somebody has begun: a helper that the system
 * has put aside costs its share and no more. Idle helpers sleep. */
#ifndef CK_TEAM_H
#define CK_TEAM_H

#include "include/CKernels.h"

/* Items from ..< to of a job, at most `grain` of them when several threads take part. `slot`, below
 * the job's number of threads, is another for each thread that is at work on the job: the number of its
 * scratch. */
typedef void ck_team_work(void *context, int64_t from, int64_t to, int32_t slot);

/* Runs `work` for all of 0 ..< count, `grain` items at a time, on at most `threads` threads. All is
 * done when it returns. With one piece or one thread it is one call on this thread, and so it is within
 * a piece of another job: a piece, with everything that it calls, runs on one thread.
 *
 * A piece of 20 to 500 microseconds costs little to hand out and does not keep others waiting long. */
void ck_team_run(ck_team_work *work, void *context, int64_t count, int64_t grain, int32_t threads);

/* OMP_NUM_THREADS, or the processors that this process may run on. */
int32_t ck_team_threads(void);

enum { CK_TEAM_MOST = 32 }; /* threads that read ahead */

/* What a thread will read first in the job to come. */
typedef struct { const char *from; size_t bytes; } ck_team_ahead;

/* The same; who has nothing left to do reads ahead[slot] [CK_TEAM_MOST] into its cache, so that memory
 * does not stand idle while the caller computes alone between two jobs of generation. */
void ck_team_run_ahead(ck_team_work *work, void *context, int64_t count, int64_t grain,
                       int32_t threads, const ck_team_ahead *ahead);

/* The threads for a job of `size`, of whatever measure: one when it is not more than `worth`. */
static inline int32_t ck_threads_for(int64_t size, int64_t worth) {
    return size > worth ? ck_threads() : 1;
}

/* Rows of `width` values in a piece of a job that is bound by memory. */
static inline int64_t ck_row_grain(int64_t width) {
    enum { VALUES = 1 << 15 };
    return width < VALUES ? VALUES / (width > 0 ? width : 1) : 1;
}

#endif
