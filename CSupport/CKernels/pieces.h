/* The pieces that products are cut into: of the (panel, token) plane, panel by panel. */
#ifndef CK_PIECES_H
#define CK_PIECES_H

#include <stdint.h>

enum { CK_PIECE_TOKENS = 24 }; /* no piece of a panel is smaller, unless it is all there is */

/* Each share of the team (team.c) has the same: whole panels, some of them together, then a range of
 * the plane of those panels that are left over, so that all threads end together. */
typedef struct {
    int64_t panels, tokens, count; /* count: of pieces */
    int64_t shares;
    int64_t whole;  /* panels of a share, */
    int64_t group;  /* so many in a piece */
    int64_t part;   /* tokens of the last piece of a share; 0: there is none */
} ck_pieces;

/* Pieces of panels that have about `most_tokens` tokens together; `uncut` panels are whole. */
static inline ck_pieces ck_pieces_of(int64_t panels, int64_t tokens, int64_t most_tokens, int uncut,
                                     int32_t threads) {
    ck_pieces pieces = {.panels = panels, .tokens = tokens, .shares = uncut ? 1 : threads};
    int64_t group = most_tokens / tokens, share = panels / (4 * threads);
    if (group > share) group = share;
    pieces.group = group > 1 ? group : 1;
    pieces.whole = panels / pieces.shares;
    int64_t rest = (panels - pieces.whole * pieces.shares) * tokens;
    if (rest > 0) {
        pieces.part = ((rest + pieces.shares - 1) / pieces.shares + 11) / 12 * 12;
        if (pieces.part < CK_PIECE_TOKENS) pieces.part = CK_PIECE_TOKENS;
    }
    pieces.count =
        pieces.shares * ((pieces.whole + pieces.group - 1) / pieces.group + (rest > 0));
    return pieces;
}

/* Piece `index`: from ..< to, of panel * tokens + token; perhaps nothing. */
static inline void ck_piece_at(const ck_pieces *pieces, int64_t index, int64_t *from, int64_t *to) {
    int64_t each = pieces->count / pieces->shares, share = index / each, at = index % each;
    int64_t first = at * pieces->group, end = first + pieces->group, tokens = pieces->tokens;
    if (first < pieces->whole) {
        if (end > pieces->whole) end = pieces->whole;
        *from = (share * pieces->whole + first) * tokens;
        *to = (share * pieces->whole + end) * tokens;
    } else {
        int64_t limit = pieces->panels * tokens;
        *from = pieces->whole * pieces->shares * tokens + share * pieces->part;
        *to = *from + pieces->part < limit ? *from + pieces->part : limit;
    }
}

#endif
