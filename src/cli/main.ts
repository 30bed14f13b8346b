#!/usr/bin/env node
import { kafkaEnvelopeCommand, reportFailure } from './program.js'

// The reader of the output may close it early, as `head` does.
process.stdout.on('error', reportFailure)
kafkaEnvelopeCommand().parseAsync().catch(reportFailure)
