const root = require('kafka-envelope')
const config = require('kafka-envelope/config-file')
const local = require('kafka-envelope/kms/local')
const record = require('kafka-envelope/record')
const { memoryKms } = require('kafka-envelope/kms/memory')
const { mixedCopies, records } = require('./round-trips.cjs')

async function main() {
  await records(root, local, record, config)
  await mixedCopies(root, await import('kafka-envelope/record'), memoryKms({ cmks: ['orders'] }))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
