/*
 * Fails each call to OpenSSL in turn, which the real one does not do on request. The doubles below "encrypt" by turning
 * all bits around, one call after the other. Whatever fails, no plaintext may stay in a batch.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcm.h"
#include "layout.h"
#include "openssl.h"

/* The call that fails, counted from 1; and whether it does half of its work first. */
static int calls, failing;
static bool half_done;
static int live_contexts;

struct evp_cipher_ctx_st {
  int unused;
};

static bool fails(void)
{
  return ++calls == failing;
}

const EVP_CIPHER *EVP_aes_256_gcm(void)
{
  return NULL;
}
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void)
{
  if (fails()) return NULL;
  live_contexts++;
  return calloc(1, sizeof(EVP_CIPHER_CTX));
}
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
{
  if (context != NULL) live_contexts--;
  free(context);
}
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int type, int argument, void *pointer)
{
  (void)context;
  if (fails()) return 0;
  if (type == EVP_CTRL_AEAD_GET_TAG) memset(pointer, 0x77, (size_t)argument);
  return 1;
}
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const unsigned char *key,
                       const unsigned char *iv)
{
  (void)context, (void)cipher, (void)engine, (void)key, (void)iv;
  return !fails();
}
int EVP_EncryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in,
                      int in_length)
{
  (void)context;
  const bool failed = fails();
  const bool half = half_done && out != NULL;
  const int done = !failed ? in_length : half ? in_length / 2 : 0;
  for (int i = 0; out != NULL && i < done; i++) out[i] = (unsigned char)~in[i];
  *out_length = done;
  /* A failure may also be an answer that is too short. */
  return !failed || half;
}
int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length)
{
  (void)context, (void)out;
  *out_length = 0;
  return !fails();
}
int EVP_DecryptInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const unsigned char *key,
                       const unsigned char *iv)
{
  return EVP_EncryptInit_ex(context, cipher, engine, key, iv);
}
int EVP_DecryptUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length, const unsigned char *in,
                      int in_length)
{
  return EVP_EncryptUpdate(context, out, out_length, in, in_length);
}
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length)
{
  return EVP_EncryptFinal_ex(context, out, out_length);
}
int ERR_set_mark(void)
{
  return 1;
}
int ERR_pop_to_mark(void)
{
  return 1;
}
void OPENSSL_cleanse(void *pointer, size_t length)
{
  memset(pointer, 0, length);
}

static void check(bool holds, const char *law)
{
  if (holds) return;
  fprintf(stderr, "call %d, %s: does not hold: %s\n", failing, half_done ? "half done" : "not done", law);
  exit(1);
}

enum { RECORDS = 3, BODY = 20, STRIDE = IV_BYTES + TAG_BYTES + BODY };

/* One batch with one call that fails; false once there is no such call. */
static bool try_batch(bool sealing)
{
  static const uint8_t KEY[KEY_BYTES] = {1};
  uint8_t data[RECORDS * STRIDE], opened[RECORDS];
  uint32_t layout[RECORDS * IN_PLACE_NUMBERS];
  for (uint32_t i = 0; i < RECORDS; i++) {
    const uint32_t at = i * STRIDE;
    memcpy(layout + i * IN_PLACE_NUMBERS,
           (uint32_t[]){at, at + IV_BYTES, at + IV_BYTES + TAG_BYTES, at + STRIDE, 0, 0}, IN_PLACE_NUMBERS * 4);
  }
  memset(data, 'p', sizeof data);
  memset(opened, 9, sizeof opened);
  const struct batch batch = {data, data, data, layout, IN_PLACE_NUMBERS, RECORDS};

  const int call = failing;
  failing = 0;
  struct gcm_key *key = gcm_key_new(KEY);
  calls = 0;
  failing = call;
  const bool sealed = sealing && gcm_seal(key, 5, &batch);
  const int64_t failed = sealing ? 0 : gcm_open(key, &batch, opened);
  const bool happened = calls >= failing;
  gcm_key_free(key);
  check(live_contexts == 0, "contexts are freed");

  if (!happened) {
    check(sealing ? sealed : failed == 0, "a batch without a failure succeeds");
    return false;
  }
  check(!sealed, "sealing reports the failure");
  check(sealing || failed == -1 || failed == 1, "opening reports the failure");
  for (int i = 0; i < RECORDS; i++) {
    const uint8_t *body = data + i * STRIDE + IV_BYTES + TAG_BYTES;
    const bool wiped = sealing || failed == -1 || opened[i] == 0;
    for (int at = 0; at < BODY; at++) check(body[at] == (wiped ? 0 : (uint8_t)~'p'), "bodies are wiped");
    check(sealing || failed == 1 || opened[i] == 0, "no record counts as opened");
  }
  return true;
}

static bool try_key(void)
{
  static const uint8_t KEY[KEY_BYTES] = {1};
  calls = 0;
  struct gcm_key *key = gcm_key_new(KEY);
  const bool happened = calls >= failing;
  check((key == NULL) == happened, "a key without its contexts is none");
  gcm_key_free(key);
  check(live_contexts == 0, "contexts are freed");
  return happened;
}

int main(void)
{
  int tried = 0;
  for (int half = 0; half < 2; half++) {
    half_done = half == 1;
    for (failing = 1; try_key(); failing++) tried++;
    for (failing = 1; try_batch(true); failing++) tried++;
    for (failing = 1; try_batch(false); failing++) tried++;
  }
  printf("%d failures\n", tried);
  return 0;
}
