// The two primitives that Signature Version 4 needs: SHA-256 and HMAC.
#include <openssl/hmac.h>
#include <openssl/sha.h>
