global.Promise = require('bluebird')
require('./main.cjs').main({ Uint8Array, later: (value) => Promise.delay(5, value) })
