#include "blocks.h"

#include <stdlib.h>
#include <string.h>

void *blocks_allocate(void *opaque, unsigned items, unsigned size)
{
  struct blocks *const blocks = opaque;
  const uint64_t wanted = (uint64_t)items * size;
  if (blocks->used == MAX_BLOCKS || wanted > UINT32_MAX) return NULL;
  struct block *const block = &blocks->all[blocks->used];
  if (blocks->used == blocks->count) {
    block->start = calloc(1, (size_t)wanted);
    if (block->start == NULL) return NULL;
    block->size = (size_t)wanted;
    blocks->count++;
  }
  if (block->size < wanted) return NULL;
  blocks->used++;
  return block->start;
}

void blocks_keep(void *blocks, void *address)
{
  (void)blocks;
  (void)address;
}

/* Several times as fast as OPENSSL_cleanse, and these are a hundred kilobytes for each value. */
static void *(*const volatile set)(void *, int, size_t) = memset;

void wipe(uint8_t *start, size_t size)
{
  set(start, 0, size);
}

void blocks_wipe(const struct blocks *blocks)
{
  for (size_t i = 0; i < blocks->count; i++) wipe(blocks->all[i].start, blocks->all[i].size);
}

size_t blocks_size(const struct blocks *blocks)
{
  size_t size = 0;
  for (size_t i = 0; i < blocks->count; i++) size += blocks->all[i].size;
  return size;
}

void blocks_free(struct blocks *blocks)
{
  blocks_wipe(blocks);
  for (size_t i = 0; i < blocks->count; i++) free(blocks->all[i].start);
  *blocks = (struct blocks){.count = 0};
}
