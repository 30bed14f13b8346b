import { InvalidArgumentError, Option, type Command } from 'commander'
import { create } from './create.js'
import { measure } from './measure.js'

/** A run that occurs in one sample alone could belong to one person. */
const LEAST = 2

/** `kafka-envelope dictionary …`: makes and measures dictionaries for compression. */
export function registerDictionary(program: Command): void {
  const dictionary = program.command('dictionary').description('make and measure compression dictionaries')

  dictionary
    .command('create')
    .description('make a dictionary of what many samples have in common, and print what it saves')
    .argument('<file>')
    .addOption(samplesOption().conflicts(['topic', 'config', 'records']))
    .option('--topic <name>', 'take the samples from this topic; needs --config')
    .option('--config <file>', 'a JavaScript module that exports `kafka` and `encryption`')
    .addOption(
      new Option('--records <n>', 'how many records of the topic, from its beginning')
        .default(2000)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option('--min-samples <n>', 'leave out what occurs in fewer different samples, or groups of them')
        .default(10)
        .argParser(wholeNumber),
    )
    .option(
      '--group-by <field>',
      'a field of JSON values that tells people apart, such as customer.id: samples that are equal in it count once (default for a topic: the key of the record)',
    )
    .option('--show', 'print what is in the dictionary, for review')
    .option('--force', 'replace a file that exists')
    .action(create)

  dictionary
    .command('measure')
    .description('compare a dictionary with no compression, gzip and zstd')
    .argument('<file>')
    .addOption(samplesOption().makeOptionMandatory())
    .action(measure)
}

function samplesOption(): Option {
  return new Option(
    '--samples <file...>',
    'values of records: one a line in .jsonl and .ndjson, one a file in others',
  )
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text) || Number(text) < LEAST) {
    throw new InvalidArgumentError('Expected a whole number from 2.')
  }
  return Number(text)
}
