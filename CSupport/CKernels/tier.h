/* A tier of the instruction set: the tables of its leaves, all in one record (dispatch.c has them).
 *
 * Whoever adds an instruction set writes the leaves, one record, and a case in dispatch.c; the
 * drivers read the record in use and know no instruction set. */
#ifndef CK_TIER_H
#define CK_TIER_H

#include "few.h"
#include "int8.h"
#include "layers.h"
#include "leaf.h"
#include "peak.h"

typedef struct {
    int32_t isa;                     /* CK_ISA_* */
    const ck_leaf *leaf, *leaf_bf16; /* for f32 and bf16 activations; NULL: the oracle's products */
    const ck_int8_leaf *int8;        /* NULL: the oracle's product */
    int32_t int8_pays;               /* 1: training is faster with it (ck_int8_pays) */
    const ck_few_leaf *few;          /* NULL: the fp32 product of few tokens is the better one */
    const ck_layer_leaves *layers;
    const ck_attention_leaves *attention, *attention_bf16; /* for f32 and bf16 storage */
    ck_peak_leaf peak;
} ck_tier;

/* The tier of ck_isa(), asked for at every call (it is a load). */
const ck_tier *ck_tier_in_use(void);

/* Its leaf for activations of a type. */
static inline const ck_leaf *ck_leaf_for(ck_format x_type) {
    const ck_tier *tier = ck_tier_in_use();
    return x_type == CK_BF16 ? tier->leaf_bf16 : tier->leaf;
}

#endif
