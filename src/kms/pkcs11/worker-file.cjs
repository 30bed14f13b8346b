// @ts-check
'use strict'
const { basename, join } = require('node:path')

/**
 * The file of the thread. This is CommonJS in both builds, because only that knows its folder in both. Undefined in a
 * bundle: there is no folder then, or that of the bundle, where a file of this name would be a stranger's.
 */
module.exports =
  typeof __filename === 'string' && basename(__filename) === 'worker-file.cjs'
    ? join(__dirname, 'worker.cjs')
    : undefined
