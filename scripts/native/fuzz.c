/*
 * A target for libFuzzer: layouts from the input, on layout.c and gcm.c with the OpenSSL of the system. It checks each
 * layout a second time, byte by byte and slowly; both must agree. What fits is sealed and opened, and no byte may change
 * that no record owns. scripts/native/fuzz.sh runs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcm.h"
#include "layout.h"

#define MAX_RECORDS 6

enum kind { IN_PLACE, SEAL_INTO, OPEN_INTO };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool holds, const char *law)
{
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n", law);
  abort();
}

struct input {
  const uint8_t *at;
  size_t left;
};

static uint32_t next_byte(struct input *input)
{
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

/* Small numbers mostly, and some near 2^32, where sums could wrap around. */
static uint32_t next_number(struct input *input)
{
  const uint32_t number = next_byte(input) << 8 | next_byte(input);
  return number < 0xf000 ? number % 512 : number | 0xffff0000;
}

/* Memory of exactly this size, so that the sanitizer sees its end. */
static uint8_t *memory(size_t size, uint8_t first)
{
  uint8_t *bytes = malloc(size);
  check(bytes != NULL || size == 0, "there is memory");
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(first + i);
  return bytes;
}

/* Takes bytes for one owner; false where one is outside or has an owner. `from` is raised to the end. */
static bool take(uint8_t *owners, size_t length, uint64_t start, uint64_t size, uint64_t not_before, uint64_t *end)
{
  if (start + size > length || start < not_before) return false;
  for (uint64_t i = start; i < start + size; i++)
    if (owners[i]++ != 0) return false;
  if (start + size > *end) *end = start + size;
  return true;
}

static bool is_inside(uint32_t start, uint32_t end, size_t length)
{
  return start <= end && end <= length;
}

/* Whether a layout fits, and which bytes of the target it writes. */
static bool fits_slowly(const struct batch *batch, const struct lengths *lengths, bool sealing, uint8_t *owners)
{
  uint64_t end = 0;
  for (size_t i = 0; i < batch->records; i++) {
    const struct record r = record_at(batch->layout, batch->numbers, i);
    if (!is_inside(r.body_at, r.body_end, lengths->source) || !is_inside(r.aad_at, r.aad_end, lengths->aads))
      return false;
    const uint64_t before = end, body = r.body_end - r.body_at;
    const uint64_t iv_end = (uint64_t)r.iv_at + IV_BYTES, tag_end = (uint64_t)r.tag_at + TAG_BYTES;
    if (!sealing && (iv_end > lengths->source || tag_end > lengths->source)) return false;
    if (sealing && (!take(owners, lengths->target, r.iv_at, IV_BYTES, before, &end) ||
                    !take(owners, lengths->target, r.tag_at, TAG_BYTES, before, &end)))
      return false;
    /* An empty body takes nothing, but does not lie in the middle of IV or tag. */
    if (sealing && body == 0 &&
        ((r.target_at > r.iv_at && r.target_at < iv_end) || (r.target_at > r.tag_at && r.target_at < tag_end)))
      return false;
    if (!take(owners, lengths->target, r.target_at, body, before, &end)) return false;
  }
  return true;
}

/* Seals, in place or from a source; damages one record where the input says so; opens in place. */
static void check_sealing(struct gcm_key *key, struct batch batch, const struct lengths *lengths, uint8_t damage)
{
  const bool in_place = batch.numbers == IN_PLACE_NUMBERS;
  uint8_t *source = memory(lengths->source, 3), *target = memory(lengths->target, 3);
  uint8_t *owners = calloc(lengths->target + 1, 1), *opened = memory(batch.records, 7);
  batch.source = in_place ? target : source;
  batch.target = target;
  const bool fits = fits_sealing(batch.layout, batch.numbers, batch.records, lengths);
  check(fits == fits_slowly(&batch, lengths, true, owners), "both agree on a layout to seal");
  if (fits) {
    uint32_t sealed[MAX_RECORDS * IN_PLACE_NUMBERS];
    check(gcm_seal(key, damage, &batch), "what fits is sealed");
    for (size_t i = 0; i < lengths->target; i++) check(owners[i] || target[i] == (uint8_t)(3 + i), "sealing stays inside");
    for (size_t i = 0; i < batch.records; i++) {
      const struct record r = record_at(batch.layout, batch.numbers, i);
      memcpy(sealed + i * IN_PLACE_NUMBERS,
             (uint32_t[]){r.iv_at, r.tag_at, r.target_at, r.target_at + r.body_end - r.body_at, r.aad_at, r.aad_end},
             IN_PLACE_NUMBERS * sizeof *sealed);
    }
    const struct batch opening = {target, target, batch.aads, sealed, IN_PLACE_NUMBERS, batch.records};
    const bool damaged = damage % 2 == 1 && batch.records > 0;
    const size_t wrong = batch.records > 0 ? damage % batch.records : 0;
    if (damaged) target[record_at(sealed, IN_PLACE_NUMBERS, wrong).tag_at + damage % TAG_BYTES] ^= 1;
    check(gcm_open(key, &opening, opened) == (damaged ? 1 : 0), "what was not damaged opens");
    for (size_t i = 0; i < batch.records; i++) {
      const struct record r = record_at(batch.layout, batch.numbers, i);
      const bool is_wrong = damaged && i == wrong;
      check(opened[i] == !is_wrong, "the outcome of each record");
      for (uint32_t at = 0; at < r.body_end - r.body_at; at++)
        check(target[r.target_at + at] == (is_wrong ? 0 : (uint8_t)(3 + r.body_at + at)),
              "opening inverts sealing, or gives zeros");
    }
    for (size_t i = 0; i < lengths->target; i++) check(owners[i] || target[i] == (uint8_t)(3 + i), "opening stays inside");
  }
  for (size_t i = 0; i < lengths->source; i++) check(source[i] == (uint8_t)(3 + i), "the source stays");
  free(source);
  free(target);
  free(owners);
  free(opened);
}

