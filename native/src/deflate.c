#include "deflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "zlib.h"

/* As in Node.js, and as the format wants it: no frame, a window of 32 KiB. */
#define LEVEL 6
#define RAW_WINDOW_BITS (-15)
/* Node.js has 8, for larger values. Less memory is copied in less time. */
#define MEMORY_LEVEL 5

/* An empty stream: one block, the last one, with fixed codes. */
static const uint8_t EMPTY[] = {0x03, 0x00};

static z_stream stream_in(struct blocks *blocks)
{
  return (z_stream){.zalloc = blocks_allocate, .zfree = blocks_keep, .opaque = blocks};
}

static void connect(z_stream *stream, const uint8_t *source, size_t length, uint8_t *target, size_t room)
{
  stream->next_in = source;
  stream->avail_in = (unsigned)length;
  stream->next_out = target;
  stream->avail_out = (unsigned)room;
}

static bool is_addressable(size_t length, size_t room)
{
  return length <= UINT32_MAX && room <= UINT32_MAX;
}

/* ---- compression ---- */

/*
 * `primed` has taken in the dictionary, which is slow, and is never used up: each value is compressed by a copy of it.
 * The copy for the next value is made right after the last one, over its memory.
 */
struct deflater {
  z_stream primed, copy;
  struct blocks primed_blocks, copy_blocks;
  /* What deflateCopy does not overwrite in each block of the copy: newer versions copy only what is in use. */
  struct block kept[MAX_BLOCKS];
  bool is_ready;
};

static void copy_primed(struct deflater *deflater)
{
  for (size_t i = 0; i < deflater->copy_blocks.count; i++) wipe(deflater->kept[i].start, deflater->kept[i].size);
  deflater->copy_blocks.used = 0;
  deflater->is_ready = deflateCopy(&deflater->copy, &deflater->primed) == Z_OK;
  if (!deflater->is_ready) blocks_wipe(&deflater->copy_blocks);
}

static size_t copy_over(struct deflater *deflater, uint8_t mark)
{
  const struct blocks *const blocks = &deflater->copy_blocks;
  size_t size = 0;
  deflateEnd(&deflater->copy);
  for (size_t i = 0; i < blocks->count; i++) {
    memset(blocks->all[i].start, mark, blocks->all[i].size);
    size += blocks->all[i].size;
  }
  copy_primed(deflater);
  return size;
}

/* The bytes from the first to the last one that were `marks[0]` after one copy, and are `marks[1]` after the next. */
static struct block kept_part(struct block block, const uint8_t *after_first, const uint8_t marks[2])
{
  size_t from = 0, to = block.size;
  while (from < to && (after_first[from] != marks[0] || block.start[from] != marks[1])) from++;
  while (from < to && (after_first[to - 1] != marks[0] || block.start[to - 1] != marks[1])) to--;
  return (struct block){block.start + from, to - from};
}

/* Copies over two different marks: what has both in turn was not overwritten, and is not a mark by chance. */
static bool find_kept(struct deflater *deflater)
{
  static const uint8_t MARKS[2] = {0xa5, 0x5a};
  const struct blocks *const blocks = &deflater->copy_blocks;
  for (size_t i = 0; i < blocks->count; i++) deflater->kept[i] = (struct block){blocks->all[i].start, 0};
  uint8_t *const after_first = malloc(copy_over(deflater, MARKS[0]));
  if (after_first == NULL) return false;
  size_t at = 0;
  for (size_t i = 0; i < blocks->count; at += blocks->all[i].size, i++)
    memcpy(after_first + at, blocks->all[i].start, blocks->all[i].size);
  copy_over(deflater, MARKS[1]);
  at = 0;
  for (size_t i = 0; i < blocks->count; at += blocks->all[i].size, i++)
    deflater->kept[i] = kept_part(blocks->all[i], after_first + at, MARKS);
  free(after_first);
  /* The copy that is used has no marks in it. */
  deflateEnd(&deflater->copy);
  copy_primed(deflater);
  return deflater->is_ready;
}

struct deflater *deflater_new(const uint8_t *dictionary, size_t length)
{
  struct deflater *const deflater = calloc(1, sizeof *deflater);
  if (deflater == NULL) return NULL;
  z_stream *const primed = &deflater->primed;
  *primed = stream_in(&deflater->primed_blocks);
  if (deflateInit2_(primed, LEVEL, Z_DEFLATED, RAW_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                    (int)sizeof *primed) == Z_OK &&
      deflateSetDictionary(primed, dictionary, (unsigned)length) == Z_OK) {
    /* A copy takes its memory from where its original says. */
    primed->opaque = &deflater->copy_blocks;
    copy_primed(deflater);
    if (deflater->is_ready && find_kept(deflater)) return deflater;
  }
  deflater_free(deflater);
  return NULL;
}

size_t deflater_size(const struct deflater *deflater)
{
  return sizeof *deflater + blocks_size(&deflater->primed_blocks) + blocks_size(&deflater->copy_blocks);
}

void deflater_free(struct deflater *deflater)
{
  if (deflater == NULL) return;
  deflateEnd(&deflater->copy);
  deflateEnd(&deflater->primed);
  blocks_free(&deflater->copy_blocks);
  blocks_free(&deflater->primed_blocks);
  free(deflater);
}

int64_t deflater_run(struct deflater *deflater, const uint8_t *source, size_t length, uint8_t *target, size_t room)
{
  z_stream *const copy = &deflater->copy;
  if (!deflater->is_ready || !is_addressable(length, room)) return -1;
  connect(copy, source, length, target, room);
  const bool is_whole = deflate(copy, Z_FINISH) == Z_STREAM_END;
  const size_t written = room - copy->avail_out;
  deflateEnd(copy);
  copy_primed(deflater);
  return is_whole ? (int64_t)written : -1;
}

/* ---- decompression ---- */

/* Each value has a stream of its own. It costs hardly more than to reset one, and nothing is left of the last value. */
struct inflater {
  struct blocks blocks;
  size_t length;
  uint8_t dictionary[];
};

struct inflater *inflater_new(const uint8_t *dictionary, size_t length)
{
  struct inflater *const inflater = calloc(1, sizeof *inflater + length);
  if (inflater == NULL) return NULL;
  inflater->length = length;
  memcpy(inflater->dictionary, dictionary, length);
  /* It allocates all memory. */
  uint8_t target[1];
  if (inflater_run(inflater, EMPTY, sizeof EMPTY, target, sizeof target) == 0) return inflater;
  inflater_free(inflater);
  return NULL;
}

size_t inflater_size(const struct inflater *inflater)
{
  return sizeof *inflater + inflater->length + blocks_size(&inflater->blocks);
}

void inflater_free(struct inflater *inflater)
{
  if (inflater == NULL) return;
  blocks_free(&inflater->blocks);
  free(inflater);
}

int64_t inflater_run(struct inflater *inflater, const uint8_t *source, size_t length, uint8_t *target, size_t room)
{
  if (!is_addressable(length, room)) return -1;
  z_stream stream = stream_in(&inflater->blocks);
  inflater->blocks.used = 0;
  if (inflateInit2_(&stream, RAW_WINDOW_BITS, ZLIB_VERSION, (int)sizeof stream) != Z_OK) return -1;
  bool is_whole = false;
  if (inflateSetDictionary(&stream, inflater->dictionary, (unsigned)inflater->length) == Z_OK) {
    connect(&stream, source, length, target, room);
    is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
  }
  const size_t written = room - stream.avail_out;
  inflateEnd(&stream);
  blocks_wipe(&inflater->blocks);
  return is_whole ? (int64_t)written : -1;
}
