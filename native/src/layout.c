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

static bool is_read_inside(const struct record *record, const struct lengths *lengths)
{
  return is_range(record->body_at, record->body_end, lengths->source) &&
         is_range(record->aad_at, record->aad_end, lengths->aads);
}

static struct range target_of(const struct record *record)
{
  return range_of(record->target_at, record->body_end - record->body_at);
}

bool fits_sealing(const uint32_t *layout, size_t numbers, size_t records, const struct lengths *lengths)
{
  uint64_t end_of_previous = 0;
  for (size_t i = 0; i < records; i++) {
    const struct record record = record_at(layout, numbers, i);
    if (!is_read_inside(&record, lengths)) return false;
    const struct range written[] = {range_of(record.iv_at, IV_BYTES), range_of(record.tag_at, TAG_BYTES),
                                    target_of(&record)};
    if (touch(written[0], written[1]) || touch(written[0], written[2]) || touch(written[1], written[2])) return false;
    uint64_t end = 0;
    for (size_t part = 0; part < 3; part++) {
      if (written[part].start < end_of_previous || written[part].end > lengths->target) return false;
      if (written[part].end > end) end = written[part].end;
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
    const struct range target = target_of(&record);
    if (!is_read_inside(&record, lengths) || range_of(record.iv_at, IV_BYTES).end > lengths->source ||
        range_of(record.tag_at, TAG_BYTES).end > lengths->source || target.start < end_of_previous ||
        target.end > lengths->target)
      return false;
    end_of_previous = target.end;
  }
  return true;
}
