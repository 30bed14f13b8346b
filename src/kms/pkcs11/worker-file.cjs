// @ts-check
'use strict'
const { join } = require('node:path')

/** The file of the thread. This is CommonJS in both builds, because only that knows its folder in both. */
module.exports = join(__dirname, 'worker.cjs')
