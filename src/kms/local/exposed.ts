const PERMISSIONS = 0o777
/** Any permission for the group or for others. */
const OTHERS = 0o077
/** The mode that Kubernetes gives a Secret with `defaultMode: 0400` in a pod with `fsGroup`. */
const SECRET_OF_A_GROUP = 0o440
const ROOT = 0

/**
 * Whether anyone other than the owner of a file can use it. One exception: a file of root with mode 0440, with which an
 * administrator gives a secret to a group, and so to the processes of a pod. A process that reads it as a member of
 * that group could not change its mode.
 */
export function isExposed({ mode, uid }: { readonly mode: number; readonly uid: number }): boolean {
  const isSecretOfAGroup = uid === ROOT && (mode & PERMISSIONS) === SECRET_OF_A_GROUP
  return (mode & OTHERS) !== 0 && !isSecretOfAGroup
}
