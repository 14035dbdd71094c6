/* The system's LAPACK and BLAS (OpenBLAS) for the small dense algebra: QR, SVD, Cholesky.
   Without complex numbers: the C complex types do not import into Swift. */
#ifndef SCION_CLAPACK_SHIM_H
#define SCION_CLAPACK_SHIM_H
#include <cblas.h>
#include <lapacke.h>
#endif
