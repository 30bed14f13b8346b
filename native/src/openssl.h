/*
 * The functions of OpenSSL that this addon calls. OpenSSL 3 is inside the Node.js program, which exports them; nothing is
 * linked. We declare them here because no npm package carries OpenSSL's headers, and not every installation of Node.js
 * does. A test compiles this file together with the real headers, which fails where a declaration differs.
 */
#ifndef KAFKA_ENVELOPE_OPENSSL_H
#define KAFKA_ENVELOPE_OPENSSL_H

#include <stddef.h>

typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct engine_st ENGINE;

#define EVP_CTRL_AEAD_GET_TAG 0x10
#define EVP_CTRL_AEAD_SET_TAG 0x11

const EVP_CIPHER *EVP_aes_256_gcm(void);
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
/* Cleanses what it frees: key schedule, hash key, counter block. */
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context);
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int type, int argument, void *pointer);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const unsigned char *key,
                       const unsigned char *iv);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in,
                      int in_length);
int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
int EVP_DecryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const unsigned char *key,
                       const unsigned char *iv);
int EVP_DecryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in,
                      int in_length);
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
int ERR_set_mark(void);
int ERR_pop_to_mark(void);
void OPENSSL_cleanse(void *pointer, size_t length);

#endif
