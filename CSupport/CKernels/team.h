/* A team of threads that stays together over many small jobs: for generation, where a token is some
 * two hundred of them and opening a parallel region for each would cost a tenth of the time.
 *
 * While the caller computes alone between two jobs, the others read ahead what it has announced, so that
 * memory does not stand idle. */
#ifndef CK_TEAM_H
#define CK_TEAM_H

#include "include/CKernels.h"

enum { CK_TEAM_MOST = 32 }; /* threads that read ahead */

/* A part of a job. Calls are numbered 0 ..< threads, but any of them but 0 may fail to come: the pieces of
 * a job are to be taken from atomic counters until there are no more. */
typedef void ck_team_work(void *context, int64_t thread, int64_t threads);

/* What a thread will read first in a job to come. */
typedef struct { const char *from; size_t bytes; } ck_team_ahead;

/* Runs `work` on the team of the calling thread, or on as many threads for this call alone where it has
 * none; it has been left by all of them when this returns. `ahead` [CK_TEAM_MOST], or NULL: read when
 * the job is done. */
void ck_team_run(ck_team_work *work, void *context, const ck_team_ahead *ahead);

#endif
