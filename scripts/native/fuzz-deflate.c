/*
 * A target for libFuzzer: a dictionary and bytes from the input, on deflate.c with the zlib of the system. The bytes are
 * read as a stream, which zlib reads a second time, byte by byte; both must agree. And they are a value, which must come
 * back. Now and then there is no memory. scripts/native/fuzz.sh runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deflate.h"
#include "zlib.h"

#define ROOM 4096

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
void *failing_calloc(size_t count, size_t size);

/* The allocation that fails, counted from 1; 0 for none. fuzz.sh compiles the addon with this in place of `calloc`. */
static size_t allocations, failing;

#undef calloc
void *calloc(size_t count, size_t size);

void *failing_calloc(size_t count, size_t size)
{
  return ++allocations == failing ? NULL : calloc(count, size);
}

static void check(bool holds, const char *law)
{
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n", law);
  abort();
}

/* A copy of exactly this size, so that the sanitizer sees its end. */
static uint8_t *copied(const uint8_t *bytes, size_t size)
{
  uint8_t *copy = malloc(size);
  check(copy != NULL || size == 0, "there is memory");
  if (size > 0) memcpy(copy, bytes, size);
  return copy;
}

/* The length of the value of a stream, or -1, with input and output of one byte at a time. */
static int64_t inflated_slowly(const uint8_t *dictionary, size_t length, const uint8_t *bytes, size_t size, uint8_t *target)
{
  z_stream stream = {.next_in = bytes};
  check(inflateInit2_(&stream, -15, ZLIB_VERSION, (int)sizeof stream) == Z_OK, "zlib begins");
  check(inflateSetDictionary(&stream, dictionary, (unsigned)length) == Z_OK, "zlib takes the dictionary");
  int64_t written = 0;
  size_t read = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    uint8_t byte = 0;
    stream.avail_in = read < size ? 1 : 0;
    stream.next_out = &byte;
    stream.avail_out = 1;
    const unsigned before = stream.avail_in;
    status = inflate(&stream, 0);
    read += before - stream.avail_in;
    if (stream.avail_out == 0 && written < ROOM) target[written] = byte;
    if (stream.avail_out == 0 && ++written > ROOM) break;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && read == size && written <= ROOM ? written : -1;
}

static void check_stream(struct inflater *inflater, const uint8_t *dictionary, size_t length, const uint8_t *bytes,
                         size_t size)
{
  uint8_t slowly[ROOM];
  const int64_t expected = inflated_slowly(dictionary, length, bytes, size, slowly);
  uint8_t *target = malloc(ROOM);
  check(target != NULL, "there is memory");
  const int64_t written = inflater_run(inflater, bytes, size, target, ROOM);
  check(written == expected, "both agree on a stream");
  check(written <= 0 || memcmp(target, slowly, (size_t)written) == 0, "both agree on a value");
  free(target);
}

static void check_value(struct deflater *deflater, struct inflater *inflater, const uint8_t *bytes, size_t size)
{
  uint8_t *stream = malloc(size + 100), *back = malloc(size);
  check(stream != NULL && (back != NULL || size == 0), "there is memory");
  const int64_t length = deflater_run(deflater, bytes, size, stream, size + 100);
  check(length > 0, "a value is compressed");
  uint8_t *exact = copied(stream, (size_t)length);
  /* zlib takes no NULL for a target, even an empty one. */
  uint8_t none;
  check(inflater_run(inflater, exact, (size_t)length, size > 0 ? back : &none, size) == (int64_t)size, "it is decompressed");
  check(size == 0 || memcmp(back, bytes, size) == 0, "decompression inverts compression");
  free(exact);
  free(stream);
  free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
  if (size < 3) return 0;
  /* A deflater is slow to make. */
  const bool compresses = input[0] >= 192;
  const size_t shortest = 1 + input[0] % 64, fault = input[1] % 32;
  input += 2;
  size -= 2;
  const size_t taken = shortest < size ? shortest : size;
  /* A long dictionary repeats the bytes that were taken, so that inputs stay short. */
  const size_t length = fault % 4 == 0 ? MAX_DICTIONARY_BYTES : taken;
  uint8_t *dictionary = malloc(length);
  check(dictionary != NULL, "there is memory");
  for (size_t i = 0; i < length; i++) dictionary[i] = input[i % taken];
  uint8_t *bytes = copied(input + taken, size - taken);

  allocations = 0;
  failing = fault < 16 ? fault : 0;
  struct deflater *deflater = compresses ? deflater_new(dictionary, length) : NULL;
  struct inflater *inflater = inflater_new(dictionary, length);
  const bool are_made = (deflater != NULL || !compresses) && inflater != NULL;
  check(are_made == (failing == 0 || failing > allocations), "both are made, unless there is no memory");
  failing = 0;
  if (inflater != NULL) check_stream(inflater, dictionary, length, bytes, size - taken);
  for (int i = 0; i < 2; i++)
    if (deflater != NULL && inflater != NULL) check_value(deflater, inflater, bytes, size - taken);
  if (inflater != NULL) check_stream(inflater, dictionary, length, bytes, size - taken);
  deflater_free(deflater);
  inflater_free(inflater);
  free(bytes);
  free(dictionary);
  return 0;
}
