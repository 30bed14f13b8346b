/*
 * Where the parts of each record of a batch are. A layout comes from JavaScript as an array of numbers; nothing reads or
 * writes through it before one of the checks below has accepted all of it.
 */
#ifndef KAFKA_ENVELOPE_LAYOUT_H
#define KAFKA_ENVELOPE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IV_BYTES 12
#define TAG_BYTES 16
/* Numbers per record, in the order of the members of `struct record`. A copying layout has all seven. */
#define IN_PLACE_NUMBERS 6
#define COPYING_NUMBERS 7

/*
 * Offsets of one record; an end is the offset behind the last byte. The body is read from the source and written to the
 * target. IV and tag are where the sealed record is: sealing writes them to the target, opening reads them from the source.
 */
struct record {
  uint32_t iv_at, tag_at;
  uint32_t body_at, body_end; /* in the source */
  uint32_t aad_at, aad_end;   /* in the additional authenticated data of the batch */
  uint32_t target_at;         /* in the target; in place, where source and target are one: body_at */
};

/* What a layout must fit. In place, source and target have the same length. */
struct lengths {
  size_t source, aads, target;
};

struct record record_at(const uint32_t *layout, size_t numbers, size_t index);

/*
 * For sealing: true where all parts of every record are inside, IV, tag and body do not touch in the target, and there each
 * record begins where the one before it has ended, or later. So no write of a batch reaches the bytes of another record.
 */
bool fits_sealing(const uint32_t *layout, size_t numbers, size_t records, const struct lengths *lengths);

/* For opening: only bodies are written, so that only they must follow each other. */
bool fits_copying(const uint32_t *layout, size_t records, const struct lengths *lengths);

#endif
