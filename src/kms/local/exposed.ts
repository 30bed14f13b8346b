const PERMISSIONS = 0o777
/** Any right of the group or of others. */
const OTHERS = 0o077
/** The mode that Kubernetes gives a Secret with `defaultMode: 0400` in a pod with `fsGroup`. */
const SECRET_OF_A_GROUP = 0o440
const ROOT = 0

/**
 * Whether others than the owner of a file can use it. One exception: a file of root with mode 0440 is how an
 * administrator hands a secret to a group, and so to the processes of a pod. Its owner can change it at will, and a
 * process that reads it as a member of that group could not give it another mode.
 */
export function isExposed({ mode, uid }: { readonly mode: number; readonly uid: number }): boolean {
  const isSecretOfAGroup = uid === ROOT && (mode & PERMISSIONS) === SECRET_OF_A_GROUP
  return (mode & OTHERS) !== 0 && !isSecretOfAGroup
}
