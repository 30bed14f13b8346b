#!/usr/bin/env node
import { systemClock } from '../clock.js'
import { INTERRUPTED } from './interrupt.js'
import { kafkaEnvelopeCommand } from './program.js'
import { reportFailure } from './report-failure.js'

/** For what is still on its way to standard output. */
const LAST_OUTPUT_MS = 500

// The reader of the output may close it early, as `head` does.
process.stdout.on('error', reportFailure)
kafkaEnvelopeCommand()
  .parseAsync()
  .catch(reportFailure)
  .finally(() => {
    if (process.exitCode !== INTERRUPTED) return
    // The command has cleaned up. KafkaJS may go on trying to reach a broker that does not answer.
    systemClock.timeout(() => process.exit(), LAST_OUTPUT_MS)
  })
