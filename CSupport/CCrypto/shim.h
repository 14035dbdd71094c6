// OpenSSL's SHA-256 (Debian: libssl-dev), one call over mapped bytes.
#include <openssl/sha.h>
