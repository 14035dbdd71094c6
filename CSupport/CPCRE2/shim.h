/* PCRE2 with 8-bit code units, for the pre-tokenizers' regular expressions. Names with a width suffix
   only: the generic macros do not import into Swift. */
#ifndef SCION_CPCRE2_SHIM_H
#define SCION_CPCRE2_SHIM_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif
