#!/usr/bin/env node
import { Command } from 'commander'

import { VERSION } from '../version.js'
import { registerKeyring } from './keyring.js'
import { reportFailure } from './report-failure.js'

const program = new Command('kafka-envelope')
  .description('Envelope encryption for Kafka records')
  .version(VERSION)

registerKeyring(program)

program.parseAsync().catch(reportFailure)
