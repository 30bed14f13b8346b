/*
 * Compresses and decompresses single values with DEFLATE (RFC 1951) and a preset dictionary. Knows nothing of Node.js.
 * Between two calls, no plaintext is in the memory of a stream: every byte of it has been overwritten.
 */
#ifndef KAFKA_ENVELOPE_DEFLATE_H
#define KAFKA_ENVELOPE_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#define MAX_DICTIONARY_BYTES 32768

struct deflater;
struct inflater;

/* They copy the dictionary, which has 1 to MAX_DICTIONARY_BYTES bytes. NULL where there is no memory, or zlib cannot. */
struct deflater *deflater_new(const uint8_t *dictionary, size_t length);
struct inflater *inflater_new(const uint8_t *dictionary, size_t length);
/* The memory that they take, which never changes. */
size_t deflater_size(const struct deflater *deflater);
size_t inflater_size(const struct inflater *inflater);
/* Wipe all that may have plaintext, and free. A dictionary is not secret. */
void deflater_free(struct deflater *deflater);
void inflater_free(struct inflater *inflater);

/*
 * How many bytes were written to the target; -1 if the stream does not fit into it with a byte to spare, or zlib fails.
 * Then, and behind what was written, the target may have parts of plaintext or stream, which the caller wipes.
 */
int64_t deflater_run(struct deflater *deflater, const uint8_t *source, size_t length, uint8_t *target, size_t room);
/* The same without the spare byte, and -1 unless the source is exactly one stream, which ends in its last byte. */
int64_t inflater_run(struct inflater *inflater, const uint8_t *source, size_t length, uint8_t *target, size_t room);

#endif
