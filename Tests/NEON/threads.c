/* The part of LLVM's OpenMP runtime (kmp.h: the entry points that clang emits) which the kernels'
 * drivers need, on POSIX threads, for a cross build without that library: parallel regions, static
 * schedules, barriers. A region starts its threads and joins them; regions do not nest. */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

typedef void microtask(int32_t *thread, int32_t *bound, ...);

enum { MOST_ARGUMENTS = 24, MOST_THREADS = 16, STATIC_CHUNKS = 33 };

typedef struct {
    microtask *task;
    void *arguments[MOST_ARGUMENTS];
    int32_t threads;
    pthread_barrier_t barrier;
} team;

typedef struct {
    team *team;
    int32_t index;
} member;

static _Thread_local team *mine; /* NULL outside a region */
static _Thread_local int32_t my_index, wanted;

int omp_get_max_threads(void) { return 2; }
int omp_get_thread_num(void) { return my_index; }
int omp_get_num_threads(void) { return mine ? mine->threads : 1; }

int32_t __kmpc_global_thread_num(void *where) {
    (void)where;
    return my_index;
}

void __kmpc_push_num_threads(void *where, int32_t thread, int32_t threads) {
    (void)where, (void)thread;
    wanted = threads;
}

static void *run(void *pointer) {
    const member *m = pointer;
    int32_t index = m->index;
    void **a = m->team->arguments;
    mine = m->team;
    my_index = index;
    /* A task takes as many as it was compiled with; more do no harm in this calling convention. */
    m->team->task(&index, &index, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10],
                  a[11], a[12], a[13], a[14], a[15], a[16], a[17], a[18], a[19], a[20], a[21],
                  a[22], a[23]);
    return NULL;
}

void __kmpc_fork_call(void *where, int32_t count, microtask *task, ...) {
    (void)where;
    if (mine || count > MOST_ARGUMENTS || wanted > MOST_THREADS) abort();
    team team = {.task = task, .threads = wanted > 0 ? wanted : omp_get_max_threads()};
    va_list arguments;
    va_start(arguments, task);
    for (int32_t i = 0; i < count; i++) team.arguments[i] = va_arg(arguments, void *);
    va_end(arguments);
    wanted = 0;
    pthread_t threads[MOST_THREADS];
    member members[MOST_THREADS];
    if (pthread_barrier_init(&team.barrier, NULL, (unsigned)team.threads) != 0) abort();
    for (int32_t i = 0; i < team.threads; i++) members[i] = (member){&team, i};
    for (int32_t i = 1; i < team.threads; i++)
        if (pthread_create(&threads[i], NULL, run, &members[i]) != 0) abort();
    run(&members[0]);
    for (int32_t i = 1; i < team.threads; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&team.barrier);
    mine = NULL;
    my_index = 0;
}

/* The task runs on the calling thread alone, called by the compiled code itself. */
void __kmpc_serialized_parallel(void *where, int32_t thread) {
    (void)where, (void)thread;
    if (mine) abort();
    wanted = 0;
}

void __kmpc_end_serialized_parallel(void *where, int32_t thread) { (void)where, (void)thread; }

void __kmpc_barrier(void *where, int32_t thread) {
    (void)where, (void)thread;
    if (mine) pthread_barrier_wait(&mine->barrier);
}

/* Bounds are inclusive. A chunked loop takes every `threads`-th chunk, a plain one one run of
 * nearly equal length; who gets nothing begins after the end (an unsigned end before 0 is none). */
#define STATIC_INIT(name, integer)                                                                 \
    void name(void *where, int32_t thread, int32_t schedule, int32_t *last, integer *lower,        \
              integer *upper, int64_t *stride, int64_t step, int64_t chunk) {                      \
        (void)where, (void)thread;                                                                 \
        int64_t threads = omp_get_num_threads(), index = my_index;                                 \
        int64_t first = (int64_t)*lower, end = (int64_t)*upper;                                    \
        int64_t trips = (end - first) / step + 1;                                                  \
        if (schedule == STATIC_CHUNKS) {                                                           \
            *stride = threads * chunk * step;                                                      \
            *lower = (integer)(first + index * chunk * step);                                      \
            *upper = (integer)(first + (index * chunk + chunk - 1) * step);                        \
            *last = index == (trips - 1) / chunk % threads;                                        \
            return;                                                                                \
        }                                                                                          \
        int64_t share = trips / threads, extra = trips % threads;                                  \
        int64_t from = index * share + (index < extra ? index : extra);                            \
        int64_t to = from + share + (index < extra);                                               \
        *stride = trips * step;                                                                    \
        *lower = (integer)(first + from * step);                                                   \
        *upper = (integer)(to > from ? first + (to - 1) * step : end);                             \
        *last = to > from && to == trips;                                                          \
    }
STATIC_INIT(__kmpc_for_static_init_8, int64_t)
STATIC_INIT(__kmpc_for_static_init_8u, uint64_t)

void __kmpc_for_static_fini(void *where, int32_t thread) { (void)where, (void)thread; }
