// The Digest room: SHA-256, HMAC-SHA-256, randomness and the two text codings of bytes, over libcrypto.
//
// Nothing here is home-made cryptography: every hash and every random byte comes from OpenSSL's EVP and RAND
// interfaces, and comparison of secrets from CRYPTO_memcmp. The room adds value types, strict codings and
// hashers that are reused without allocating.
