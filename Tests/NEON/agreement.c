/* Compares every instruction-set tier that this processor (or emulator) has with the scalar oracle,
 * through the functions of CKernels.h: a program of its own, so that it can be cross-compiled and
 * run where Swift is not. It exits with 1 where something disagrees, or where no tier but the
 * oracle is there; names given as arguments must be among the tiers. scripts/test-neon builds and
 * runs it. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

int main(int count, char **names) {
    for (int32_t isa = CK_ISA_SCALAR + 1; isa <= CK_ISA_NEON_BF16; isa++)
        if (ck_isa_available(isa)) tiers[tier_count++] = isa;
    for (int i = 1; i < count; i++) {
        int found = 0;
        for (int j = 0; j < tier_count; j++) found |= strcmp(names[i], tier_name(tiers[j])) == 0;
        if (!found) printf("the tier %s is not available\n", names[i]);
        disagreements += !found;
    }
    printf("tiers:");
    for (int i = 0; i < tier_count; i++) printf(" %s", tier_name(tiers[i]));
    printf("; chosen: %s\n", tier_name(ck_isa()));
    if (tier_count == 0 || disagreements > 0) return 1;
    ck_set_threads(2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    test_products();
    test_thin_products();
    test_attention();
    test_cached_attention();
    test_layers();
    test_optimizer();
    printf("%lld comparisons, %lld disagreements\n", (long long)comparisons,
           (long long)disagreements);
    return disagreements > 0;
}
