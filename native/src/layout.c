#include "layout.h"

#include <limits.h>

struct record record_at(const uint32_t *layout, size_t numbers, size_t index)
{
  const uint32_t *at = layout + numbers * index;
  return (struct record){at[0], at[1], at[2], at[3], at[4], at[5], numbers == COPYING_NUMBERS ? at[6] : at[2]};
}

/* A range of bytes. Offsets have 32 bits and are added in 64, so that no sum wraps around. */
struct range {
  uint64_t start, end;
};

static struct range range_of(uint32_t start, uint64_t length)
{
  return (struct range){start, start + length};
}

static bool touch(struct range a, struct range b)
{
  return a.start < b.end && b.start < a.end;
}

/* Inside, in order, and of a length that OpenSSL can take, which is an int. */
static bool is_range(uint32_t start, uint32_t end, size_t length)
{
  return start <= end && end <= length && end - start <= INT_MAX;
}

static bool parts_fit(const struct record *record, const struct lengths *lengths)
{
  return is_range(record->body_at, record->body_end, lengths->data) &&
         is_range(record->aad_at, record->aad_end, lengths->aads) &&
         range_of(record->iv_at, IV_BYTES).end <= lengths->data &&
         range_of(record->tag_at, TAG_BYTES).end <= lengths->data;
}

bool fits_in_place(const uint32_t *layout, size_t records, const struct lengths *lengths)
{
  uint64_t end_of_previous = 0;
  for (size_t i = 0; i < records; i++) {
    const struct record record = record_at(layout, IN_PLACE_NUMBERS, i);
    if (!parts_fit(&record, lengths)) return false;
    const struct range parts[] = {range_of(record.iv_at, IV_BYTES), range_of(record.tag_at, TAG_BYTES),
                                  range_of(record.body_at, record.body_end - record.body_at)};
    if (touch(parts[0], parts[1]) || touch(parts[0], parts[2]) || touch(parts[1], parts[2])) return false;
    uint64_t end = 0;
    for (size_t part = 0; part < 3; part++) {
      if (parts[part].start < end_of_previous) return false;
      if (parts[part].end > end) end = parts[part].end;
    }
    end_of_previous = end;
  }
  return true;
}

bool fits_copying(const uint32_t *layout, size_t records, const struct lengths *lengths)
{
  uint64_t end_of_previous = 0;
  for (size_t i = 0; i < records; i++) {
    const struct record record = record_at(layout, COPYING_NUMBERS, i);
    if (!parts_fit(&record, lengths)) return false;
    const struct range target = range_of(record.target_at, record.body_end - record.body_at);
    if (target.start < end_of_previous || target.end > lengths->target) return false;
    end_of_previous = target.end;
  }
  return true;
}
