/* The border to JavaScript of deflate.c. */
#ifndef KAFKA_ENVELOPE_ADDON_DEFLATE_H
#define KAFKA_ENVELOPE_ADDON_DEFLATE_H

#include <node_api.h>

napi_value create_deflater(napi_env env, napi_callback_info info);
napi_value create_inflater(napi_env env, napi_callback_info info);
napi_value run_deflater(napi_env env, napi_callback_info info);
napi_value run_inflater(napi_env env, napi_callback_info info);

#endif
