/* See team.h. */
#include "team.h"
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

int omp_get_thread_num(void);
int omp_get_num_threads(void);

enum {
    OPEN = 1 << 15,     /* of a gate: whether the job may be entered */
    NUMBER = 1 << 16,   /* of a gate: the job's number, from here up; below OPEN: how many are inside */
    PATIENCE = 1 << 14, /* looks at a gate before the processor is offered to others */
    LINES = 8,          /* cache lines read ahead between two looks */
    OWN_LINES = 16,     /* that the caller itself asks for, before it goes on alone */
    LINE = 64,
};

/* A job is written while the gate is shut and nobody inside, and read by those who have entered. */
typedef struct {
    _Alignas(64) _Atomic uint64_t gate;
    _Atomic int32_t over;
    _Alignas(64) ck_team_work *work;
    void *context;
    int64_t threads;
    ck_team_ahead ahead[CK_TEAM_MOST];
} team;

static _Thread_local team *mine;

static void pause_briefly(int64_t looks) {
    if (looks % PATIENCE == PATIENCE - 1) sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void read_ahead(ck_team_ahead *ahead, int64_t lines) {
    for (int64_t i = 0; i < lines && ahead->bytes > 0; i++) {
        __builtin_prefetch(ahead->from, 0, 2);
        ahead->from += LINE;
        ahead->bytes -= ahead->bytes < LINE ? ahead->bytes : LINE;
    }
}

/* A helper's life: enters each job that it finds open, once. */
static void help(team *team, int64_t thread) {
    uint64_t last = 0;
    ck_team_ahead ahead = {NULL, 0};
    for (int64_t looks = 0;; looks++) {
        uint64_t gate = atomic_load_explicit(&team->gate, memory_order_relaxed);
        if (!(gate & OPEN) || gate / NUMBER == last) {
            if (atomic_load_explicit(&team->over, memory_order_relaxed)) return;
            if (ahead.bytes > 0)
                read_ahead(&ahead, LINES);
            else
                pause_briefly(looks);
            continue;
        }
        if (!atomic_compare_exchange_weak_explicit(&team->gate, &gate, gate + 1,
                                                   memory_order_acquire, memory_order_relaxed))
            continue;
        last = gate / NUMBER;
        team->work(team->context, thread, team->threads);
        ahead = thread < CK_TEAM_MOST ? team->ahead[thread] : (ck_team_ahead){NULL, 0};
        atomic_fetch_sub_explicit(&team->gate, 1, memory_order_release);
        looks = 0;
    }
}

void ck_with_team(void (*body)(void *), void *context) {
    int32_t threads = ck_threads();
    if (threads == 1 || mine) {
        body(context);
        return;
    }
    team team = {.threads = 1};
#pragma omp parallel num_threads(threads)
    if (omp_get_thread_num() == 0) {
        team.threads = omp_get_num_threads();
        mine = &team;
        body(context);
        mine = NULL;
        atomic_store_explicit(&team.over, 1, memory_order_relaxed);
    } else {
        help(&team, omp_get_thread_num());
    }
}

void ck_team_run(ck_team_work *work, void *context, const ck_team_ahead *ahead) {
    team *team = mine;
    if (!team) {
#pragma omp parallel num_threads(ck_threads())
        work(context, omp_get_thread_num(), omp_get_num_threads());
        return;
    }
    team->work = work;
    team->context = context;
    if (ahead)
        memcpy(team->ahead, ahead, sizeof team->ahead);
    else
        memset(team->ahead, 0, sizeof team->ahead);
    uint64_t gate = atomic_load_explicit(&team->gate, memory_order_relaxed);
    atomic_store_explicit(&team->gate, gate + NUMBER + OPEN, memory_order_release);
    work(context, 0, team->threads);
    atomic_fetch_and_explicit(&team->gate, ~(uint64_t)OPEN, memory_order_relaxed);
    for (int64_t looks = 0;; looks++) {
        gate = atomic_load_explicit(&team->gate, memory_order_acquire);
        if (!(gate & (OPEN - 1))) break;
        pause_briefly(looks);
    }
    if (ahead) {
        ck_team_ahead own = ahead[0];
        read_ahead(&own, OWN_LINES);
    }
}

typedef struct {
    void (*body)(void *context, int64_t index);
    void *context;
    int64_t count;
    atomic_llong next;
} each;

static void take_each(each *each) {
    for (;;) {
        int64_t index = atomic_fetch_add_explicit(&each->next, 1, memory_order_relaxed);
        if (index >= each->count) return;
        each->body(each->context, index);
    }
}

void ck_for_each(int64_t count, int32_t most, void (*body)(void *context, int64_t index),
                 void *context) {
    each each = {.body = body, .context = context, .count = count};
    int32_t threads = most < ck_threads() ? most : ck_threads();
    if (threads > count) threads = (int32_t)count;
    if (threads <= 1) {
        take_each(&each);
        return;
    }
#pragma omp parallel num_threads(threads)
    take_each(&each);
}
