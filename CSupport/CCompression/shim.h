/* Unpacking of gzip (Debian: zlib1g-dev) and Zstandard (libzstd-dev), fed piece by piece from mapped bytes. */
#ifndef SCION_CCOMPRESSION_SHIM_H
#define SCION_CCOMPRESSION_SHIM_H
#include <zlib.h>
#include <zstd.h>
#endif
