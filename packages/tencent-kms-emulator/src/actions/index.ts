import type { Action } from '../action.js'
import { asymmetricActions } from './asymmetric.js'
import { listActions } from './list.js'
import { manageActions } from './manage.js'
import { rotationActions } from './rotation.js'
import { serviceActions } from './service.js'
import { symmetricActions } from './symmetric.js'

/** Every action that the emulator has, by name. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map(
  [
    ...symmetricActions,
    ...asymmetricActions,
    ...manageActions,
    ...rotationActions,
    ...listActions,
    ...serviceActions,
  ].map((action) => [action.name, action]),
)
