require('zone.js/node')
require('./main.cjs').main({
  Uint8Array,
  later: (value) => new Promise((resolve) => setTimeout(resolve, 5, value)),
})
