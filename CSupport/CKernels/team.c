/* See team.h.
 *
 * Jobs lie in a few static places, one for each caller at the same time. The pieces of a job are dealt
 * into shares, neighbours together, one for each thread; a thread takes its own share first, piece by
 * piece in order, then helps with the others. A share is two words: the pieces that are left, from
 * which a piece is taken by compare and swap, and those that are not yet done, for which the caller
 * waits. Everything else in a job may be read only by those who hold a piece that is not yet done: it
 * cannot end before. What is left says also how many threads the job wants, so that a helper who comes
 * late, with a number from an older job of the same place, either takes a piece that it may take or
 * none.
 *
 * OpenMP makes the threads, once: a region opened by a thread of its own, which nobody waits for and
 * which lasts as long as the process. Helpers on their way through OpenMP when the process ends would find
 * the library gone, so the end waits until all have come (await_helpers); those that have come never call it
 * again. Regions around loops would make the caller wait, at their end, for
 * threads that have not come to begin, and idle threads burn a processor for a fifth of a second.
 *
 * LLVM's library notes in shared memory, under the numbers of process and user, that it is there. A process that is
 * killed leaves its note behind, and where it had no length yet, the next process with that number dies of a bus
 * error as it reads it. So the note is removed before the library starts, whoever left it, and after. */
#define _GNU_SOURCE
#include "team.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int omp_get_max_threads(void);

enum {
    PLACES = 16,         /* jobs at a time; a caller beyond them works alone */
    MOST_SHARES = 32,
    MOST_HELPERS = 1023,
    PATIENCE = 64,       /* looks for work, or for the end of a job, before a thread sleeps: some */
    PAUSES = 4,          /* microseconds. Between two looks: a thread that waits is not to take the */
                         /* units of a core from another that computes on it */
    LINE = 64,
    LINES = 8,           /* cache lines read ahead between two looks */
    OWN_LINES = 16,      /* that the caller itself asks for, before it goes on alone */
    LONGEST_END = 2000,  /* milliseconds that the end of the process waits for helpers to come */
};

typedef struct {
    _Alignas(LINE) _Atomic uint64_t left; /* threads << 32 | pieces that nobody has taken */
    _Atomic uint32_t undone;              /* pieces; a futex of the caller's */
} share;

typedef struct {
    _Alignas(LINE) atomic_int taken;
    _Atomic int32_t threads; /* 0: there is nothing to do. A hint: `left` decides */
    atomic_int asleep;       /* the caller sleeps on a share's `undone` */
    _Alignas(LINE) ck_team_work *work;
    void *context;
    int64_t count, grain, pieces, shares;
    const ck_team_ahead *ahead;
    share share[MOST_SHARES];
} job;

typedef struct {
    _Alignas(LINE) _Atomic uint32_t asleep; /* a futex of the helper's */
} bed;

static job jobs[PLACES];
static bed beds[MOST_HELPERS + 1]; /* by slot; the caller's is 0 */
static _Atomic uint32_t opened; /* jobs so far, modulo 2^32: helpers look at this word while they wait */
static _Atomic int32_t helpers, come; /* called, and of them those that look for work */
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT, started = PTHREAD_ONCE_INIT;
static int32_t most; /* threads that OpenMP would take */
static _Thread_local int in_piece;

