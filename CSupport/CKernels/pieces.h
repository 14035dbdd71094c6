/* How the products hand their work out: piece by piece from an atomic counter, so that a core that is
 * busy with something else does not set the pace. Who takes which piece does not change a bit of
 * the result. */
#ifndef CK_PIECES_H
#define CK_PIECES_H

#include <stdatomic.h>
#include <stdint.h>

enum { CK_PIECE_TOKENS = 24 }; /* no piece of a panel is smaller */

/* The (panel, token) plane, panel by panel: what is below `next` has been handed out. */
typedef struct {
    int64_t panels, tokens, threads;
    int32_t whole; /* panels are not cut by tokens */
    _Atomic int64_t next;
} ck_pieces;

/* The next piece, from ..< to (panel * tokens + token): a share of the panels that are left, so that
 * pieces get smaller towards the end; the last panel of all is cut by tokens. 0 when nothing is
 * left. */
static inline int ck_take_piece(ck_pieces *pieces, int64_t *from, int64_t *to) {
    int64_t tokens = pieces->tokens, end = pieces->panels * tokens, next;
    int64_t at = atomic_load_explicit(&pieces->next, memory_order_relaxed);
    do {
        if (at >= end) return 0;
        int64_t left = (end - at) / tokens;
        if (left > 1 || pieces->whole) {
            int64_t share = left / (2 * pieces->threads);
            next = at + (share > 1 ? share : 1) * tokens;
        } else {
            int64_t part = (tokens / pieces->threads + 11) / 12 * 12;
            next = at + (part > CK_PIECE_TOKENS ? part : CK_PIECE_TOKENS);
            if (end - next < CK_PIECE_TOKENS) next = end;
        }
    } while (!atomic_compare_exchange_weak_explicit(&pieces->next, &at, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    *from = at;
    *to = next;
    return 1;
}

#endif
