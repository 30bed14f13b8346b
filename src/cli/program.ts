import { Command } from 'commander'

import { VERSION } from '../version.js'
import { registerAllow } from './allow/allow.js'
import { registerAudit } from './audit.js'
import { registerCat } from './cat/cat.js'
import { registerCheck } from './check.js'
import { registerCutover } from './cutover/cutover.js'
import { registerDictionary } from './dictionary/dictionary.js'
import { registerDoctor } from './doctor/doctor.js'
import { registerInspect } from './inspect/inspect.js'
import { registerKeyring } from './keyring.js'
import { registerKmsEmulator } from './kms-emulator.js'
import { oneLine } from './report-failure.js'
import { registerRewrap } from './rewrap/rewrap.js'
import { registerReseal } from './reseal/reseal.js'
import { registerScan } from './scan/scan.js'
import { registerSecret } from './secret/secret.js'

/** The whole command. Errors of usage are one line on stderr. */
export function kafkaEnvelopeCommand(): Command {
  const program = new Command('kafka-envelope')
    .description('Envelope encryption for Kafka records')
    .version(VERSION)
    // Set before the commands are added, because they inherit it. Commander would put suggestions on a second line.
    .configureOutput({
      outputError: (text, write) => {
        write(`${oneLine(text)}\n`)
      },
    })
  // In this order, `--help` lists them.
  registerCheck(program)
  registerDoctor(program)
  registerScan(program)
  registerCat(program)
  registerInspect(program)
  registerAllow(program)
  registerCutover(program)
  registerRewrap(program)
  registerReseal(program)
  registerSecret(program)
  registerKeyring(program)
  registerDictionary(program)
  registerAudit(program)
  registerKmsEmulator(program)
  return program
}
