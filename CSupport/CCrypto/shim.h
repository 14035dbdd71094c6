/* OpenSSL's SHA-256 (Debian: libssl-dev), fed piece by piece from mapped bytes. */
#ifndef SCION_CCRYPTO_SHIM_H
#define SCION_CCRYPTO_SHIM_H
#include <openssl/evp.h>
#endif
