#!/usr/bin/env node
import { reportFailure, runCommand } from './cli.js'

// The reader of the output may close it early, as `head` does.
process.stdout.on('error', reportFailure)
runCommand(process.argv.slice(2)).catch(reportFailure)
