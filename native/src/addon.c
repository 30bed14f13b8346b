/*
 * The border to JavaScript: reads the arguments of each function, refuses what does not fit before anything is written,
 * and calls gcm.c; addon-deflate.c does the same for deflate.c. The functions are described in index.d.cts. A call runs
 * from start to end on the thread that made it, and no JavaScript runs in between, so what was checked stays true. Each
 * thread has a state of its own, `last_key`: the addon may be loaded by any number of worker threads.
 */
#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addon-deflate.h"
#include "arguments.h"
#include "gcm.h"
#include "layout.h"

/* 2^53 - 1, Number.MAX_SAFE_INTEGER */
#define MAX_SAFE_INTEGER 9007199254740991.0

/*
 * Marks our keys: no other object, also of another addon, is taken for one. Random, and different in each copy of the addon
 * in the process: another one frees its keys without telling this one, and may be of a release whose keys look different.
 */
static napi_type_tag key_tag(void)
{
  static const char here;
  return (napi_type_tag){0x6b1f0c52a7d34e98, 0x9d2e64b8f1c7035a ^ (uint64_t)(uintptr_t)&here};
}

/* ---- arguments ---- */

static void refuse_layout(napi_env env)
{
  napi_throw_range_error(env, "NATIVE_LAYOUT", "the layout does not fit the buffers, or its records touch");
}

/* The layout of a batch, as the number of its records. */
static bool read_layout(napi_env env, napi_value value, size_t numbers, struct bytes *layout, size_t *records)
{
  if (!read_array(env, value, napi_uint32_array, layout, "expected a Uint32Array over memory that is not shared"))
    return false;
  *records = layout->length / (numbers * sizeof(uint32_t));
  if (*records * numbers * sizeof(uint32_t) == layout->length) return true;
  refuse_layout(env);
  return false;
}

/* A counter for each of the records, none above Number.MAX_SAFE_INTEGER. */
static bool read_counter(napi_env env, napi_value value, size_t records, uint64_t *counter)
{
  double number = -1;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 && number <= MAX_SAFE_INTEGER &&
      (double)(uint64_t)number == number && (uint64_t)number + records <= (uint64_t)MAX_SAFE_INTEGER + 1) {
    *counter = (uint64_t)number;
    return true;
  }
  napi_throw_range_error(env, "NATIVE_COUNTER", "expected a counter that stays a safe integer for every record");
  return false;
}

/* The key that was used last on this thread, and was not freed since. An environment of Node.js stays on its thread. */
static _Thread_local const struct gcm_key *last_key;

/* An object of createKey carries the tag for good. */
static bool is_key(napi_env env, napi_value value)
{
  napi_valuetype type;
  bool is = false;
  const napi_type_tag tag = key_tag();
  return napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
         napi_check_object_type_tag(env, value, &tag, &is) == napi_ok && is;
}

/* The key that an object of createKey carries until destroyKey. */
static bool read_key(napi_env env, napi_value value, struct gcm_key **key)
{
  /* An object of another addon carries something else. So a pointer is compared, and followed only if it is a key. */
  void *data = NULL;
  if (napi_unwrap(env, value, &data) == napi_ok && data != NULL && data == last_key) {
    *key = data;
    return true;
  }
  /* Checking the tag takes longer than all else that a call checks. */
  if (!is_key(env, value)) {
    napi_throw_type_error(env, "NATIVE_KEY", "expected a key that createKey returned on this thread");
    return false;
  }
  if (data == NULL) {
    napi_throw_error(env, "NATIVE_KEY_DESTROYED", "the key was destroyed");
    return false;
  }
  last_key = *key = data;
  return true;
}

/* An offset in bytes. Other numbers are not rounded, but refused. */
static bool read_offset(napi_env env, napi_value value, uint32_t *offset)
{
  double number = -1;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 && number <= UINT32_MAX &&
      (double)(uint32_t)number == number) {
    *offset = (uint32_t)number;
    return true;
  }
  refuse_argument(env, "expected an offset of 32 bits");
  return false;
}

/* ---- keys ---- */

static void free_key(struct gcm_key *key)
{
  if (key == last_key) last_key = NULL;
  gcm_key_free(key);
}

