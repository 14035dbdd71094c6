/* The part of LLVM's OpenMP runtime (kmp.h: the entry points that clang emits) which the kernels' team
 * needs, on POSIX threads, for a cross build without that library: a parallel region, which starts its
 * threads and joins them. Regions do not nest. */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

typedef void microtask(int32_t *thread, int32_t *bound, ...);

enum { MOST_ARGUMENTS = 24, MOST_THREADS = 16 };

typedef struct {
    microtask *task;
    void *arguments[MOST_ARGUMENTS];
    int32_t threads;
} team;

typedef struct {
    team *team;
    int32_t index;
} member;

static _Thread_local team *mine; /* NULL outside a region */
static _Thread_local int32_t my_index, wanted;

int omp_get_max_threads(void) { return 2; }

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
    for (int32_t i = 0; i < team.threads; i++) members[i] = (member){&team, i};
    for (int32_t i = 1; i < team.threads; i++)
        if (pthread_create(&threads[i], NULL, run, &members[i]) != 0) abort();
    run(&members[0]);
    for (int32_t i = 1; i < team.threads; i++) pthread_join(threads[i], NULL);
    mine = NULL;
    my_index = 0;
}
