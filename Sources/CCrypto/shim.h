// SHA-256 for Signature Version 4 (AWS), public keys and signatures for JSON Web Tokens (JWT). OpenSSL 3 deprecates the
// low-level functions of SHA-256, which AWS uses because they cannot fail.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
