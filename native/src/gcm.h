/*
 * Seals and opens batches of records with AES-256-GCM (NIST SP 800-38D). Knows nothing of Node.js. Callers have checked
 * the layout (layout.h) and the counter.
 */
#ifndef KAFKA_ENVELOPE_GCM_H
#define KAFKA_ENVELOPE_GCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_BYTES 32

struct gcm_key;

/* A batch. Where it is sealed in place, `target` is `source`. */
struct batch {
  const uint8_t *source;
  uint8_t *target;
  const uint8_t *aads;
  const uint32_t *layout;
  size_t numbers; /* of the layout per record */
  size_t records;
};

/* Prepares one cipher context per direction. NULL where OpenSSL cannot. */
struct gcm_key *gcm_key_new(const uint8_t bytes[KEY_BYTES]);
/* Wipes and frees. */
void gcm_key_free(struct gcm_key *key);

/*
 * Seals. The IV of record i is first_counter + i: 4 zero bytes, then 64 bits, big-endian (8.2.1, deterministic
 * construction). On a failure it wipes all bodies in the target and returns false: in place, a
 * body is plaintext until it is sealed.
 */
bool gcm_seal(struct gcm_key *key, uint64_t first_counter, const struct batch *batch);

/*
 * Opens. Sets opened[i] to 1; or, where authentication fails, to 0, with zeros for a body. Returns how many failed, or
 * -1 after a failure of OpenSSL itself, with zeros in all bodies and in `opened`.
 */
int64_t gcm_open(struct gcm_key *key, const struct batch *batch, uint8_t *opened);

#endif
