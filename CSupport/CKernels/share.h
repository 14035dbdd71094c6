/* What a thread does of a loop in a parallel region: neighbours, in order.
 *
 * In place of `omp for schedule(static)` where a loop is small in generation: Debian's libomp is a build that formats a line of text for its debugger at each such
 * loop, also where nobody else takes part. A generated token has 240 of them, which took as long as a twentieth of it. */
#ifndef CK_SHARE_H
#define CK_SHARE_H

#include <stdint.h>

int omp_get_thread_num(void);
int omp_get_num_threads(void);

typedef struct { int64_t from, to; } ck_share;

/* Of 0 ..< count. */
static inline ck_share ck_own_share(int64_t count) {
    int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
    return (ck_share){count * thread / threads, count * (thread + 1) / threads};
}

#endif
