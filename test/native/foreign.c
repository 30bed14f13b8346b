/*
 * Another addon. Its objects carry pointers too, and one of them may be to where a key was: memory that was freed is used
 * again.
 */
#include <node_api.h>

#include <stddef.h>

static napi_value carrying(napi_env env, void *pointer)
{
  napi_value object = NULL;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, pointer, NULL, NULL, NULL) != napi_ok)
    napi_throw_error(env, NULL, "no object");
  return object;
}

/* An object that carries the same pointer as another one. */
static napi_value alike(napi_env env, napi_callback_info info)
{
  size_t count = 1;
  napi_value other = NULL;
  void *pointer = NULL;
  if (napi_get_cb_info(env, info, &count, &other, NULL, NULL) != napi_ok ||
      napi_unwrap(env, other, &pointer) != napi_ok || pointer == NULL)
    napi_throw_error(env, NULL, "the other object carries nothing");
  return carrying(env, pointer);
}

static napi_value empty(napi_env env, napi_callback_info info)
{
  (void)info;
  return carrying(env, NULL);
}

NAPI_MODULE_INIT()
{
  const napi_property_descriptor functions[] = {
      {"alike", NULL, alike, NULL, NULL, NULL, napi_enumerable, NULL},
      {"empty", NULL, empty, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  return napi_define_properties(env, exports, 2, functions) == napi_ok ? exports : NULL;
}
