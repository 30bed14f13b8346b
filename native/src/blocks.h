/*
 * The memory of a stream of zlib. zlib asks for the same blocks, in the same order, each time that a stream is made, so
 * that they are kept and used again.
 */
#ifndef KAFKA_ENVELOPE_BLOCKS_H
#define KAFKA_ENVELOPE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define MAX_BLOCKS 8

struct block {
  uint8_t *start;
  size_t size;
};

struct blocks {
  struct block all[MAX_BLOCKS];
  size_t count;
  size_t used; /* by the stream that lives now */
};

/* As zlib calls them, with the blocks as `opaque`. Memory is zeroed when it is new. */
void *blocks_allocate(void *blocks, unsigned items, unsigned size);
void blocks_keep(void *blocks, void *address);

/* Sets bytes in a way that no compiler leaves out. */
void wipe(uint8_t *start, size_t size);
void blocks_wipe(const struct blocks *blocks);
size_t blocks_size(const struct blocks *blocks);
/* Wipes first. */
void blocks_free(struct blocks *blocks);

#endif
