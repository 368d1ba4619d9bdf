// The primitive that Signature Version 4 needs: SHA-256. OpenSSL 3 calls its low-level functions deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
