/* OpenSSL's SHA-256 (Debian: libssl-dev), one call over mapped bytes. */
#ifndef SCION_CCRYPTO_SHIM_H
#define SCION_CCRYPTO_SHIM_H
#include <openssl/sha.h>
#endif