/* Opens bytes that were never sealed into another buffer. */
static void check_copying(struct gcm_key *key, struct batch batch, const struct lengths *lengths)
{
  uint8_t *source = memory(lengths->source, 5), *target = memory(lengths->target, 9);
  uint8_t *owners = calloc(lengths->target + 1, 1), *opened = memory(batch.records, 7);
  batch.source = source;
  batch.target = target;
  const bool fits = fits_copying(batch.layout, batch.records, lengths);
  check(fits == fits_slowly(&batch, lengths, false, owners), "both agree on a layout to open");
  if (fits) {
    check(gcm_open(key, &batch, opened) == (int64_t)batch.records, "what was not sealed does not open");
    for (size_t i = 0; i < lengths->target; i++)
      check(target[i] == (owners[i] ? 0 : (uint8_t)(9 + i)), "zeros inside, nothing outside");
  }
  for (size_t i = 0; i < lengths->source; i++) check(source[i] == (uint8_t)(5 + i), "the source stays");
  free(source);
  free(target);
  free(owners);
  free(opened);
}

/* The end of the record before, or, for one record in eight, a place a little before it. */
static uint32_t place_after(uint32_t end, uint32_t number)
{
  return number % 8 != 0 ? end : end - (number < end ? number : end);
}

/* Turns random numbers into offsets that fit, mostly: parts in any order, each a little behind the one before it. */
static void place_record(uint32_t *at, enum kind kind, uint32_t *end, uint32_t *target_end)
{
  const uint32_t length = at[3] % 40, sizes[] = {IV_BYTES, TAG_BYTES, length};
  uint32_t starts[3], next = place_after(*end, at[6]);
  for (uint32_t k = 0; k < 3; k++) {
    const uint32_t part = (k + at[5]) % 3;
    starts[part] = next + at[k] % 4;
    next = starts[part] + sizes[part];
  }
  *end = next;
  at[0] = starts[0];
  at[1] = starts[1];
  at[2] = kind == SEAL_INTO ? at[2] % 64 : starts[2];
  at[3] = at[2] + length;
  at[5] = at[4] % 64 + at[5] % 64;
  at[4] %= 64;
  if (kind == SEAL_INTO) at[6] = starts[2];
  if (kind != OPEN_INTO) return;
  at[6] = place_after(*target_end, at[6]);
  *target_end = at[6] + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  static const uint8_t KEY[KEY_BYTES] = {1, 2, 3};
  struct input input = {bytes, size};
  const enum kind kind = (enum kind)(next_byte(&input) % 3);
  const bool in_place = kind == IN_PLACE;
  const uint8_t damage = (uint8_t)next_byte(&input);
  const size_t source = next_number(&input) % 1024, aads = next_number(&input) % 256;
  const struct lengths lengths = {source, aads, in_place ? source : next_number(&input) % 1024};
  const size_t records = next_byte(&input) % (MAX_RECORDS + 1);
  const size_t numbers = in_place ? IN_PLACE_NUMBERS : COPYING_NUMBERS;
  uint32_t *layout = malloc(numbers * records * sizeof *layout);
  check(layout != NULL || records == 0, "there is memory");
  uint32_t end = 0, target_end = 0;
  const bool relative = next_byte(&input) % 4 != 0;
  for (size_t i = 0; i < records; i++) {
    uint32_t raw[COPYING_NUMBERS];
    for (size_t place = 0; place < COPYING_NUMBERS; place++) raw[place] = next_number(&input);
    if (relative) place_record(raw, kind, &end, &target_end);
    memcpy(layout + i * numbers, raw, numbers * sizeof *raw);
  }
  uint8_t *all_aads = memory(aads, 1);
  struct gcm_key *key = gcm_key_new(KEY);
  const struct batch batch = {NULL, NULL, all_aads, layout, numbers, records};
  check(key != NULL, "there is a key");
  if (kind != OPEN_INTO)
    check_sealing(key, batch, &lengths, damage);
  else
    check_copying(key, batch, &lengths);
  gcm_key_free(key);
  free(all_aads);
  free(layout);
  return 0;
}