static void pause_briefly(void) {
    for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void read_ahead(ck_team_ahead *ahead, int64_t lines) {
    for (int64_t i = 0; i < lines && ahead->bytes > 0; i++) {
        __builtin_prefetch(ahead->from, 0, 2);
        ahead->from += LINE;
        ahead->bytes -= ahead->bytes < LINE ? ahead->bytes : LINE;
    }
}

/* ---- Pieces ---- */

static int64_t shares_of(int32_t threads) { return threads < MOST_SHARES ? threads : MOST_SHARES; }

/* The pieces that were left before one was taken, or 0 when there is none for a job of `threads`. */
static int64_t take(share *share, int32_t threads) {
    uint64_t left = atomic_load_explicit(&share->left, memory_order_relaxed);
    do {
        if (left >> 32 != (uint64_t)threads || !(uint32_t)left) return 0;
    } while (!atomic_compare_exchange_weak_explicit(&share->left, &left, left - 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return (int64_t)(uint32_t)left;
}

/* Takes pieces until none is left; whether there was one. `ahead` becomes what to read then. */
static int work_on(job *job, int32_t threads, int32_t slot, ck_team_ahead *ahead) {
    int64_t shares = shares_of(threads), left;
    int found = 0;
    for (int64_t i = 0; i < shares; i++) {
        int64_t at = (slot + i) % shares;
        share *share = &job->share[at];
        while ((left = take(share, threads))) {
            int64_t piece = job->pieces * (at + 1) / shares - left;
            int64_t from = piece * job->grain, to = from + job->grain;
            job->work(job->context, from, to < job->count ? to : job->count, slot);
            if (!found)
                *ahead = job->ahead && slot < CK_TEAM_MOST ? job->ahead[slot] : (ck_team_ahead){0};
            found = 1;
            if (atomic_fetch_sub(&share->undone, 1) == 1 && atomic_load(&job->asleep))
                wake(&share->undone);
        }
    }
    return found;
}

/* ---- Helpers ---- */

static int look_for_work(int32_t slot, ck_team_ahead *ahead) {
    int found = 0;
    for (int64_t i = 0; i < PLACES; i++) {
        int32_t threads = atomic_load(&jobs[i].threads);
        if (threads > slot) found |= work_on(&jobs[i], threads, slot, ahead);
    }
    return found;
}

static void help(int32_t slot) {
    ck_team_ahead ahead = {NULL, 0};
    in_piece = 1;
    for (;;) {
        uint32_t seen = atomic_load(&opened);
        while (look_for_work(slot, &ahead)) {}
        for (int64_t looks = 0; looks < PATIENCE && atomic_load(&opened) == seen;) {
            if (ahead.bytes > 0) {
                read_ahead(&ahead, LINES);
            } else {
                pause_briefly();
                looks++;
            }
        }
        if (atomic_load(&opened) != seen) continue;
        /* Whoever opens a job after this look sees that the helper sleeps. */
        atomic_store(&beds[slot].asleep, 1);
        if (atomic_load(&opened) == seen) sleep_while(&beds[slot].asleep, 1);
        atomic_store(&beds[slot].asleep, 0);
    }
}

static void start_library(void) {
    char note[64];
    snprintf(note, sizeof note, "/__KMP_REGISTERED_LIB_%d_%d", (int)getpid(), (int)getuid());
    shm_unlink(note);
    most = omp_get_max_threads();
    shm_unlink(note);
}

int32_t ck_team_threads(void) {
    pthread_once(&started, start_library);
    return most;
}

/* The slots are in the order in which they come, so that there is no gap where the system refuses some. A function with
 * a region calls the library as soon as it is entered. */
__attribute__((noinline)) static void open_region(int32_t wanted) {
#pragma omp parallel num_threads(wanted)
    help(atomic_fetch_add(&come, 1) + 1);
}

static void *keep_helpers(void *count) {
    ck_team_threads();
    open_region((int32_t)(intptr_t)count);
    return NULL;
}

/* Before OpenMP ends its library. Where the system refused threads, they do not come: not for ever. */
static void await_helpers(void) {
    for (int i = 0; i < LONGEST_END && atomic_load(&come) < atomic_load(&helpers); i++) usleep(1000);
}

/* In a child process: its only thread is the one that forked. */
static void forget_all(void) {
    memset(jobs, 0, sizeof jobs);
    memset(beds, 0, sizeof beds);
    atomic_store(&helpers, 0);
    atomic_store(&come, 0);
    started = (pthread_once_t)PTHREAD_ONCE_INIT;
    pthread_mutex_init(&growing, NULL);
}

static void mind_forks_and_the_end(void) {
    pthread_atfork(NULL, NULL, forget_all);
    atexit(await_helpers);
}

/* Where the system refuses threads the job goes on with those there are. */
static void call_helpers(int32_t wanted) {
    if (wanted > MOST_HELPERS) wanted = MOST_HELPERS;
    if (atomic_load_explicit(&helpers, memory_order_acquire) >= wanted) return;
    pthread_once(&once, mind_forks_and_the_end);
    pthread_mutex_lock(&growing);
    int32_t present = atomic_load(&helpers);
    pthread_t keeper;
    void *count = (void *)(intptr_t)(wanted - present);
    if (present < wanted && pthread_create(&keeper, NULL, keep_helpers, count) == 0) {
        pthread_detach(keeper);
        atomic_store_explicit(&helpers, wanted, memory_order_release);
    }
    pthread_mutex_unlock(&growing);
}

/* ---- Callers ---- */

static job *take_place(void) {
    for (int64_t i = 0; i < PLACES; i++)
        if (!atomic_load_explicit(&jobs[i].taken, memory_order_relaxed) &&
            !atomic_exchange_explicit(&jobs[i].taken, 1, memory_order_acquire))
            return &jobs[i];
    return NULL;
}

static void open_job(job *job, int32_t threads) {
    job->shares = shares_of(threads);
    for (int64_t i = 0; i < job->shares; i++) {
        uint64_t pieces = (uint64_t)(job->pieces * (i + 1) / job->shares - job->pieces * i / job->shares);
        atomic_store_explicit(&job->share[i].undone, (uint32_t)pieces, memory_order_relaxed);
        atomic_store_explicit(&job->share[i].left, (uint64_t)threads << 32 | pieces,
                              memory_order_release);
    }
    atomic_store(&job->threads, threads);
    atomic_fetch_add(&opened, 1);
    for (int32_t slot = 1; slot < threads && slot < job->pieces && slot <= MOST_HELPERS; slot++)
        if (atomic_load(&beds[slot].asleep) && atomic_exchange(&beds[slot].asleep, 0))
            wake(&beds[slot].asleep);
}

static void wait_for_the_begun(job *job) {
    for (int64_t i = 0; i < job->shares; i++) {
        _Atomic uint32_t *undone = &job->share[i].undone;
        for (int64_t looks = 0; looks < PATIENCE; looks++) {
            if (!atomic_load_explicit(undone, memory_order_acquire)) break;
            pause_briefly();
        }
        uint32_t value = atomic_load_explicit(undone, memory_order_acquire);
        if (!value) continue;
        atomic_store(&job->asleep, 1);
        while ((value = atomic_load(undone))) sleep_while(undone, value);
        atomic_store(&job->asleep, 0);
    }
}

void ck_team_run_ahead(ck_team_work *work, void *context, int64_t count, int64_t grain,
                       int32_t threads, const ck_team_ahead *ahead) {
    if (count <= 0) return;
    int64_t pieces = (count + grain - 1) / grain;
    job *job = threads > 1 && pieces > 1 && !in_piece ? take_place() : NULL;
    if (!job) {
        work(context, 0, count, 0);
        return;
    }
    if (threads > pieces && !ahead) threads = (int32_t)pieces;
    call_helpers(threads - 1);
    job->work = work;
    job->context = context;
    job->count = count;
    job->grain = grain;
    job->pieces = pieces;
    job->ahead = ahead;
    open_job(job, threads);
    in_piece = 1;
    ck_team_ahead own;
    work_on(job, threads, 0, &own);
    in_piece = 0;
    atomic_store_explicit(&job->threads, 0, memory_order_relaxed);
    wait_for_the_begun(job);
    atomic_store_explicit(&job->taken, 0, memory_order_release);
    if (ahead) {
        own = ahead[0];
        read_ahead(&own, OWN_LINES);
    }
}

void ck_team_run(ck_team_work *work, void *context, int64_t count, int64_t grain, int32_t threads) {
    ck_team_run_ahead(work, context, count, grain, threads, NULL);
}

/* ---- Many calls side by side ---- */

typedef struct {
    void (*body)(void *context, int64_t index);
    void *context;
} each;

static void run_each(void *context, int64_t from, int64_t to, int32_t slot) {
    (void)slot;
    const each *each = context;
    for (int64_t i = from; i < to; i++) each->body(each->context, i);
}

void ck_for_each(int64_t count, int32_t most, void (*body)(void *context, int64_t index),
                 void *context) {
    each each = {.body = body, .context = context};
    int32_t threads = most < ck_threads() ? most : ck_threads();
    ck_team_run(run_each, &each, count, 1, threads);
}
