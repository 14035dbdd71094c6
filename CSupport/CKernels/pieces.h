/* The pieces that products are cut into: of the (panel, token) plane, panel by panel. */
#ifndef CK_PIECES_H
#define CK_PIECES_H

#include <stdint.h>

enum { CK_PIECE_TOKENS = 24 }; /* no piece of a panel is smaller, unless it is all there is */

/* First some panels together, whole; then panels that are cut by tokens. */
typedef struct {
    int64_t panels, tokens, count; /* count: of pieces */
    int64_t group;                 /* panels in a piece, */
    int64_t whole;                 /* for so many of the panels */
    int64_t part;                  /* tokens in a piece of the others */
} ck_pieces;

/* At most about `most_tokens` tokens of a panel are in a piece. The last panel is cut for all threads,
 * so that they end together; `uncut` forbids it. */
static inline ck_pieces ck_pieces_of(int64_t panels, int64_t tokens, int64_t most_tokens, int uncut,
                                     int32_t threads) {
    ck_pieces pieces = {.panels = panels, .tokens = tokens, .group = 1, .part = tokens};
    if (tokens > most_tokens) {
        /* Cut them all, into equal parts. */
        int64_t parts = (tokens + most_tokens - 1) / most_tokens;
        pieces.part = ((tokens + parts - 1) / parts + 11) / 12 * 12;
    } else {
        int64_t group = most_tokens / tokens, share = panels / (4 * threads);
        if (group > share) group = share;
        pieces.group = group > 1 ? group : 1;
        pieces.whole = panels;
        if (!uncut && threads > 1) {
            int64_t part = (tokens / threads + 11) / 12 * 12;
            pieces.part = part > CK_PIECE_TOKENS ? part : CK_PIECE_TOKENS;
            pieces.whole = panels - 1;
        }
    }
    int64_t parts = (tokens + pieces.part - 1) / pieces.part;
    pieces.count = (pieces.whole + pieces.group - 1) / pieces.group + (panels - pieces.whole) * parts;
    return pieces;
}

/* Piece `index`: from ..< to, of panel * tokens + token. */
static inline void ck_piece_at(const ck_pieces *pieces, int64_t index, int64_t *from, int64_t *to) {
    int64_t groups = (pieces->whole + pieces->group - 1) / pieces->group, tokens = pieces->tokens;
    if (index < groups) {
        int64_t end = (index + 1) * pieces->group;
        *from = index * pieces->group * tokens;
        *to = (end < pieces->whole ? end : pieces->whole) * tokens;
    } else {
        int64_t parts = (tokens + pieces->part - 1) / pieces->part, at = index - groups;
        int64_t begin = (pieces->whole + at / parts) * tokens, part = at % parts * pieces->part;
        *from = begin + part;
        *to = begin + (part + pieces->part < tokens ? part + pieces->part : tokens);
    }
}

#endif
