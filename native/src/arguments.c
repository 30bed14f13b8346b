#include "arguments.h"

void refuse_argument(napi_env env, const char *message)
{
  napi_throw_type_error(env, "NATIVE_ARGUMENT", message);
}

bool read_arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values)
{
  size_t count = expected;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == expected) return true;
  refuse_argument(env, "wrong number of arguments");
  return false;
}

bool read_array(napi_env env, napi_value value, napi_typedarray_type expected, struct bytes *bytes, const char *message)
{
  bool is = false, detached = false;
  /* Node-API does not set it for a kind of array that it does not know, such as Float16Array. */
  napi_typedarray_type type = napi_float64_array;
  size_t length = 0, offset = 0, room = 0;
  void *start = NULL, *buffer_start = NULL;
  napi_value buffer;
  /* Each call of Node-API takes as long as 100 bytes of AES-GCM. The first one fails for anything but a typed array. */
  if (napi_get_typedarray_info(env, value, &type, &length, &start, &buffer, &offset) == napi_ok && type == expected &&
      /* False for a SharedArrayBuffer. */
      napi_is_arraybuffer(env, buffer, &is) == napi_ok && is &&
      napi_get_arraybuffer_info(env, buffer, &buffer_start, &room) == napi_ok &&
      /* A detached one has no bytes. */
      (room > 0 || (napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && !detached))) {
    const size_t size = type == napi_uint32_array ? length * sizeof(uint32_t) : length;
    /* A view of a buffer that has shrunk since. */
    if (offset <= room && size <= room - offset) {
      *bytes = (struct bytes){start, size};
      return true;
    }
  }
  refuse_argument(env, message);
  return false;
}

bool read_bytes(napi_env env, napi_value value, struct bytes *bytes)
{
  return read_array(env, value, napi_uint8_array, bytes, "expected a Uint8Array over memory that is not shared");
}

static bool overlap(struct bytes a, struct bytes b)
{
  const uintptr_t a_start = (uintptr_t)a.start, b_start = (uintptr_t)b.start;
  return a.length > 0 && b.length > 0 && a_start < b_start + b.length && b_start < a_start + a.length;
}

bool read_apart(napi_env env, struct bytes written, const struct bytes *others, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (!overlap(written, others[i])) continue;
    refuse_argument(env, "arguments share memory");
    return false;
  }
  return true;
}
