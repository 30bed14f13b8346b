const vm = require('node:vm')

// An application that lives in another context: its promises and bytes are made by other constructors.
const theirs = vm.runInNewContext(
  '({ Uint8Array, later: (value) => new Promise((resolve) => setTimeout(resolve, 5, value)) })',
  { setTimeout },
)
if (theirs.Uint8Array === Uint8Array) throw new Error('the context has no globals of its own')
require('./main.cjs').main(theirs)