/* When the object is collected, or its thread ends. */
static void finalize_key(napi_env env, void *key, void *hint)
{
  (void)env;
  (void)hint;
  free_key(key);
}

static napi_value create_key(napi_env env, napi_callback_info info)
{
  napi_value values[1], object;
  struct bytes bytes;
  if (!read_arguments(env, info, 1, values) || !read_bytes(env, values[0], &bytes)) return NULL;
  if (bytes.length != KEY_BYTES) {
    refuse_argument(env, "a key has 32 bytes");
    return NULL;
  }
  const napi_type_tag tag = key_tag();
  struct gcm_key *key = gcm_key_new(bytes.start);
  if (key != NULL && napi_create_object(env, &object) == napi_ok &&
      napi_type_tag_object(env, object, &tag) == napi_ok &&
      napi_wrap(env, object, key, finalize_key, NULL, NULL) == napi_ok)
    return object;
  gcm_key_free(key);
  napi_throw_error(env, "NATIVE_OPENSSL", "OpenSSL cannot make a cipher for AES-256-GCM");
  return NULL;
}

static napi_value destroy_key(napi_env env, napi_callback_info info)
{
  napi_value values[1];
  struct gcm_key *key;
  /* Once removed, the finalizer is not called, and read_key refuses the object. */
  if (read_arguments(env, info, 1, values) && read_key(env, values[0], &key) &&
      napi_remove_wrap(env, values[0], NULL) == napi_ok)
    free_key(key);
  return NULL;
}

/* ---- batches ---- */

/* The memory of a batch. Where it is sealed in place, source and target are one. */
struct memory {
  struct bytes source, target, aads, layout;
  size_t numbers; /* of the layout per record */
  size_t records;
};

static struct batch batch_of(const struct memory *memory)
{
  return (struct batch){.source = memory->source.start,
                        .target = memory->target.start,
                        .aads = memory->aads.start,
                        .layout = (const uint32_t *)(const void *)memory->layout.start,
                        .numbers = memory->numbers,
                        .records = memory->records};
}

static struct lengths lengths_of(const struct memory *memory)
{
  return (struct lengths){memory->source.length, memory->aads.length, memory->target.length};
}

/* Adds the two arguments that all functions have in common. */
static bool read_aads_and_layout(napi_env env, const napi_value *values, struct memory *memory)
{
  return read_bytes(env, values[0], &memory->aads) &&
         read_layout(env, values[1], memory->numbers, &memory->layout, &memory->records) &&
         read_apart(env, memory->target, (struct bytes[]){memory->aads, memory->layout}, 2);
}

static napi_value seal(napi_env env, const napi_value *key_and_counter, struct memory *memory,
                       const napi_value *aads_and_layout)
{
  struct gcm_key *key;
  uint64_t first_counter;
  if (!read_key(env, key_and_counter[0], &key) || !read_aads_and_layout(env, aads_and_layout, memory) ||
      !read_counter(env, key_and_counter[1], memory->records, &first_counter))
    return NULL;
  const struct batch batch = batch_of(memory);
  const struct lengths lengths = lengths_of(memory);
  if (!fits_sealing(batch.layout, batch.numbers, batch.records, &lengths))
    refuse_layout(env);
  else if (!gcm_seal(key, first_counter, &batch))
    napi_throw_error(env, "NATIVE_OPENSSL", "OpenSSL failed while sealing; the bodies of the batch were wiped");
  return NULL;
}

static napi_value seal_in_place(napi_env env, napi_callback_info info)
{
  napi_value values[5];
  struct memory memory = {.numbers = IN_PLACE_NUMBERS};
  if (!read_arguments(env, info, 5, values) || !read_bytes(env, values[2], &memory.source)) return NULL;
  memory.target = memory.source;
  return seal(env, values, &memory, values + 3);
}

static napi_value seal_into(napi_env env, napi_callback_info info)
{
  napi_value values[6];
  struct memory memory = {.numbers = COPYING_NUMBERS};
  if (!read_arguments(env, info, 6, values) || !read_bytes(env, values[2], &memory.source) ||
      !read_bytes(env, values[3], &memory.target) || !read_apart(env, memory.target, &memory.source, 1))
    return NULL;
  return seal(env, values, &memory, values + 4);
}

