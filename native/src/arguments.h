/*
 * Reads the arguments of a function that JavaScript called. Each function that returns false has thrown an error.
 */
#ifndef KAFKA_ENVELOPE_ARGUMENTS_H
#define KAFKA_ENVELOPE_ARGUMENTS_H

#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
  uint8_t *start;
  size_t length; /* in bytes */
};

void refuse_argument(napi_env env, const char *message);

/* Exactly as many as are expected. */
bool read_arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values);

/* The memory of a typed array of one type, unless another thread may write to it or it is gone. */
bool read_array(napi_env env, napi_value value, napi_typedarray_type expected, struct bytes *bytes, const char *message);
bool read_bytes(napi_env env, napi_value value, struct bytes *bytes);

/* Written memory shares no byte with what else the call reads: a layout that changes after its check checks nothing. */
bool read_apart(napi_env env, struct bytes written, const struct bytes *others, size_t count);

#endif
