/*
 * A PKCS#11 module in front of another one (MODULE). It fails as one line in the file FAULT says:
 *
 *   <function or *> <kind> <number>
 *
 *   fails   with this code               hangs   until the line changes
 *   late    by this many milliseconds    length  the function says that it returned this many bytes
 *   loses   the session is closed first  ends    the module is finalized first
 *   leaves  the user is logged out first
 *
 * The last three happen once for each line.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CK_PTR *
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include <pkcs11.h>

struct fault {
  char line[128], function[64], kind[16];
  unsigned long number;
};

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;

/* 1 if the file says what happens to this function. */
static int fault_of(const char *function, struct fault *fault) {
  FILE *file = fopen(FAULT, "r");
  int read = file != NULL && fgets(fault->line, sizeof fault->line, file) != NULL &&
             sscanf(fault->line, "%63s %15s %lu", fault->function, fault->kind, &fault->number) == 3;
  if (file != NULL) fclose(file);
  return read && (strcmp(fault->function, "*") == 0 || strcmp(fault->function, function) == 0);
}

static int is(const struct fault *fault, const char *kind) { return strcmp(fault->kind, kind) == 0; }

/* 1 once for each line. */
static int first_time(const struct fault *fault) {
  static char last[128];
  if (strcmp(last, fault->line) == 0) return 0;
  strcpy(last, fault->line);
  return 1;
}

static CK_RV before(const char *function, CK_SESSION_HANDLE session) {
  struct fault fault;
  while (fault_of(function, &fault) && is(&fault, "hangs")) usleep(5000);
  if (!fault_of(function, &fault)) return CKR_OK;
  if (is(&fault, "fails")) return fault.number;
  if (is(&fault, "late")) usleep(fault.number * 1000);
  if (is(&fault, "loses") && first_time(&fault)) real->C_CloseSession(session);
  if (is(&fault, "leaves") && first_time(&fault)) real->C_Logout(session);
  if (is(&fault, "ends") && first_time(&fault)) real->C_Finalize(NULL_PTR);
  return CKR_OK;
}

static void after(const char *function, CK_ULONG_PTR length) {
  struct fault fault;
  if (fault_of(function, &fault) && is(&fault, "length")) *length = fault.number;
}

#define IN_FRONT_OF(name, session, parameters, arguments) \
  static CK_RV name##_or_fault parameters { \
    CK_RV code = before(#name, session); \
    return code == CKR_OK ? real->name arguments : code; \
  }

IN_FRONT_OF(C_GetTokenInfo, 0, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info), (slot, info))
IN_FRONT_OF(C_OpenSession, 0,
            (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR p, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session),
            (slot, flags, p, notify, session))
IN_FRONT_OF(C_Login, session,
            (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length),
            (session, user, pin, length))
IN_FRONT_OF(C_FindObjectsInit, session,
            (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR wanted, CK_ULONG count), (session, wanted, count))
IN_FRONT_OF(C_EncryptInit, session,
            (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key),
            (session, mechanism, key))
IN_FRONT_OF(C_DecryptInit, session,
            (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key),
            (session, mechanism, key))

/* Two threads in it at once are a mistake of the client, which breaks SoftHSM now and then. */
static CK_RV C_Initialize_or_fault(CK_VOID_PTR options) {
  static int entered;
  CK_RV code = __sync_lock_test_and_set(&entered, 1) != 0 ? CKR_FUNCTION_NOT_PARALLEL : before("C_Initialize", 0);
  if (code == CKR_FUNCTION_NOT_PARALLEL) return code;
  if (code == CKR_OK) code = real->C_Initialize(options);
  __sync_lock_release(&entered);
  return code;
}

static CK_RV C_Encrypt_or_fault(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_length, CK_BYTE_PTR out,
                                CK_ULONG_PTR out_length) {
  CK_RV fault = before("C_Encrypt", session);
  CK_RV code = real->C_Encrypt(session, in, in_length, out, out_length); /* Always, because a failure ends the operation. */
  after("C_Encrypt", out_length);
  return fault == CKR_OK ? code : fault;
}

static CK_RV C_Decrypt_or_fault(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_length, CK_BYTE_PTR out,
                                CK_ULONG_PTR out_length) {
  CK_RV fault = before("C_Decrypt", session);
  CK_RV code = real->C_Decrypt(session, in, in_length, out, out_length); /* Always, because a failure ends the operation. */
  after("C_Decrypt", out_length);
  return fault == CKR_OK ? code : fault;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
  if (real == NULL) {
    void *module = dlopen(MODULE, RTLD_LAZY | RTLD_LOCAL);
    CK_C_GetFunctionList get = module == NULL ? NULL : (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    list = *real;
    list.C_Initialize = C_Initialize_or_fault;
    list.C_GetTokenInfo = C_GetTokenInfo_or_fault;
    list.C_OpenSession = C_OpenSession_or_fault;
    list.C_Login = C_Login_or_fault;
    list.C_FindObjectsInit = C_FindObjectsInit_or_fault;
    list.C_EncryptInit = C_EncryptInit_or_fault;
    list.C_Encrypt = C_Encrypt_or_fault;
    list.C_DecryptInit = C_DecryptInit_or_fault;
    list.C_Decrypt = C_Decrypt_or_fault;
  }
  *out = &list;
  return CKR_OK;
}
