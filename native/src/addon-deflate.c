#include "addon-deflate.h"

#include "arguments.h"
#include "deflate.h"

/* Mark our objects, as key_tag in addon.c marks keys. Random, never changed. */
static const napi_type_tag DEFLATER_TAG = {0x860e12b732eed0b6, 0x9108ea70a023410c};
static const napi_type_tag INFLATER_TAG = {0xadeb96326a49e5fa, 0x3a77e2ae48570515};

/* The garbage collector knows of objects, but not of the memory that they own. */
static void report_memory(napi_env env, int64_t change)
{
  int64_t total;
  napi_adjust_external_memory(env, change, &total);
}

/* Finalizers run when the object is collected, or its thread ends. */
static void finalize_deflater(napi_env env, void *deflater, void *hint)
{
  (void)hint;
  report_memory(env, -(int64_t)deflater_size(deflater));
  deflater_free(deflater);
}

static void finalize_inflater(napi_env env, void *inflater, void *hint)
{
  (void)hint;
  report_memory(env, -(int64_t)inflater_size(inflater));
  inflater_free(inflater);
}

static bool read_dictionary(napi_env env, napi_callback_info info, struct bytes *dictionary)
{
  napi_value values[1];
  if (!read_arguments(env, info, 1, values) || !read_bytes(env, values[0], dictionary)) return false;
  if (dictionary->length >= 1 && dictionary->length <= MAX_DICTIONARY_BYTES) return true;
  refuse_argument(env, "a dictionary has 1 to 32768 bytes");
  return false;
}

/* An object that owns `data`. Without one, the caller frees it. */
static napi_value wrapped(napi_env env, void *data, const napi_type_tag *tag, napi_finalize finalize)
{
  napi_value object;
  if (data != NULL && napi_create_object(env, &object) == napi_ok && napi_type_tag_object(env, object, tag) == napi_ok &&
      napi_wrap(env, object, data, finalize, NULL, NULL) == napi_ok)
    return object;
  napi_throw_error(env, "NATIVE_ZLIB", "zlib cannot use the dictionary, or there is no memory");
  return NULL;
}

napi_value create_deflater(napi_env env, napi_callback_info info)
{
  struct bytes dictionary;
  if (!read_dictionary(env, info, &dictionary)) return NULL;
  struct deflater *deflater = deflater_new(dictionary.start, dictionary.length);
  napi_value object = wrapped(env, deflater, &DEFLATER_TAG, finalize_deflater);
  if (object == NULL)
    deflater_free(deflater);
  else
    report_memory(env, (int64_t)deflater_size(deflater));
  return object;
}

napi_value create_inflater(napi_env env, napi_callback_info info)
{
  struct bytes dictionary;
  if (!read_dictionary(env, info, &dictionary)) return NULL;
  struct inflater *inflater = inflater_new(dictionary.start, dictionary.length);
  napi_value object = wrapped(env, inflater, &INFLATER_TAG, finalize_inflater);
  if (object == NULL)
    inflater_free(inflater);
  else
    report_memory(env, (int64_t)inflater_size(inflater));
  return object;
}

/* The object, the source, and the target, which the source does not share. */
static bool read_run(napi_env env, napi_callback_info info, const napi_type_tag *tag, void **data, struct bytes *source,
                     struct bytes *target)
{
  napi_value values[3];
  napi_valuetype type;
  bool is = false;
  if (!read_arguments(env, info, 3, values)) return false;
  if (napi_typeof(env, values[0], &type) != napi_ok || type != napi_object ||
      napi_check_object_type_tag(env, values[0], tag, &is) != napi_ok || !is ||
      napi_unwrap(env, values[0], data) != napi_ok) {
    refuse_argument(env, "expected what createDeflater or createInflater returned on this thread");
    return false;
  }
  return read_bytes(env, values[1], source) && read_bytes(env, values[2], target) && read_apart(env, *target, source, 1);
}

static napi_value number_of(napi_env env, int64_t number)
{
  napi_value value = NULL;
  napi_create_int64(env, number, &value);
  return value;
}

napi_value run_deflater(napi_env env, napi_callback_info info)
{
  void *deflater = NULL;
  struct bytes source, target;
  if (!read_run(env, info, &DEFLATER_TAG, &deflater, &source, &target)) return NULL;
  return number_of(env, deflater_run(deflater, source.start, source.length, target.start, target.length));
}

napi_value run_inflater(napi_env env, napi_callback_info info)
{
  void *inflater = NULL;
  struct bytes source, target;
  if (!read_run(env, info, &INFLATER_TAG, &inflater, &source, &target)) return NULL;
  return number_of(env, inflater_run(inflater, source.start, source.length, target.start, target.length));
}
