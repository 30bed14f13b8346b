/** What may be written into a configuration file. */
export type EditValue =
  string | number | boolean | null | readonly EditValue[] | { readonly [name: string]: EditValue }

/** Names of members and numbers of items, from the root of the file. */
export type EditPath = readonly (string | number)[]

/**
 * One change of a configuration file: `set` gives a member a value, `append` adds an item to the end of a list. Objects
 * and lists that are missing on the way are made. `${` in a text is written so that it stays text. `remove` takes an item
 * out of its list.
 */
export type Edit =
  | { readonly path: EditPath; readonly set: EditValue }
  | { readonly path: EditPath; readonly append: EditValue }
  | Removal

export interface Removal {
  /** Ends with the number of the item. */
  readonly path: EditPath
  readonly remove: true
}