/* Returns to JavaScript how many records failed. */
static napi_value open_into(napi_env env, napi_callback_info info)
{
  napi_value values[6], result = NULL;
  struct memory memory = {.numbers = COPYING_NUMBERS};
  struct gcm_key *key;
  struct bytes opened;
  if (!read_arguments(env, info, 6, values) || !read_bytes(env, values[1], &memory.source) ||
      !read_bytes(env, values[2], &memory.target) || !read_apart(env, memory.target, &memory.source, 1) ||
      !read_key(env, values[0], &key) || !read_aads_and_layout(env, values + 3, &memory) ||
      !read_bytes(env, values[5], &opened) ||
      !read_apart(env, opened, (struct bytes[]){memory.source, memory.target, memory.aads, memory.layout}, 4))
    return NULL;
  if (opened.length != memory.records) {
    refuse_argument(env, "`opened` has one byte per record");
    return NULL;
  }
  const struct batch batch = batch_of(&memory);
  const struct lengths lengths = lengths_of(&memory);
  if (!fits_copying(batch.layout, batch.records, &lengths)) {
    refuse_layout(env);
    return NULL;
  }
  const int64_t failed = gcm_open(key, &batch, opened.start);
  if (failed < 0)
    napi_throw_error(env, "NATIVE_OPENSSL", "OpenSSL failed while opening; the bodies of the batch were wiped");
  else
    napi_create_int64(env, failed, &result);
  return result;
}

/* A record alone: without the two arrays of numbers, which a call would have to read as well. */
static napi_value open_one(napi_env env, napi_callback_info info)
{
  napi_value values[7], result = NULL;
  struct gcm_key *key;
  struct bytes source, target, aad;
  uint32_t iv_at, tag_at, body_at;
  if (!read_arguments(env, info, 7, values) || !read_key(env, values[0], &key) ||
      !read_bytes(env, values[1], &source) || !read_bytes(env, values[2], &target) ||
      !read_bytes(env, values[3], &aad) || !read_apart(env, target, (struct bytes[]){source, aad}, 2) ||
      !read_offset(env, values[4], &iv_at) || !read_offset(env, values[5], &tag_at) ||
      !read_offset(env, values[6], &body_at))
    return NULL;
  const uint32_t layout[COPYING_NUMBERS] = {iv_at, tag_at, body_at, (uint32_t)source.length, 0, (uint32_t)aad.length, 0};
  const struct batch batch = {source.start, target.start, aad.start, layout, COPYING_NUMBERS, 1};
  const struct lengths lengths = {source.length, aad.length, target.length};
  uint8_t opened = 0;
  if (source.length > UINT32_MAX || aad.length > UINT32_MAX || !fits_copying(layout, 1, &lengths) ||
      target.length != source.length - body_at)
    refuse_layout(env);
  else if (gcm_open(key, &batch, &opened) < 0)
    napi_throw_error(env, "NATIVE_OPENSSL", "OpenSSL failed while opening; the body was wiped");
  else
    napi_get_boolean(env, opened == 1, &result);
  return result;
}

NAPI_MODULE_INIT()
{
  const napi_property_descriptor functions[] = {
      {"createKey", NULL, create_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"destroyKey", NULL, destroy_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"seal", NULL, seal_in_place, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sealInto", NULL, seal_into, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openInto", NULL, open_into, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openOne", NULL, open_one, NULL, NULL, NULL, napi_enumerable, NULL},
      {"createDeflater", NULL, create_deflater, NULL, NULL, NULL, napi_enumerable, NULL},
      {"createInflater", NULL, create_inflater, NULL, NULL, NULL, napi_enumerable, NULL},
      {"deflate", NULL, run_deflater, NULL, NULL, NULL, napi_enumerable, NULL},
      {"inflate", NULL, run_inflater, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  const size_t count = sizeof functions / sizeof functions[0];
  return napi_define_properties(env, exports, count, functions) == napi_ok ? exports : NULL;
}
