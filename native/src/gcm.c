#include "gcm.h"

#include <stdlib.h>

#include "layout.h"
#include "openssl.h"

/* A context holds the expanded key; each record sets only its IV. There is no other copy of the key. */
struct gcm_key {
  EVP_CIPHER_CTX *sealing, *opening;
};

struct gcm_key *gcm_key_new(const uint8_t bytes[KEY_BYTES])
{
  struct gcm_key *key = calloc(1, sizeof *key);
  if (key == NULL) return NULL;
  key->sealing = EVP_CIPHER_CTX_new();
  key->opening = EVP_CIPHER_CTX_new();
  /* The length of the IV is 12 bytes unless told otherwise. */
  if (key->sealing != NULL && key->opening != NULL &&
      EVP_EncryptInit_ex(key->sealing, EVP_aes_256_gcm(), NULL, bytes, NULL) == 1 &&
      EVP_DecryptInit_ex(key->opening, EVP_aes_256_gcm(), NULL, bytes, NULL) == 1)
    return key;
  gcm_key_free(key);
  return NULL;
}

void gcm_key_free(struct gcm_key *key)
{
  if (key == NULL) return;
  EVP_CIPHER_CTX_free(key->sealing);
  EVP_CIPHER_CTX_free(key->opening);
  free(key);
}

static void write_iv(uint8_t iv[IV_BYTES], uint64_t counter)
{
  for (size_t i = IV_BYTES; i > 0; i--) {
    iv[i - 1] = (uint8_t)counter;
    counter >>= 8;
  }
}

static void wipe_body(const struct batch *batch, size_t index)
{
  const struct record record = record_at(batch->layout, batch->numbers, index);
  OPENSSL_cleanse(batch->target + record.target_at, record.body_end - record.body_at);
}

static void wipe_bodies(const struct batch *batch)
{
  for (size_t i = 0; i < batch->records; i++) wipe_body(batch, i);
}

static bool seal_record(EVP_CIPHER_CTX *context, uint64_t counter, const struct batch *batch, size_t index)
{
  const struct record record = record_at(batch->layout, batch->numbers, index);
  uint8_t *const iv = batch->target + record.iv_at;
  uint8_t *const body = batch->target + record.target_at;
  const int body_length = (int)(record.body_end - record.body_at);
  const int aad_length = (int)(record.aad_end - record.aad_at);
  int written = 0, rest = 0;
  write_iv(iv, counter);
  return EVP_EncryptInit_ex(context, NULL, NULL, NULL, iv) == 1 &&
         EVP_EncryptUpdate(context, NULL, &rest, batch->aads + record.aad_at, aad_length) == 1 &&
         EVP_EncryptUpdate(context, body, &written, batch->source + record.body_at, body_length) == 1 &&
         written == body_length &&
         EVP_EncryptFinal_ex(context, body + written, &rest) == 1 && rest == 0 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, batch->target + record.tag_at) == 1;
}

bool gcm_seal(struct gcm_key *key, uint64_t first_counter, const struct batch *batch)
{
  size_t sealed = 0;
  ERR_set_mark();
  while (sealed < batch->records && seal_record(key->sealing, first_counter + sealed, batch, sealed)) sealed++;
  if (sealed < batch->records) wipe_bodies(batch);
  /* Errors that stayed in the thread's queue would be read as those of a later call of Node's own. */
  ERR_pop_to_mark();
  return sealed == batch->records;
}

enum outcome { OPENED, NOT_AUTHENTIC, FAULT };

static enum outcome open_record(EVP_CIPHER_CTX *context, const struct batch *batch, size_t index)
{
  const struct record record = record_at(batch->layout, batch->numbers, index);
  uint8_t *const body = batch->target + record.target_at;
  const int body_length = (int)(record.body_end - record.body_at);
  const int aad_length = (int)(record.aad_end - record.aad_at);
  uint8_t tag[TAG_BYTES]; /* OpenSSL asks for a pointer that it may write to */
  int written = 0, rest = 0;
  for (size_t i = 0; i < TAG_BYTES; i++) tag[i] = batch->source[record.tag_at + i];
  if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, batch->source + record.iv_at) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
      EVP_DecryptUpdate(context, NULL, &rest, batch->aads + record.aad_at, aad_length) != 1 ||
      EVP_DecryptUpdate(context, body, &written, batch->source + record.body_at, body_length) != 1 ||
      written != body_length)
    return FAULT;
  /* The last step compares the tags, in constant time. */
  return EVP_DecryptFinal_ex(context, body + written, &rest) == 1 && rest == 0 ? OPENED : NOT_AUTHENTIC;
}

int64_t gcm_open(struct gcm_key *key, const struct batch *batch, uint8_t *opened)
{
  int64_t failed = 0;
  ERR_set_mark();
  for (size_t i = 0; i < batch->records && failed >= 0; i++) {
    const enum outcome outcome = open_record(key->opening, batch, i);
    opened[i] = outcome == OPENED;
    if (outcome == NOT_AUTHENTIC) {
      wipe_body(batch, i);
      failed++;
    } else if (outcome == FAULT) {
      failed = -1;
    }
  }
  if (failed < 0) {
    wipe_bodies(batch);
    for (size_t i = 0; i < batch->records; i++) opened[i] = 0;
  }
  ERR_pop_to_mark();
  return failed;
}
