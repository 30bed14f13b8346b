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

/* Offsets of one record. An end is the offset behind the last byte. */
struct record {
  uint32_t iv_at, tag_at, body_at, body_end; /* in the data */
  uint32_t aad_at, aad_end;                  /* in the additional authenticated data of the batch */
  uint32_t target_at;                        /* where the body goes; in place: body_at */
};

/* What a layout must fit. Opening in place has the same lengths of source and target. */
struct lengths {
  size_t data, aads, target;
};

struct record record_at(const uint32_t *layout, size_t numbers, size_t index);

/*
 * True where IV, tag and body of every record lie inside the data and do not touch, AADs lie inside theirs, and each
 * record begins where the one before it has ended, or later. So no write of a batch reaches another one's bytes.
 */
bool fits_in_place(const uint32_t *layout, size_t records, const struct lengths *lengths);

/* The same for bodies that are copied: only the targets must follow each other, since nothing else is written. */
bool fits_copying(const uint32_t *layout, size_t records, const struct lengths *lengths);

#endif
